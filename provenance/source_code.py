"""Finds the source files and libraries of each stage by following imports, which DVC does not do.

provenance/code_lists.py lists them for DVC: after an edit, the stages that import the file (directly or not) run again.
"""

import ast
import re
import sys
from functools import cache
from pathlib import Path

from core.checksums import checksum_line

ROOT = Path(__file__).parents[1]
STAGES = ("download", "tokenize", "match", "tune", "train", "evaluate", "settings", "reference", "compare")


def checksums(stage: str) -> str:
    """A line for each source file of `stage`, as `sha256sum` writes and checks it."""
    return "".join(checksum_line(name, ROOT) for name in files(stage))


def files(stage: str) -> list[str]:
    """The module of `stage`, every module of the project that it imports, directly or not, and their templates."""
    reached: set[Path] = set()
    waiting = [ROOT / "pipelines" / f"{stage}.py"]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting += _named(path)
    return sorted(path.relative_to(ROOT).as_posix() for path in reached)


def libraries(stage: str) -> set[str]:
    """The libraries that the source files of `stage` import, such as torch and sklearn."""
    own = files(stage)
    modules = {name.partition(".")[0] for file in own for name in imported_modules(ROOT / file)}
    return modules - sys.stdlib_module_names - {file.partition("/")[0].removesuffix(".py") for file in own}


@cache  # most files belong to several stages
def _named(path: Path) -> list[Path]:
    """The project's files that the source file `path` names."""
    text = path.read_text(encoding="utf-8")
    templates = [ROOT / name for name in re.findall(r'"([\w./]+\.jinja)"', text)]
    names = [name.replace(".", "/") for name in imported_modules(path)]
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
