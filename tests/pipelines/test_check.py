"""What this machine cannot do is refused before any work, by the key, its value, and what is allowed."""

import platform
from pathlib import Path

import pytest

from errors import ParamsError
from pipelines.check import check
from pipelines.outputs import CHECKED
from pipelines.params import load
from tests.pipelines.project import ROOT, copy_project, run_in


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="needs an x86 CPU")
def test_bfloat16_on_a_cpu_without_it_ends_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")  # makes any x86 CPU one without AVX-512
    copy_project(tmp_path, {"train.precision": "bf16-mixed"})
    assert run_in(tmp_path, "dvc", "init", "--force", "--quiet").returncode == 0
    line = "error: train.precision is 'bf16-mixed', which this CPU lacks; allowed: 32-true, 64-true"
    result = run_in(tmp_path, "dvc", "repro")
    assert result.returncode != 0
    assert line in result.stderr.splitlines()
    assert "Traceback" not in result.stderr
    assert [text for text in result.stdout.splitlines() if "Running" in text] == ["Running stage 'check':"]
    assert not (tmp_path / "data" / "raw").exists()
    training = run_in(tmp_path, "python", "-m", "pipelines.train", "--variant", "lstm", "--seed", "1")
    assert (training.returncode, training.stderr) == (1, f"{line}\n")


@pytest.mark.parametrize(("line", "written", "message"), [
    ("  seeds: [1, 2, 3]", "  seeds: 5", "compare.seeds is 5; allowed: list"),
    ("  seeds: [1, 2, 3]", "  seeds: all", "compare.seeds is 'all'; allowed: list"),
    ("  seeds: [1, 2, 3]", "  seeds:", "compare.seeds is None; allowed: list"),
    ("  seeds: [1, 2, 3]", "  seeds: [[1, 2]]", "compare.seeds[0] is [1, 2]; allowed: integer"),
    ("  seeds: [1, 2, 3]", "  #", "compare.seeds is missing"),
    ("  variants: [lstm, bilstm]", "  variants: lstm", "compare.variants is 'lstm'; allowed: list"),
    ("  variants: [lstm, bilstm]", "  variants:", "compare.variants is None; allowed: list"),
    ("  baseline: lstm", "  baseline: 2026-11-26",
     "compare.baseline is datetime.date(2026, 11, 26); allowed: string"),
    ("compare:", "compared:", "compare is missing (and 1 more)"),
    ("compare:", "compare:\nolder:",
     "compare is None; allowed: the keys variants, seeds, baseline, matching (and 1 more)"),
])  # fmt: skip
def test_a_mistake_that_dvc_meets_first_is_explained_by_the_check(
    tmp_path: Path, line: str, written: str, message: str
) -> None:
    """README names `python -m pipelines.check` for what DVC says in words of its own."""
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert f"\n{line}" in params
    (tmp_path / "params.yaml").write_text(params.replace(f"\n{line}", f"\n{written}"), encoding="utf-8")
    (tmp_path / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    assert run_in(tmp_path, "dvc", "init", "--no-scm", "--quiet").returncode == 0
    assert run_in(tmp_path, "dvc", "status").returncode != 0
    checked = run_in(tmp_path, "env", f"PYTHONPATH={ROOT}", "python", "-m", "pipelines.check")
    assert (checked.returncode, checked.stderr) == (1, f"error: params.yaml: {message}\n")


def test_an_empty_list_is_refused_by_its_key(tmp_path: Path) -> None:
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(params.replace("seeds: [1, 2, 3]", "seeds: []"), encoding="utf-8")
    with pytest.raises(ParamsError, match=r"compare.seeds is \[\]; allowed: at least 1 item$"):
        load(tmp_path / "params.yaml")


def test_more_devices_than_there_are_end_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = load(ROOT / "params.yaml")
    too_many = params.model_copy(update={"train": params.train.model_copy(update={"devices": 1024})})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"train.devices is 1024; allowed: 1 to \d+, the CPUs of this machine"):
        check(too_many)
    assert not CHECKED.exists()
    check(params)
    assert CHECKED.exists()
