"""The table of `make bench` has only what was measured under the conditions that it names."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import run

MACHINE = dict.fromkeys(("processor", "cores", "torch", "keras", "tensorflow_cpu", "jax", "tokenizers"), "one")


class Quiet:
    def __init__(self, any_load: bool) -> None: ...

    def turn(self, measure: Any) -> dict[str, Any]:
        return {**measure(), "busy": 0.0}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the results; nothing is measured."""
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    monkeypatch.setattr(run, "prepare", lambda: "made-up texts")
    monkeypatch.setattr(run, "describe_machine", lambda: MACHINE)
    monkeypatch.setattr(run, "Watch", Quiet)
    return tmp_path


def bench(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["run", work, "--runs", "1"])
    run.main()


def test_a_failure_keeps_the_table_of_the_works_before(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(module: str, *_: str, peer: bool = False) -> dict[str, Any]:
        if module == "benchmarks.overhead":
            raise SystemExit("error: overhead failed")
        return {"value": 5.0, "documents": 300}

    monkeypatch.setattr(run, "measure", measure)
    monkeypatch.setattr(run, "ALL", ["raw-texts", "overhead"])
    monkeypatch.setattr("sys.argv", ["run"])
    with pytest.raises(SystemExit):
        run.main()
    figures = json.loads((results / "results.json").read_text(encoding="utf-8"))["raw-texts"]
    row = f"| raw texts, 300 documents | this project | 5.00 documents/s | 5.00 to 5.00 |  | 0% | {figures['date']} |"
    assert row in (results / "table.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("changed", ["corpus", "machine"])
def test_figures_of_other_conditions_are_dropped(changed: str, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "measure", lambda *_, peer=False: {"value": 5.0})
    bench("limit", monkeypatch)
    bench("grid", monkeypatch)
    assert {"limit", "grid"} < set(json.loads((results / "results.json").read_text(encoding="utf-8")))
    monkeypatch.setattr(run, "prepare", lambda: "IMDB" if changed == "corpus" else "made-up texts")
    monkeypatch.setattr(run, "describe_machine", lambda: MACHINE | ({"cores": 8} if changed == "machine" else {}))
    bench("grid", monkeypatch)
    assert set(json.loads((results / "results.json").read_text(encoding="utf-8"))) == {"corpus", "machine", "grid"}
