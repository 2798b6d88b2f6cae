"""What this machine cannot do is refused before any work, by the key, its value, and what is allowed."""

import platform
from pathlib import Path

import pytest

from errors import ParamsError
from pipelines.check import check
from pipelines.outputs import CODE
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


def test_more_devices_than_there_are_end_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = load(ROOT / "params.yaml")
    too_many = params.model_copy(update={"train": params.train.model_copy(update={"devices": 1024})})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"train.devices is 1024; allowed: 1 to \d+, the CPUs of this machine"):
        check(too_many)
    assert not CODE.exists()
    check(params)
    assert CODE.exists()
