"""`python -m commands` lists every command with what it does, in a line each."""

import subprocess
import sys

from commands.__main__ import ROOT, commands


def test_every_command_is_listed_with_a_sentence_of_its_docstring() -> None:
    modules = {f"commands.{path.stem}" for path in (ROOT / "commands").glob("[a-z]*.py")}
    listed = commands()
    assert set(listed) == modules
    for name, sentence in listed.items():
        docstring = (ROOT / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")
        assert docstring.startswith(f'"""{sentence} `python -m {name}'), name
    printed = subprocess.run([sys.executable, "-m", "commands"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.splitlines() == [f"python -m {name:30}  {sentence}" for name, sentence in listed.items()]
