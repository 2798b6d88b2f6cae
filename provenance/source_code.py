"""Which source files and libraries each stage runs, by their imports, which DVC itself does not follow.

provenance/code_lists.py lists them for DVC: after an edit the stages run again that import the file, directly or not.
"""

import ast
import hashlib
import re
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
STAGES = ("download", "tokenize", "match", "train", "evaluate", "reference", "compare")


def checksums(stage: str) -> str:
    """A line for each source file of `stage`, as `sha256sum` writes and checks it."""
    return "".join(f"{hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}  {name}\n" for name in files(stage))


def files(stage: str) -> list[str]:
    """Its module, the modules of the project that it imports anywhere, those that they import, and their templates."""
    found: set[Path] = set()
    waiting = [ROOT / "pipelines" / f"{stage}.py"]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _named(path)
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def libraries(stage: str) -> set[str]:
    """The packages from elsewhere that the source files of `stage` import, such as torch and sklearn."""
    own = files(stage)
    modules = {name.partition(".")[0] for file in own for name in _modules(ROOT / file)}
    return modules - sys.stdlib_module_names - {file.partition("/")[0].removesuffix(".py") for file in own}


@cache  # most files are those of several stages
def _named(path: Path) -> list[Path]:
    """The project's files that the source file `path` names."""
    text = path.read_text(encoding="utf-8")
    found = [ROOT / name for name in re.findall(r'"([\w./]+\.jinja)"', text)]
    found += [ROOT / f"{name.replace('.', '/')}.py" for name in _modules(path)]
    return [file for file in found if file.is_file()]


@cache
def _modules(path: Path) -> list[str]:
    """What the source file `path` imports; of `from a import b` both a and a.b, since b may be a module."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if path.suffix == ".py" else ():
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return modules
