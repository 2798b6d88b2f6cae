"""Lists the commands, a line each. `python -m commands`."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Prints what follows `python -m`, and the first sentence of each module's docstring; imports none of them."""
    for name, sentence in commands().items():
        print(f"python -m {name:30}  {sentence}")


def commands() -> dict[str, str]:
    """The first sentence of each command's docstring, by the name of its module."""
    return {f"commands.{path.stem}": _sentence(path) for path in sorted((ROOT / "commands").glob("[a-z]*.py"))}


def _sentence(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition(" `python -m ")[0]


if __name__ == "__main__":
    main()
