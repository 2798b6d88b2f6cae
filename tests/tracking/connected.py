"""The functions of tracking/lifecycle.py, each with a connection of its own to an experiment, as a stage has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlflow.tracking import MlflowClient

from tracking import lifecycle
from tracking.connection import connect
from tracking.run import Run


@contextmanager
def training_run(experiment: str, *arguments: Any, **named: Any) -> Iterator[Run]:
    with connect(experiment) as mlflow, lifecycle.training_run(mlflow, *arguments, **named) as run:
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
