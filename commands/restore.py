"""Rebuilds, from the outputs, MLflow runs that the store has lost. `python -m commands.restore`.

Rebuilds the runs of the compared trainings, of the references and of their comparison, each if the store has no
finished one. Then links every comparison in the store with the runs that it used. Times, commit and costs are the
original's where measurements/ still has them.
"""

from rich.console import Console

from config.params import Params, load
from core import command_line
from pipelines.compare import compare
from tracking.comparisons import relink
from tracking.log_comparison import comparison_signature, rebuild_lost_comparison, rebuild_lost_runs, signatures


def main() -> None:
    """The command line."""
    command_line.run(lambda _: restore(load()), command_line.parser(__doc__))


def restore(params: Params) -> None:
    """Rebuilds what is missing; leaves what the store still has as it is."""
    console = Console()
    for title in rebuild_lost_runs(params):
        console.print(f"rebuilt {title}")
    rebuild_lost_comparison(params, compare(params))
    trainings = signatures(params)
    relink(params.tracking.experiment, comparison_signature(params, trainings), trainings)


if __name__ == "__main__":
    main()
