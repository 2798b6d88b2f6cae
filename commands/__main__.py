"""Lists the commands, a line each. `python -m commands`."""

import ast
from pathlib import Path


def main() -> None:
    """Prints what follows `python -m`, and the first sentence of each module's docstring; imports none of them."""
    for name, sentence in commands().items():
        print(f"python -m {name:30}  {sentence}")


def commands() -> dict[str, str]:
    """The first sentence of each command's docstring, by the name of its module."""
    modules = sorted(path for path in Path(__file__).parent.glob("*.py") if path != Path(__file__))
    return {f"commands.{path.stem}": _first_sentence(path) for path in modules}


def _first_sentence(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition(". `python -m ")[0].partition("\n")[0] + "."


if __name__ == "__main__":
    main()
