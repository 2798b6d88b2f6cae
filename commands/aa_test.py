"""The baseline against itself: false alarms on real trainings. `python -m commands.aa_test`.

Takes the finished trainings of compare.baseline under compare.seeds (ten or so), splits the seeds into two groups in
every way, and compares the groups as if they were two variants.
"""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

from analysis.comparison.experiment import Experiment
from analysis.comparison.false_alarms import against_itself
from analysis.verdict.words import SIGNIFICANCE
from config.params import Params, load
from core import command_line
from core.errors import ParamsError
from outputs.experiment_files import read_experiment


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("--seeds-a-side", type=int, nargs="+", default=[3, 5], help="sizes of the two groups")
    command_line.run(lambda chosen: check(load(), chosen), arguments)


def check(params: Params, chosen: argparse.Namespace) -> None:
    """Prints a line for each size of the groups."""
    alone = params.compare.model_copy(update={"variants": [params.compare.baseline]})
    experiment = read_experiment(params.model_copy(update={"compare": alone}))
    table = Table(title=f"{experiment.baseline} against itself on {experiment.data}", title_justify="left")
    for column in (
        "seeds a side",
        "splits",
        "called different",
        f"largest difference in {experiment.metric.title}",
        "median p-value",
    ):
        table.add_column(column, justify="right")
    for size in chosen.seeds_a_side:
        table.add_row(*_row(experiment, size))
    Console().print(table)


def _row(experiment: Experiment, size: int) -> list[str]:
    if not 2 <= size <= len(experiment.seeds) // 2:
        most = len(experiment.seeds) // 2
        raise ParamsError(
            f"--seeds-a-side is {size}; allowed with the {len(experiment.seeds)} seeds of compare.seeds: 2 to {most}"
        )
    splits = against_itself(experiment, size)
    p_values = np.array([split.p_value for split in splits])
    largest = max(abs(split.difference) for split in splits)
    alarms = f"{100 * (p_values < SIGNIFICANCE).mean():.1f} %"
    shown = f"{experiment.metric.scale * largest:.2f} {experiment.metric.unit}"
    return [str(size), f"{len(splits):,}", alarms, shown, f"{np.median(p_values):.2f}"]


if __name__ == "__main__":
    main()
