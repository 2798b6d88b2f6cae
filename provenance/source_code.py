"""Finds the source files and libraries of each stage by following imports, which DVC does not do.

provenance/code_lists.py lists them for DVC: after an edit, the stages that import the file (directly or not) run again.
"""

import ast
import re
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from core.checksums import checksum_line

ROOT = Path(__file__).parents[1]
# The package tracking reads outputs, draws figures from them, and sends both to MLflow. No output depends on it. So an
# edit of tracking, or of modules that only tracking imports, must not repeat any training.
TRACKING = "tracking"
STAGES = ("download", "tokenize", "pretrain", "match", "tune", "train", "evaluate", "settings", "reference", "compare")


def checksums(stage: str) -> str:
    """A line for each source file of `stage`, as `sha256sum` writes and checks it."""
    return "".join(checksum_line(name, ROOT) for name in files(stage))


def files(stage: str) -> list[str]:
    """The module of `stage`, every module of the project that it imports, directly or not, and their templates.

    `tracking` is left out, with what it alone imports.
    """
    return [path.relative_to(ROOT).as_posix() for path in reached_from(ROOT / "pipelines" / f"{stage}.py")]


def libraries(stage: str) -> set[str]:
    """The libraries that the source files of `stage` import, such as torch and sklearn."""
    return libraries_of([ROOT / file for file in files(stage)])


def reached_from(module: Path) -> list[Path]:
    """The file `module`, every module of the project that it imports, directly or not, and their templates."""
    reached: set[Path] = set()
    waiting = [module]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting += _named(path)
    return sorted(reached)


def libraries_of(own: Sequence[Path]) -> set[str]:
    """The libraries that these files of the project import."""
    modules = {name.partition(".")[0] for path in own for name in imported_modules(path)}
    return (
        modules
        - sys.stdlib_module_names
        - {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in own}
        - {TRACKING}
    )


@cache  # most files belong to several stages
def _named(path: Path) -> list[Path]:
    """The project's files that the source file `path` names."""
    text = path.read_text(encoding="utf-8")
    templates = [ROOT / name for name in re.findall(r'"([\w./]+\.jinja)"', text)]
    names = [name.replace(".", "/") for name in imported_modules(path) if name.partition(".")[0] != TRACKING]
    modules = [ROOT / file for name in names for file in (f"{name}.py", f"{name}/__init__.py")]
    return [file for file in templates + modules if file.is_file()]


@cache
def imported_modules(path: Path) -> list[str]:
    """The modules that `path` imports; for `from a import b` both a and a.b, since b may be a module."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if path.suffix == ".py" else ():
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return modules
