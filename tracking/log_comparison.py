"""Logs a comparison to MLflow: a parent run with the verdict, whose children are the trainings and references."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from analysis.comparison.costs import COSTS, mean_cost, measured_on
from analysis.comparison.standing import LINEAR, TITLES
from analysis.report.files import Result
from config.params import Params
from core import file_io, paths
from core.paths import REFERENCES, REPORTS
from outputs import measurements
from tracking import from_outputs
from tracking.runs import Occasion, comparison_run, find_run, occasion


def log_comparison(params: Params, result: Result) -> None:
    """Logs the comparison as a new run, after the runs of trainings and references that the store does not have."""
    for _ in rebuild_lost_runs(params):
        pass  # as in a clone, where DVC brought the outputs without running the stages
    _log(params, result, original=None, at=time.time_ns() // 1_000_000)


def rebuild_lost_runs(params: Params) -> Iterator[str]:
    """Rebuilds the runs of the compared trainings and references that the store does not have; yields their titles."""
    experiment = params.tracking.experiment
    for variant, seed in params.compare.trainings():
        if from_outputs.rebuild_lost(experiment, paths.folder(variant, seed)):
            yield f"{variant} · seed {seed}"
    for name, title in TITLES.items():
        if from_outputs.rebuild_lost_reference(experiment, REFERENCES / name):
            yield title


def rebuild_lost_comparison(params: Params, result: Result) -> None:
    """Logs the comparison with the original's times, if the store has no run of it."""
    signature = comparison_signature(params, signatures(params))
    if find_run(params.tracking.experiment, signature) is None:
        measured = measurements.read(signature)
        original = Occasion(**measured.get("occasion", {}))
        _log(params, result, original, at=measured.get("told", time.time_ns() // 1_000_000))


def _log(params: Params, result: Result, original: Occasion | None, at: int) -> None:
    data, compare = result.experiment.data, params.compare
    trainings = signatures(params)
    signature = comparison_signature(params, trainings)
    name = f"{' · '.join(compare.variants)} on {data}"
    note = f"{result.verdict} {measured_on(result.experiment.all_costs)}"
    tags = _tags(result, compare.baseline, compare.metric)
    with comparison_run(params.tracking.experiment, name, signature, trainings, tags, note, original) as run:
        run.log_params({"compare": compare.model_dump(), "data": data})
        run.log_metrics(comparison_metrics(result), at=at)
        run.log_artifacts([REPORTS / "comparison.html", REPORTS / "comparison.json"])
        run.log_artifacts([REPORTS / "figures"], "figures")
    measurements.add(signature, told=at, occasion=asdict(occasion(run)))


def signatures(params: Params) -> list[str]:
    """The signatures of the compared trainings, then of the references.

    Raises:
        DataError: a config.json is missing or broken.
    """
    stages = {paths.folder(variant, seed): "train" for variant, seed in params.compare.trainings()}
    stages |= {REFERENCES / name: "reference" for name in TITLES}
    return [file_io.read_json(folder / "config.json", stage)["signature"] for folder, stage in stages.items()]


def comparison_signature(params: Params, trainings: Sequence[str]) -> str:
    """Identifies the comparison of `trainings` (signatures) in MLflow."""
    content = json.dumps([trainings, params.compare.model_dump()])
    return hashlib.sha256(content.encode()).hexdigest()


def _tags(result: Result, baseline: str, metric: str) -> dict[str, str]:
    findings = {f"sound.{kind}": ", ".join(names) for kind, names in result.soundness.by_kind().items() if names}
    return {
        "verdict": result.verdict.sentence,
        "data": result.experiment.data,
        "baseline": baseline,
        "metric": metric,
        "sound": "no" if result.soundness.findings else "yes",
        **findings,
    }


def comparison_metrics(result: Result) -> dict[str, float]:
    """The numbers by which MLflow's charts compare comparisons, over time and over data sets."""
    metrics = {
        f"{variant}.{key}": score.mean
        for variant, scores in result.comparison.scores.items()
        for key, score in scores.items()
    }
    key = result.experiment.metric.key
    for variant, differences in result.comparison.differences.items():
        difference = differences[key]
        metrics |= {
            f"{variant}.{key}_difference": difference.value,
            f"{variant}.{key}_difference_low": difference.low,
            f"{variant}.{key}_difference_high": difference.high,
            f"{variant}.{key}_difference_p_value": difference.p_value_corrected,
        }
    for name, scores in result.standing.scores.items():
        metrics |= {f"references.{name}.{key}": score.mean for key, score in scores.items()}
    for variant, gaps in result.standing.gaps.items():
        metrics[f"{variant}.accuracy_less_{LINEAR}"] = gaps["accuracy"].value
    for variant, trainings in result.experiment.costs.items():
        costs = {f"{variant}.{cost.key}": mean_cost(trainings, cost.key) for cost in COSTS}
        metrics |= {name: value for name, value in costs.items() if value is not None}
    return metrics
