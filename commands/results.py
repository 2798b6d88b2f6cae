"""Writes the comparison as tables for papers. `python -m commands.results`.

Reads reports/comparison.json; writes reports/paper/results.csv with every number, results.md and results.tex (for
booktabs) with the main ones, and citation.bib.
"""

import tomllib
from pathlib import Path

from analysis.report.paper import as_csv, as_latex, as_markdown, citation
from core import command_line, file_io
from core.paths import REPORTS
from outputs.comparison_file import read_comparison

PAPER = REPORTS / "paper"
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def main() -> None:
    """The command line."""
    command_line.run(lambda _: write(), command_line.parser(__doc__))


def write() -> None:
    """Writes the files, and prints their paths.

    Raises:
        DataError: there is no comparison, or the disk does not take the files.
    """
    comparison = read_comparison()
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    contents = {
        "results.csv": as_csv(comparison),
        "results.md": as_markdown(comparison),
        "results.tex": as_latex(comparison),
        "citation.bib": citation(project["name"], project["version"], project["description"]),
    }
    for name, content in contents.items():
        with file_io.whole(PAPER / name) as path:
            path.write_text(content, encoding="utf-8")
        print(PAPER / name)


if __name__ == "__main__":
    main()
