"""Rebuilds MLflow runs that the store has lost from the outputs. `python -m commands.restore`.

For each training of compare.variants and compare.seeds and each reference without a finished run, and for their
comparison; then every comparison in the store is linked with the runs it used. Times, commit and costs are those of the
original where measurements/ still has them.
"""

from rich.console import Console

from analysis.comparison.standing import TITLES
from config.params import Params, load
from core import command_line
from pipelines import compare
from tracking import from_outputs
from tracking.comparisons import relink


def main() -> None:
    """The command line."""
    command_line.run(lambda _: restore(load()), command_line.parser(__doc__))


def restore(params: Params) -> None:
    """Leaves alone what the store still has."""
    experiment, console = params.tracking.experiment, Console()
    for folder in compare.folders(params):
        if from_outputs.rebuild_lost(experiment, folder):
            console.print(f"rebuilt {folder.parent.name} · {folder.name.replace('-', ' ')}")
    for folder in compare.reference_folders():
        if from_outputs.rebuild_lost_reference(experiment, folder):
            console.print(f"rebuilt {TITLES[folder.name]}")
    compare.tell(params, lost=True)
    trainings = compare.signatures(params)
    relink(experiment, compare.comparison_signature(params, trainings), trainings)


if __name__ == "__main__":
    main()
