"""Compiled loops are kept for later processes, but not longer than their sources."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CALLER = """
from core.compiled import compiled
from called import added
@compiled
def answer(x):
    return x + added()
print(answer(1), sum(answer.stats.cache_hits.values()))
"""
CALLED = """
from core.compiled import inline
@inline
def added():
    return {}
"""


def run(folder: Path) -> list[str]:
    program = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(folder)!r}]; import caller"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_loop_is_compiled_anew_if_a_function_in_another_file_that_it_calls_changes(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(CALLER)
    (tmp_path / "called.py").write_text(CALLED.format(10))
    assert run(tmp_path) == ["11", "0"]
    assert run(tmp_path) == ["11", "1"]
    (tmp_path / "called.py").write_text(CALLED.format(20))
    assert run(tmp_path) == ["21", "0"]
