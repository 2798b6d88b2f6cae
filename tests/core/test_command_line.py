"""Commands end with true exit codes, and with one line for what the user can mend."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import ParamsError

ROOT = Path(__file__).parents[2]
PROGRAM = """
import signal
from core.errors import ParamsError
from core import command_line

def stage(arguments):
    {body}

command_line.run(stage, command_line.parser("A stage."))
"""


def run(body: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_success_is_0() -> None:
    assert run("pass").returncode == 0


def test_a_user_error_is_one_line_without_a_traceback() -> None:
    result = run("raise ParamsError('train.epochs is 0')")
    assert (result.returncode, result.stderr) == (1, "error: train.epochs is 0\n")


def test_what_an_error_quotes_neither_breaks_its_line_nor_steers_the_terminal() -> None:
    result = run(r"raise ParamsError('a\x1b[2Jb\nc\x00d é')")
    assert result.stderr == "error: a [2Jb c d é\n"
    assert str(ParamsError("a\nb\r\nc")) == "a b c"


def test_debug_shows_the_traceback() -> None:
    result = run("raise ParamsError('train.epochs is 0')", "--debug")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_is_a_failure_without_a_traceback(name: str, code: int) -> None:
    result = run(f"signal.raise_signal(signal.{name})")
    assert result.returncode == code
    assert result.stderr == ""
    assert code == 128 + getattr(signal, name)


def test_a_traceback_shows_no_password() -> None:
    result = run("raise ValueError('http://me:secret@host/x?token=hidden is wrong')")
    assert result.returncode == 1
    assert result.stderr.endswith("ValueError: http://host/x is wrong\n")
    assert "secret" not in result.stderr
    assert "hidden" not in result.stderr


def test_params_are_checked_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("data: {name: imbd}\n")
    result = subprocess.run(
        [sys.executable, "-m", "pipelines.check"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == 1
    assert result.stderr.startswith("error: params.yaml: data.name is 'imbd'; allowed: synthetic_reviews, ")
    assert result.stderr.count("\n") == 1


def test_another_sigterm_does_not_disturb_the_end() -> None:
    body = """
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.raise_signal(signal.SIGTERM)
        print("tidied up")
    """
    result = run(body.strip())
    assert (result.returncode, result.stdout, result.stderr) == (143, "tidied up\n", "")


def test_a_stage_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """Here a shell, which the signal kills while the stage waits for its standard input."""
    program = PROGRAM.format(body="print('started', flush=True); sys.stdin.read()").replace("import", "import sys,", 1)
    shell = subprocess.Popen(
        ["sh", "-c", '"$0" -c "$1"; exit', sys.executable, program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DVC_STAGE": "train"},
        cwd=tmp_path,
        start_new_session=True,
    )
    assert shell.stdout is not None
    assert shell.stdout.readline() == b"started\n"
    shell.kill()
    assert shell.stdout.read() == b""  # its end: no process has it open any more
