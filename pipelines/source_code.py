"""Which source files each stage runs, which DVC itself does not find out.

The stage check writes their checksums, and every other stage depends on its own list: a changed file runs again the
stages that import it, at any distance, and no others.
"""

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
STAGES = ("download", "tokenize", "match", "train", "evaluate", "compare")


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
            waiting += (named for named in _named(path) if named.is_file())
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def _named(path: Path) -> Iterator[Path]:
    """Files that the source file `path` may name."""
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r'"([\w.]+\.jinja)"', text):
        yield path.parent / name
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(text)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            yield ROOT / f"{name.replace('.', '/')}.py"
