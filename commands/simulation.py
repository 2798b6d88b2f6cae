"""Error rates of the statistics on simulated comparisons with a known true difference. `python -m commands.simulation`.

Prints the tables of docs/statistics.md and docs/tuning.md, the same numbers each time.
"""

from collections.abc import Sequence
from itertools import product

from threadpoolctl import threadpool_limits

from analysis.simulation.cross_validations import Learners, count_fold_alarms
from analysis.simulation.variants import Budget, Truth, count_bootstrap_alarms, count_errors
from core import command_line
from core.errors import ParamsError

REPEATS = 2000  # the standard error of a share of 5 % is then 0.5 points
BOOTSTRAPS = 500  # repeats of the slower bootstrap
SEEDS = (3, 5)
DOCUMENTS = (500, 2_000, 25_000)
SPREADS = (0.002, 0.005, 0.01)
TRIALS = 20  # of a simulated search
SEARCHED = 4000  # repeats after searches: the standard error of a share of 5 % is then 0.3 points
# Features and documents; the more features, the more a learner depends on its training documents.
FOLD_CASES = ((50, 300), (50, 1_000), (400, 300))
FOLD_REPEATS = 1000
REPETITIONS = (1, 3)


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("tables", nargs="*", metavar="table", help=f"{', '.join(TABLES)} (default: all)")
    command_line.run(lambda chosen: print_tables(chosen.tables or list(TABLES)), arguments)


def print_tables(names: Sequence[str]) -> None:
    """Prints these tables as Markdown.

    Raises:
        ParamsError: there is no table of that name.
    """
    for name in names:
        if name not in TABLES:
            raise ParamsError(f"table is {name!r}; allowed: {', '.join(TABLES)}")
    with threadpool_limits(1):  # several threads spend most of their time waiting for these small products
        for name in names:
            TABLES[name]()
            print()


def print_bootstrap_table() -> None:
    """Prints the table of docs/statistics.md that says how often the bootstrap errs."""
    print("| seeds | documents | seed spread | A/A alarms of the bootstrap |")
    print("| --: | --: | --: | --: |")
    for seeds, documents in product(SEEDS, DOCUMENTS):
        share = count_bootstrap_alarms(Truth(), seeds, documents, BOOTSTRAPS)
        print(f"| {seeds} | {documents:,} | 0.5 points | {100 * share:.1f} % |", flush=True)


def print_method_table() -> None:
    """Prints the table of docs/statistics.md that says how often the method errs."""
    print("| seeds | documents | seed spread | A/A alarms | equal alarms | covered | finds 1 point | finds 2 points |")
    print("| --: | --: | --: | --: | --: | --: | --: | --: |")
    for seeds, documents, spread in product(SEEDS, DOCUMENTS, SPREADS):
        itself = count_errors(Truth(seed_spread=spread), seeds, documents, REPEATS)
        equal = count_errors(Truth(seed_spread=spread, taste=0.2), seeds, documents, REPEATS)
        one, two = (
            count_errors(Truth((0.87, 0.87 + gain), spread, taste=0.2), seeds, documents, REPEATS)
            for gain in (0.01, 0.02)
        )
        shares = (itself.detected, equal.detected, one.covered, one.detected, two.detected)
        cells = " | ".join(f"{100 * share:.1f} %" for share in shares)
        print(f"| {seeds} | {documents:,} | {100 * spread:.1f} points | {cells} |", flush=True)


def print_folds_table() -> None:
    """Prints the table of docs/statistics.md that says how often cross-validations err."""
    print("| features | documents | repetitions | A/A alarms | equal alarms | paired t-test | independent documents |")
    print("| --: | --: | --: | --: | --: | --: | --: |")
    for (features, documents), repetitions in product(FOLD_CASES, REPETITIONS):
        itself, equal = (
            count_fold_alarms(Learners(shared, features), documents, repetitions, FOLD_REPEATS)
            for shared in (1.0, Learners.shared)
        )
        shares = (itself.corrected, equal.corrected, equal.paired, equal.documents)
        cells = " | ".join(f"{100 * share:.1f} %" for share in shares)
        print(f"| {features} | {documents:,} | {repetitions} | {cells} |", flush=True)


def print_tuning_table() -> None:
    """Prints the table of docs/tuning.md."""
    print(
        "| a setting costs | seeds | test documents | alarms, one search | covered | alarms, a search for each seed |"
    )
    print("| --- | --: | --: | --: | --: | --: |")
    alike_cases, apart_cases = (product([True], (3, 5, 10), (2_000, 25_000)), product([False], (3, 5, 10), [2_000]))
    for alike, seeds, documents in (*alike_cases, *apart_cases):
        once, repeated = (
            count_errors(Truth(taste=0.2), seeds, documents, SEARCHED, budget=Budget(TRIALS, alike), searches=searches)
            for searches in (1, seeds)
        )
        kind = "the same for both" if alike else "independent"
        shares = " | ".join(f"{100 * share:.1f} %" for share in (once.detected, once.covered, repeated.detected))
        print(f"| {kind} | {seeds} | {documents:,} | {shares} |", flush=True)


TABLES = {
    "tuning": print_tuning_table,
    "folds": print_folds_table,
    "bootstrap": print_bootstrap_table,
    "method": print_method_table,
}


if __name__ == "__main__":
    main()
