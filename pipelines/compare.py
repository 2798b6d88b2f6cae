"""Stage compare: all trainings beside each other. `python -m pipelines.compare`.

Reads the predictions and histories of compare.variants and compare.seeds, and the test documents; writes
reports/comparison.json (metrics for DVC), the figures as PNG, rows for `dvc plots`, and reports/comparison.html.
"""

import hashlib
import json
import time
from dataclasses import asdict

from analysis.comparison import compare as compare_variants
from analysis.costs import COSTS, mean_cost
from analysis.slices import slice_scores
from analysis.verdict import judge
from pipelines import cli, measurements, outputs, reports
from pipelines.experiment import read_experiment
from pipelines.outputs import REPORTS
from pipelines.params import Params, load
from pipelines.reports import Result


def main() -> None:
    """The command line."""
    cli.run(lambda _: tell(load()), cli.parser(__doc__))


def compare(params: Params) -> Result:
    """Compares the trainings, writes the reports, and prints the table and the verdict."""
    experiment = read_experiment(params)
    comparison = compare_variants(experiment)
    result = Result(experiment, comparison, slice_scores(experiment), judge(experiment, comparison))
    reports.write(result)
    reports.show(result)
    return result


def tell(params: Params, lost: bool = False) -> None:
    """Compares, and tells MLflow: a parent run, whose children are the trainings.

    With `lost` only if the store has no such run, and then with the original's times.
    """
    result = compare(params)
    from tracking.runs import Occasion, comparison_run, find_run, occasion  # slow to import

    experiment, trainings = params.tracking.experiment, _signatures(params)
    content = json.dumps([trainings, params.compare.model_dump()])
    signature = hashlib.sha256(content.encode()).hexdigest()
    if lost and find_run(experiment, signature):
        return
    known = measurements.read(signature) if lost else {}
    original = Occasion(**known.get("occasion", {})) if lost else None
    told = known.get("told", time.time_ns() // 1_000_000)
    name = f"{' · '.join(params.compare.variants)} on {result.experiment.data}"
    tags = {"verdict": result.verdict.sentence, "data": result.experiment.data, "baseline": params.compare.baseline}
    tags["metric"] = params.compare.metric
    with comparison_run(experiment, name, signature, trainings, tags, str(result.verdict), original) as run:
        run.log_params({"compare": params.compare.model_dump(), "data": result.experiment.data})
        run.log_metrics(told_metrics(result), at=told)
        run.log_artifacts([REPORTS / "comparison.html", REPORTS / "comparison.json"])
        run.log_artifacts([REPORTS / "figures"], "figures")
    measurements.add(signature, told=told, occasion=asdict(occasion(run)))


def _signatures(params: Params) -> list[str]:
    folders = [outputs.folder(variant, seed) for variant in params.compare.variants for seed in params.compare.seeds]
    return [outputs.read_json(folder / "config.json", made_by="train")["signature"] for folder in folders]


def told_metrics(result: Result) -> dict[str, float]:
    """What makes comparisons over time and over data sets comparable in MLflow's charts."""
    found = {
        f"{variant}.{key}": score.mean
        for variant, scores in result.comparison.scores.items()
        for key, score in scores.items()
    }
    for variant, differences in result.comparison.differences.items():
        key = result.experiment.metric.key
        gap = differences[key]
        found |= {
            f"{variant}.{key}_difference": gap.value,
            f"{variant}.{key}_difference_low": gap.low,
            f"{variant}.{key}_difference_high": gap.high,
            f"{variant}.{key}_difference_p_value": gap.p_value_corrected,
        }
    for variant, trainings in result.experiment.costs.items():
        costs = {f"{variant}.{cost.key}": mean_cost(trainings, cost.key) for cost in COSTS}
        found |= {name: value for name, value in costs.items() if value is not None}
    return found


if __name__ == "__main__":
    main()
