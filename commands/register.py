"""Registers the comparison's winner in MLflow, as champion. `python -m commands.register`, or `make register`.

Without --variant it is the variant with the best mean; without --seed all its trainings, whose probabilities are
averaged, as `commands.predict` does. The verdict becomes the version's description.
"""

import argparse

from rich.console import Console

from config.params import Params, load
from core import command_line, paths
from core.errors import TrackingError
from outputs import evaluation_checksums
from outputs.comparison_file import read_comparison
from predictor.files import ModelFiles
from predictor.selection import select
from predictor.winner import winner
from tracking import comparison_from_outputs, from_outputs
from tracking.connection import Connection, connect
from tracking.lifecycle import find_run
from tracking.registry import Version, current_model, register


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("--variant", help="a trained variant (default: the best of the comparison)")
    arguments.add_argument("--seed", type=int, help="one training of the variant (default: the mean of all trainings)")
    command_line.run(_command, arguments)


def _command(chosen: argparse.Namespace) -> None:
    params, console = load(), Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    models = select(chosen.variant, chosen.seed, params.compare, console.print)
    version = register_models(params, models)
    made = "registered" if version.new else "it already is"
    print(f"{made} version {version.number}: mlflow.pyfunc.load_model({version.address!r})")


def register_models(params: Params, models: list[ModelFiles]) -> Version:
    """Registers one training, or several of one variant as an ensemble.

    Raises:
        TrackingError: MLflow cannot be reached, or lacks the runs of these trainings or their comparison.
    """
    variant, seeds = models[0].config["name"], [files.config["seed"] for files in models]
    tags = {"variant": variant, "seeds": ", ".join(map(str, seeds)), "data": read_comparison()["data"]}
    with connect(params.tracking.experiment) as mlflow:
        model_id, run_id = _logged_model(mlflow, params, models)
        version = model_id and register(
            mlflow, params.tracking.experiment, model_id, run_id, _description(models), tags
        )
        if mlflow.missed:
            raise TrackingError("the model is not registered; the line above says why")
    if not version:
        raise TrackingError("MLflow lacks the runs of this comparison; make restore rebuilds them from the outputs")
    return version


def _logged_model(mlflow: Connection, params: Params, models: list[ModelFiles]) -> tuple[str, str]:
    """The ids of MLflow's model and of its run, the training's or the comparison's; empty if there is no run."""
    variant, seeds = models[0].config["name"], [files.config["seed"] for files in models]
    folders = [paths.folder(variant, seed) for seed in seeds]
    if len(models) == 1:
        signature = models[0].config["signature"]
        evaluation_checksums.check(variant, seeds[0])
        scores = from_outputs.scores(folders[0])
    else:
        signature = comparison_from_outputs.comparison_signature(params, comparison_from_outputs.signatures(params))
        together = read_comparison()["ensembles"].get(variant, {})
        scores = {key: score["value"] for key, score in together.items()}
    run = find_run(mlflow, signature)
    return (current_model(mlflow, run, folders, scores), run.run_id) if run else ("", "")


def _description(models: list[ModelFiles]) -> str:
    """The verdict with its warnings and doubts, and which trainings these are."""
    best, names = winner(), " and ".join(files.name for files in models)
    comparison = read_comparison()
    how = "" if len(models) == 1 else ": the mean of their probabilities"
    verdict = " ".join([comparison["verdict"], *comparison["warnings"], *(f"Doubt: {doubt}." for doubt in best.doubts)])
    return f"{verdict}\n\nThis is {names}{how}."


if __name__ == "__main__":
    main()
