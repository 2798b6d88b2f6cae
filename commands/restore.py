"""Sends MLflow the outputs that it lacks. `python -m commands.restore`, after a server was down or a store was lost.

That is every training of compare.variants and compare.seeds, each reference, and their comparison; then every
comparison in the store is linked with the runs it used. Times, commit and costs are those of the original where
measurements/ still has them.
"""

from rich.console import Console

from config.params import Params, load
from core import command_line
from core.errors import TrackingError
from outputs import evaluation_checksums
from pipelines import compare
from tracking import comparison_from_outputs
from tracking.comparisons import relink
from tracking.connection import Connection, connect


def main() -> None:
    """The command line."""
    command_line.run(lambda _: restore(load()), command_line.parser(__doc__))


def restore(params: Params) -> None:
    """Completes all runs.

    Raises:
        TrackingError: MLflow still lacks something.
    """
    with connect(params.tracking.experiment) as mlflow:
        complete(mlflow, params)
        if mlflow.missed:
            raise TrackingError("MLflow does not have everything yet; the line above says why")


def complete(mlflow: Connection, params: Params) -> None:
    """Sends what MLflow lacks, and names it; computes nothing if MLflow cannot be reached.

    Raises:
        DataError: a training has not been evaluated since it last ran.
    """
    if not mlflow.reachable:
        return
    console = Console()
    evaluation_checksums.check_compared(params.compare)
    result = compare.compare(params)
    for title in comparison_from_outputs.complete_runs(mlflow, params):
        console.print(f"completed in MLflow: {title}", markup=False)
    if comparison_from_outputs.complete(mlflow, params, result):
        console.print("completed in MLflow: the comparison")
    trainings = comparison_from_outputs.signatures(params)
    relink(mlflow, comparison_from_outputs.comparison_signature(params, trainings), trainings)
    mlflow.forget_abandoned()


if __name__ == "__main__":
    main()
