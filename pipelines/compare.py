"""Stage compare: all trainings beside each other. `python -m pipelines.compare`.

Reads the predictions and histories of compare.variants and compare.seeds, the references, and the test documents;
writes reports/comparison.json, its main numbers as reports/metrics.json for `dvc metrics`, the figures as PNG, rows for
`dvc plots`, and reports/comparison.html.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from analysis.comparison.costs import COSTS, mean_cost, measured_on
from analysis.comparison.differences import compare as compare_variants
from analysis.comparison.slices import slice_scores
from analysis.comparison.standing import LINEAR, TITLES, stand
from analysis.report import files
from analysis.report.files import Result
from analysis.verdict.sentences import judge
from analysis.verdict.soundness import examine
from config.params import Params, load
from core import command_line, file_io, paths
from core.paths import REFERENCES, REPORTS
from outputs import evaluation_checksums, measurements
from outputs.experiment_files import read_experiment, read_references, read_settings
from provenance.stage import run_stage


def main() -> None:
    """The command line."""
    run_stage(lambda _: tell(load()), command_line.parser(__doc__))


def compare(params: Params) -> Result:
    """Compares the trainings, writes the reports, and prints the table and the verdict."""
    evaluation_checksums.keep_only(params.compare)
    experiment = read_experiment(params)
    comparison = compare_variants(experiment)
    standing = stand(experiment, read_references(experiment))
    soundness = examine(experiment, comparison, standing, read_settings(params))
    verdict = judge(experiment, comparison, soundness)
    result = Result(experiment, comparison, slice_scores(experiment), verdict, standing, soundness)
    files.write(result)
    files.show(result)
    return result


def tell(params: Params, lost: bool = False) -> None:
    """Compares, and tells MLflow: a parent run, whose children are the trainings and references.

    With `lost` only if the store has no such run, and then with the original's times.
    """
    result = compare(params)
    from tracking import from_outputs  # slow to import
    from tracking.runs import Occasion, comparison_run, find_run, occasion

    experiment, trainings = params.tracking.experiment, signatures(params)
    signature = comparison_signature(params, trainings)
    for folder in folders(params):
        from_outputs.rebuild_lost(experiment, folder)  # as in a clone, where DVC brought the outputs without the stages
    for folder in reference_folders():
        from_outputs.rebuild_lost_reference(experiment, folder)
    if lost and find_run(experiment, signature):
        return
    known = measurements.read(signature) if lost else {}
    original = Occasion(**known.get("occasion", {})) if lost else None
    told = known.get("told", time.time_ns() // 1_000_000)
    name = f"{' · '.join(params.compare.variants)} on {result.experiment.data}"
    tags = {"verdict": result.verdict.sentence, "data": result.experiment.data, "baseline": params.compare.baseline}
    tags["metric"] = params.compare.metric
    tags |= {"sound": "no" if result.soundness.findings else "yes"}
    tags |= {f"sound.{kind}": ", ".join(found) for kind, found in result.soundness.by_kind().items() if found}
    note = f"{result.verdict} {measured_on(result.experiment.all_costs)}"
    with comparison_run(experiment, name, signature, trainings, tags, note, original) as run:
        run.log_params({"compare": params.compare.model_dump(), "data": result.experiment.data})
        run.log_metrics(told_metrics(result), at=told)
        run.log_artifacts([REPORTS / "comparison.html", REPORTS / "comparison.json"])
        run.log_artifacts([REPORTS / "figures"], "figures")
    measurements.add(signature, told=told, occasion=asdict(occasion(run)))


def folders(params: Params) -> list[Path]:
    """Of the trainings that are compared."""
    return [paths.folder(variant, seed) for variant in params.compare.variants for seed in params.compare.seeds]


def reference_folders() -> list[Path]:
    """Of the simple models beside them."""
    return [REFERENCES / name for name in TITLES]


def signatures(params: Params) -> list[str]:
    """Of the trainings that are compared, then of the references."""
    made_by = dict.fromkeys(folders(params), "train") | dict.fromkeys(reference_folders(), "reference")
    return [file_io.read_json(folder / "config.json", stage)["signature"] for folder, stage in made_by.items()]


def comparison_signature(params: Params, trainings: Sequence[str]) -> str:
    """What the comparison of these `trainings` (signatures) is found by in MLflow."""
    content = json.dumps([trainings, params.compare.model_dump()])
    return hashlib.sha256(content.encode()).hexdigest()


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
    for name, scores in result.standing.scores.items():
        found |= {f"references.{name}.{key}": score.mean for key, score in scores.items()}
    for variant, gaps in result.standing.gaps.items():
        found[f"{variant}.accuracy_less_{LINEAR}"] = gaps["accuracy"].value
    for variant, trainings in result.experiment.costs.items():
        costs = {f"{variant}.{cost.key}": mean_cost(trainings, cost.key) for cost in COSTS}
        found |= {name: value for name, value in costs.items() if value is not None}
    return found


if __name__ == "__main__":
    main()
