"""Logs a comparison to MLflow: a parent run, whose children are the trainings and references."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from analysis.comparison.costs import COSTS, mean_cost, measured_on, mixed_hardware
from analysis.comparison.standing import LINEAR, TITLES
from analysis.report.result import Result
from config.params import Params
from core import file_io, paths
from core.paths import REFERENCES, REPORTS
from outputs import measurements
from tracking import from_outputs, pretraining_from_outputs, saved_views, trials_from_outputs, tuning_from_outputs
from tracking.connection import Connection
from tracking.lifecycle import comparison_run, find_run
from tracking.run import Provenance


def complete_runs(mlflow: Connection, params: Params) -> Iterator[str]:
    """Sends what MLflow lacks of pretraining, trainings, searches, settings and references; yields a title for each."""
    if pretraining_from_outputs.complete(mlflow):
        yield "pretraining"
    for variant in params.compare.variants:
        for seed in params.compare.seeds:
            if from_outputs.complete(mlflow, paths.folder(variant, seed)):
                yield f"{variant} · seed {seed}"
        if params.compare.tuning.trials and tuning_from_outputs.complete(mlflow, variant):
            yield f"tuning of {variant}"
    yield from trials_from_outputs.complete_settings(mlflow, params)
    for name, title in TITLES.items():
        if from_outputs.complete_reference(mlflow, REFERENCES / name):
            yield title


def complete(mlflow: Connection, params: Params, result: Result) -> bool:
    """Logs the comparison, with its original times, if MLflow has no run for it; returns whether it had none."""
    signature = comparison_signature(params, signatures(params))
    measured = measurements.read(signature)
    original = from_outputs.provenance(measured)
    with mlflow.alone():
        missing = find_run(mlflow, signature, original.ended) is None and mlflow.reachable
        if missing:  # earlier versions called the time `told`
            log(mlflow, params, result, original, measured.get("logged") or measured.get("told"))
    return missing


def log(
    mlflow: Connection,
    params: Params,
    result: Result,
    original: Provenance | None = None,
    logged: int | None = None,
) -> None:
    """Logs a run for the comparison; a rebuilt one gets the `original` provenance and `logged` as its metrics' time."""
    trainings = signatures(params)
    signature = comparison_signature(params, trainings)
    logged = logged or time.time_ns() // 1_000_000
    name = f"{' · '.join(params.compare.variants)} on {result.experiment.data}"
    tags = {"verdict": result.verdict.sentence, "data": result.experiment.data, "baseline": params.compare.baseline}
    tags["metric"] = params.compare.metric
    tags |= {"sound": "no" if result.soundness.findings else "yes"}
    tags |= {f"sound.{kind}": ", ".join(variants) for kind, variants in result.soundness.by_kind().items() if variants}
    experiment = result.experiment
    hardware = [mixed_hardware(experiment.costs, experiment.trainings), measured_on(experiment.all_costs)]
    note = " ".join(filter(None, [str(result.verdict), *hardware]))
    with comparison_run(mlflow, name, signature, trainings, tags, note, original) as run:
        run.log_params({"compare": params.compare.model_dump(), "data": result.experiment.data})
        run.log_metrics(comparison_metrics(result), at=logged)
        run.log_artifacts([REPORTS / "comparison.html", REPORTS / "comparison.json"])
        run.log_artifacts([REPORTS / "figures"], "figures")
    saved_views.save(mlflow)
    measurements.add(signature, logged=logged, provenance=asdict(run.provenance))


def signatures(params: Params) -> list[str]:
    """The signatures of the trainings that are compared, then those of the references."""
    folders = [paths.folder(variant, seed) for variant in params.compare.variants for seed in params.compare.seeds]
    made_by = dict.fromkeys(folders, "train") | {REFERENCES / name: "reference" for name in TITLES}
    return [file_io.read_json(folder / "config.json", stage)["signature"] for folder, stage in made_by.items()]


def comparison_signature(params: Params, trainings: Sequence[str]) -> str:
    """Identifies the comparison of these `trainings` (signatures) in MLflow."""
    content = json.dumps([trainings, params.compare.model_dump()])
    return hashlib.sha256(content.encode()).hexdigest()


def comparison_metrics(result: Result) -> dict[str, float]:
    """What makes comparisons over time and over data sets comparable in MLflow's charts."""
    metrics = {
        f"{variant}.{key}": score.mean
        for variant, scores in result.comparison.scores.items()
        for key, score in scores.items()
    }
    for variant, differences in result.comparison.differences.items():
        key = result.experiment.metric.key
        gap = differences[key]
        metrics |= {
            f"{variant}.{key}_difference": gap.value,
            f"{variant}.{key}_difference_low": gap.low,
            f"{variant}.{key}_difference_high": gap.high,
            f"{variant}.{key}_difference_p_value": gap.p_value_corrected,
        }
    for name, scores in result.standing.scores.items():
        metrics |= {f"references.{name}.{key}": score.mean for key, score in scores.items()}
    for variant, gaps in result.standing.gaps.items():
        metrics[f"{variant}.accuracy_less_{LINEAR}"] = gaps["accuracy"].value
    for variant, trainings in result.experiment.costs.items():
        costs = {f"{variant}.{cost.key}": mean_cost(trainings, cost.key) for cost in COSTS}
        metrics |= {name: value for name, value in costs.items() if value is not None}
    return metrics
