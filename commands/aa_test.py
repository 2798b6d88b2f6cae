"""An A/A test of the statistics on real trainings: the baseline compared with itself. `python -m commands.aa_test`.

Takes the finished trainings of compare.baseline under compare.seeds (ten or so), splits the seeds into two groups in
every possible way, and compares the groups as if they were two variants.
"""

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from analysis.comparison.experiment import Experiment
from analysis.comparison.false_alarms import against_itself
from analysis.verdict.phrases import SIGNIFICANCE
from config.params import Params, load
from core import command_line
from core.errors import ParamsError
from outputs import evaluation_checksums
from outputs.experiment_files import read_experiment


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument(
        "--seeds-a-side", type=int, nargs="+", help="sizes of the two groups (default: 3 and 5, or half of the seeds)"
    )
    command_line.run(lambda namespace: run_aa_test(load(), namespace.seeds_a_side), arguments)


def run_aa_test(params: Params, sizes: Sequence[int] | None) -> None:
    """Prints a line for each size of the groups; None: for usual ones.

    Raises:
        ParamsError: there are too few seeds for two groups of a size.
    """
    alone = params.compare.model_copy(update={"variants": [params.compare.baseline]})
    evaluation_checksums.check_compared(alone)
    experiment = read_experiment(params.model_copy(update={"compare": alone}))
    table = Table(title=f"{experiment.baseline} against itself on {escape(experiment.data)}", title_justify="left")
    for column in (
        "seeds a side",
        "splits",
        "called different",
        f"largest difference in {experiment.metric.title}",
        "median p-value",
    ):
        table.add_column(column, justify="right")
    most = len(experiment.seeds) // 2
    if most < 2:
        raise ParamsError(
            f"there are {len(experiment.seeds)} {experiment.unit}s of {experiment.baseline}; two groups need 4 or more"
        )
    sizes = sizes or sorted({min(size, most) for size in (3, 5)})
    for size in sizes:
        if not 2 <= size <= most:
            raise ParamsError(
                f"--seeds-a-side is {size}; allowed with {len(experiment.seeds)} {experiment.unit}s: 2 to {most}"
            )
    for size in sizes:
        table.add_row(*_row(experiment, size))
    Console().print(table)


def _row(experiment: Experiment, size: int) -> list[str]:
    splits = against_itself(experiment, size)
    p_values = np.array([split.p_value for split in splits])
    largest = max(abs(split.difference) for split in splits)
    alarms = f"{100 * (p_values < SIGNIFICANCE).mean():.1f} %"
    shown = f"{experiment.metric.scale * largest:.2f} {experiment.metric.unit}"
    return [str(size), f"{len(splits):,}", alarms, shown, f"{np.median(p_values):.2f}"]


if __name__ == "__main__":
    main()
