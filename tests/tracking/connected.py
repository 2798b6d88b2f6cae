"""The functions of tracking/lifecycle.py, each with a connection of its own to an experiment, as a stage has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlflow.tracking import MlflowClient

from tracking import lifecycle
from tracking.connection import connect
from tracking.run import Run

CONFIG: dict[str, Any] = {
    "name": "bilstm",
    "seed": 2,
    "variant": {"cell": "lstm", "bidirectional": True},
    "train": {"epochs": 3},
    "data": {"name": "toy", "digest": "sha256:" + "a" * 64},
    "tokenize": {"max_tokens": 9},
    "vocabulary_size": 10,
    "parameters": {"total": 12, "embedding": 5},
    "labels": ["no", "yes"],
    "signature": "s2",
}


@contextmanager
def training_run(
    experiment: str, variant: str, seed: int, signature: str, *arguments: Any, **named: Any
) -> Iterator[Run]:
    config = {**CONFIG, "name": variant, "seed": seed, "signature": signature}
    with connect(experiment) as mlflow, lifecycle.training_run(mlflow, config, *arguments, **named) as run:
        yield run


@contextmanager
def comparison_run(experiment: str, *arguments: Any, **named: Any) -> Iterator[Run]:
    with connect(experiment) as mlflow, lifecycle.comparison_run(mlflow, *arguments, **named) as run:
        yield run


def find_run(experiment: str, signature: str) -> Run | None:
    with connect(experiment) as mlflow:
        return lifecycle.find_run(mlflow, signature)


def open_experiment(experiment: str) -> tuple[MlflowClient, str]:
    """MLflow's client and the experiment's id; abandoned runs are closed, and taken to be complete."""
    with connect(experiment) as mlflow:
        mlflow.forget_abandoned()
        return mlflow.client, mlflow.experiment_id
