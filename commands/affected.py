"""Shows which stages depend on source files, as after an edit. `python -m commands.affected text/batches.py`.

Takes files and folders. A stage that is shown runs again after an edit of the file; a stage after it does only if the
outputs change.
"""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from core import command_line
from core.errors import ParamsError
from provenance import source_code

SOURCES = (".py", ".jinja")


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("paths", nargs="+", type=Path, metavar="path", help="a file or folder of this project")
    command_line.run(lambda namespace: Console().print(table(affected(namespace.paths))), arguments)


def affected(paths: Sequence[Path]) -> dict[str, list[str]]:
    """The stages that depend on each file of `paths`, in the order of the pipeline.

    A folder stands for those of its files on which a stage depends.

    Raises:
        ParamsError: a path is no source file or folder of this project.
    """
    sources: dict[str, list[str]] = {}
    for stage in source_code.STAGES:
        for file in source_code.files(stage):
            sources.setdefault(file, []).append(stage)
    stages: dict[str, list[str]] = {}
    for path in paths:
        whole = path.resolve()
        if not (whole.exists() and whole.is_relative_to(source_code.ROOT)):
            raise ParamsError(f"{path} is not in this project; allowed: its files and folders, such as text/batches.py")
        if whole.is_file() and whole.suffix not in SOURCES:
            raise ParamsError(
                f"{path} is no source file; allowed: files that end in {' or '.join(SOURCES)}, and folders"
            )
        within = [file for file in sources if whole.is_dir() and (source_code.ROOT / file).is_relative_to(whole)]
        stages |= {file: sources[file] for file in within}
        if not within:
            name = whole.relative_to(source_code.ROOT).as_posix()
            stages[name] = sources.get(name, [])
    return stages


def table(stages: dict[str, list[str]]) -> Table:
    """A row for each file."""
    rows = Table("file", "runs again")
    for file, names in stages.items():
        rows.add_row(file, ", ".join(names) or "nothing")
    return rows


if __name__ == "__main__":
    main()
