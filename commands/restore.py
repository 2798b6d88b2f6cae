"""Rebuilds, from the outputs, MLflow runs that the store has lost. `python -m commands.restore`.

Rebuilds the runs of the compared trainings, of the references and of their comparison, each if the store has no
finished one. Then links every comparison in the store with the runs that it used. Times, commit and costs are the
original's where measurements/ still has them.
"""

from rich.console import Console

from analysis.comparison.standing import TITLES
from config.params import Params, load
from core import command_line
from outputs.compared import comparison_signature, read_signatures, reference_folders, training_folders
from pipelines.compare import compare
from tracking import from_outputs
from tracking.comparisons import relink
from tracking.log_comparison import rebuild_lost_comparison


def main() -> None:
    """The command line."""
    command_line.run(lambda _: restore(load()), command_line.parser(__doc__))


def restore(params: Params) -> None:
    """Rebuilds what is missing; leaves what the store still has as it is."""
    experiment, console = params.tracking.experiment, Console()
    for folder in training_folders(params.compare):
        if from_outputs.rebuild_lost(experiment, folder):
            console.print(f"rebuilt {folder.parent.name} · {folder.name.replace('-', ' ')}")
    for folder in reference_folders():
        if from_outputs.rebuild_lost_reference(experiment, folder):
            console.print(f"rebuilt {TITLES[folder.name]}")
    rebuild_lost_comparison(params, compare(params))
    trainings = read_signatures(params.compare)
    relink(experiment, comparison_signature(params.compare, trainings), trainings)


if __name__ == "__main__":
    main()
