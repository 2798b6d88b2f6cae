"""Logs a search to MLflow, from outputs and measurements: a parent run whose children are the trials.

A trial sends each epoch as it ends; `complete` sends what MLflow lacks, as tracking/from_outputs.py does.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mlflow.entities import Run as MlflowRun

from analysis.comparison.metrics import metric_named
from config.settings import setting_shown
from outputs.tuned import read_search
from tracking.comparisons import MOST, compare_page
from tracking.connection import Connection
from tracking.lifecycle import find_run, tuning_run
from tracking.run import NOTE, PARENT, SIGNATURE, Run
from tracking.trials_from_outputs import rebuild

Outcome = Mapping[str, Any]


def complete(mlflow: Connection, variant: str) -> bool:
    """Sends what MLflow lacks of the search for the best setting of `variant`; returns whether anything was missing."""
    search = read_search(variant)
    if search is None or not mlflow.reachable:
        return False
    trials = {title(trial, search["trials"]): trial for trial in search["trials"]}
    with mlflow.alone():
        present = _runs(mlflow, variant)
        missing = {name: trial for name, trial in trials.items() if trial["signature"] not in present}
        for name, trial in missing.items():
            rebuild(mlflow, name, trial)
        signature = hashlib.sha256(json.dumps([variant, search]).encode()).hexdigest()
        lacking = find_run(mlflow, signature) is None
        if missing or lacking:
            present = _runs(mlflow, variant)
            with tuning_run(mlflow, variant, signature) as run:
                _describe(run, search, [present[trial["signature"]] for trial in trials.values()])
    return bool(missing) or lacking


def title(trial: Outcome, trials: Sequence[Outcome]) -> str:
    """The name of a trial's run."""
    several = any(other["search"] != trial["search"] for other in trials)
    search = f" of search {trial['search'] + 1}" if several else ""
    return f"{trial['variant']} · trial {trial['number'] + 1}{search}"


def _runs(mlflow: Connection, variant: str) -> dict[str, MlflowRun]:
    """The newest ended run of each trial of `variant`, by its signature."""
    runs: dict[str, MlflowRun] = {}
    for run in mlflow.search(f"tags.kind = 'trial' and tags.variant = '{variant}'", MOST):
        if run.info.status in ("FINISHED", "FAILED"):
            runs.setdefault(run.data.tags[SIGNATURE], run)
    return runs


def _describe(run: Run, search: Mapping[str, Any], trials: Sequence[MlflowRun]) -> None:
    """Makes the `trials` children of `run`, which says what the search was and what it chose."""
    mlflow, metric = run.mlflow, metric_named(search["metric"])
    for trial in trials:
        Run(mlflow, trial.info.run_id).set_tags({PARENT: run.run_id})
    best = [search["trials"][number] for number in search["chosen"]]
    page = compare_page(mlflow.experiment_id, [trial.info.run_id for trial in trials])
    score = f"best_validation_{metric.key}"
    note = f"[All {len(trials)} trials side by side, as parallel coordinates](#/{page}): under Metrics choose `{score}`"
    chosen = "; ".join(setting_shown(trial["setting"]) for trial in best)
    run.log_params({"trials": len(trials), "chosen": chosen})
    run.log_metrics({score: float(best[0]["scores"][metric.key])})
    run.set_tags({NOTE: f"{note}.\n\nChosen: {chosen}."})
