"""Which variant the comparison recommends, and how far it can be trusted: from reports/comparison.json alone."""

from typing import Any, NamedTuple

from analysis.comparison.metrics import Metric, metric_named
from analysis.verdict.phrases import SIGNIFICANCE, listed, p_value
from outputs.comparison_file import COMPARISON, read_comparison


class Winner(NamedTuple):
    """The variant with the best mean.

    Attributes:
        reason: a sentence that says why this variant was chosen.
        doubts: sentences that say why another variant may be as good; empty if the verdict is clear.
    """

    variant: str
    reason: str
    doubts: list[str]


def winner() -> Winner:
    """The best variant of the latest comparison.

    Raises:
        DataError: there is no comparison, or its file is broken.
    """
    comparison = read_comparison()
    metric, variants = metric_named(comparison["metric"]), comparison["variants"]
    means = {variant: scores[metric.key]["mean"] for variant, scores in variants.items()}
    best = max(means, key=lambda variant: metric.gain(means[variant]))
    reason = f"{best} has the best test {metric.title} of {COMPARISON}: {metric.shown_with_unit(means[best])}"
    return Winner(best, reason, _doubts(comparison, metric, best))


def _doubts(comparison: Any, metric: Metric, best: str) -> list[str]:
    differences = {variant: by_metric[metric.key] for variant, by_metric in comparison["differences"].items()}
    baseline = comparison["baseline"]
    compared = differences if best == baseline else {best: differences[best]}
    unsure = {variant: gap for variant, gap in compared.items() if gap["p_value_corrected"] >= SIGNIFICANCE}
    doubts = []
    for variant, gap in unsure.items():
        other = variant if best == baseline else baseline
        doubts.append(f"the comparison cannot tell {best} from {other} ({p_value(gap['p_value_corrected'])})")
    if best != baseline and (untested := [variant for variant in differences if variant != best]):
        doubts.append(f"{best} was compared with {baseline} alone, not with {listed(untested)}")
    unsound = [kind.replace("_", " ") for kind, variants in comparison["soundness"].items() if variants]
    if unsound or comparison["warnings"]:
        kinds = f" ({listed(unsound)})" if unsound else ""
        doubts.append(f"the comparison has warnings{kinds}; read the report")
    return doubts
