"""What this machine cannot do is refused before any work, by the key, its value, and what is allowed."""

import platform
import shutil
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from config.params import Params, load
from core.errors import ParamsError
from core.paths import CODE
from pipelines.check import check, check_dvc_keys
from pipelines.train import train
from provenance import code_lists, libraries, source_code
from provenance.source_code import STAGES
from tests.pipelines.project import ROOT, copy_project, install, run_in


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


MISTAKES = [
    ("  seeds: [1, 2, 3]", "  seeds: 5", "compare.seeds is 5; allowed: list"),
    ("  seeds: [1, 2, 3]", "  seeds: all", "compare.seeds is 'all'; allowed: list"),
    ("  seeds: [1, 2, 3]", "  seeds:", "compare.seeds is None; allowed: list"),
    ("  seeds: [1, 2, 3]", "  seeds: [[1, 2]]", "compare.seeds[0] is [1, 2]; allowed: integer"),
    ("  seeds: [1, 2, 3]", "  #", "compare.seeds is missing"),
    ("  variants: [lstm, bilstm]", "  variants: lstm", "compare.variants is 'lstm'; allowed: list"),
    ("  variants: [lstm, bilstm]", "  variants:", "compare.variants is None; allowed: list"),
    ("  baseline: lstm", "  baseline: 2026-11-26", "compare.baseline is datetime.date(2026, 11, 26); allowed: string"),
    ("compare:", "compared:", "compare is missing (and 1 more)"),
    (
        "compare:",
        "compare:\nolder:",
        "compare is None; allowed: the keys variants, seeds, baseline, metric, matching, settings, tuning (and 1 more)",
    ),
]
STATUS = """
import os, sys
from dvc.cli import main
for folder in sys.argv[1:]:
    os.chdir(folder)
    print(main(["status", "--json"]) == 0, file=sys.stderr)
"""


def test_mistakes_that_dvc_meets_first_are_explained_by_the_check(tmp_path: Path) -> None:
    """README names `python -m pipelines.check` for what DVC says in words of its own."""
    shipped = (ROOT / "params.yaml").read_text(encoding="utf-8")
    folders = [tmp_path / str(number) for number in range(len(MISTAKES) + 1)]
    for folder, (line, written, _) in zip(folders, [*MISTAKES, ("", "", "no mistake")], strict=True):
        (folder / ".dvc").mkdir(parents=True)
        (folder / ".dvc" / "config").write_text("[core]\n    no_scm = True\n")
        shutil.copy(ROOT / "dvc.yaml", folder)
        assert f"\n{line}" in shipped
        (folder / "params.yaml").write_text(shipped.replace(f"\n{line}", f"\n{written}"), encoding="utf-8")
    status = run_in(tmp_path, "python", "-c", STATUS, *map(str, folders)).stderr
    assert [line for line in status.splitlines() if line in ("True", "False")] == ["False"] * len(MISTAKES) + ["True"]
    for folder, (_, _, message) in zip(folders, MISTAKES, strict=False):
        with pytest.raises(ParamsError) as raised:
            load(folder / "params.yaml")
        assert str(raised.value) == f"{folder / 'params.yaml'}: {message}"


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("pretrain", "pretrain: {}"),
        ("compare.tuning", "tuning: {} to compare"),
        ("compare.settings", "settings: [] to compare"),
        ("compare.metric", "metric: accuracy to compare"),
    ],
)
def test_a_key_that_dvc_needs_is_named_with_the_line_to_add(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, line: str
) -> None:
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    content = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    section, _, name = key.rpartition(".")
    value = (content[section] if section else content).pop(name)
    YAML().dump(content, Path("params.yaml"))
    with pytest.raises(ParamsError) as raised:
        check_dvc_keys(load())
    assert str(raised.value) == f"params.yaml has no {key}, and DVC does not know the defaults; add {line}"

    (content[section] if section else content)[name] = type(value)()
    if not isinstance(value, str):
        YAML().dump(content, Path("params.yaml"))
        check_dvc_keys(load())


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
    assert not CODE.exists()
    with pytest.raises(ParamsError, match=r"train.devices is 1024"):  # which may run on another machine than the check
        train(too_many, "lstm", 1)
    check(params)
    assert {path.name for path in CODE.iterdir()} == {f"{stage}.sha256" for stage in STAGES}


def changed_lists(params: Params, before: dict[str, str]) -> set[str]:
    return {stage for stage, text in code_lists.lists(params).items() if text != before[stage]}


@pytest.fixture
def files(tmp_path: Path) -> Params:
    """The shipped params, with files of one's own."""
    for name in ("reviews.csv", "glove.txt"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    params = load(ROOT / "params.yaml")
    data = {"name": "custom", "source": str(tmp_path / "reviews.csv")}
    tokenize = {"vectors": str(tmp_path / "glove.txt")}
    return params.model_copy(
        update={
            "data": params.data.model_copy(update=data),
            "tokenize": params.tokenize.model_copy(update=tokenize),
        }
    )


@pytest.mark.parametrize(("name", "stage"), [("reviews.csv", "download"), ("glove.txt", "tokenize")])
def test_an_edited_file_that_params_name_changes_the_list_of_the_stage_that_reads_it(
    name: str, stage: str, files: Params, tmp_path: Path
) -> None:
    before = code_lists.lists(files)
    (tmp_path / name).touch()
    assert changed_lists(files, before) == set()
    (tmp_path / name).write_text("edited", encoding="utf-8")
    assert changed_lists(files, before) == {stage}
    (tmp_path / name).unlink()
    assert changed_lists(files, before) == {stage}


@pytest.mark.parametrize(
    ("library", "stages"),
    [
        ("torch", {"pretrain", "match", "reference", "tune", "train", "evaluate", "settings"}),
        ("numba", {"tokenize", "pretrain", "match", "tune", "train", "evaluate", "settings"}),
        ("pytorch-lightning", {"pretrain", "tune", "train", "settings"}),
        ("optuna", {"tune"}),
        ("sentencepiece", {"tokenize"}),
        ("scikit-learn", {"pretrain", "reference", "tune", "evaluate", "settings", "compare"}),
        ("matplotlib", {"compare"}),
        ("mlflow", set()),
        ("requests", set()),
        ("rich", set()),
    ],
)
def test_another_version_of_a_library_changes_the_lists_of_the_stages_whose_outputs_it_decides(
    library: str, stages: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = load(ROOT / "params.yaml")
    before = code_lists.lists(params)
    install(library, "99.1", tmp_path / "installed")
    monkeypatch.syspath_prepend(tmp_path / "installed")
    assert changed_lists(params, before) == stages


def test_every_library_of_a_stage_counts_unless_it_is_said_not_to() -> None:
    for stage in STAGES:
        counted = {libraries.DISTRIBUTIONS.get(name, name) for name in source_code.libraries(stage)}
        ignored = counted - set(libraries.versions(stage))
        assert ignored <= libraries.NO_OUTPUT
    assert set().union(*map(source_code.libraries, STAGES)) >= libraries.NO_OUTPUT, "one that no stage imports"


def test_the_lists_are_checked_without_importing_what_computes() -> None:
    program = (
        "import sys, pipelines.check as c; c.code_lists.lists(c.load()); print({'torch', 'numba'} & set(sys.modules))"
    )
    done = run_in(ROOT, sys.executable, "-c", program)
    assert done.stdout == "set()\n", done.stderr


def edited_source_file(folder: Path) -> None:
    with (folder / "text" / "sources" / "splits.py").open("a", encoding="utf-8") as file:
        file.write("# edited\n")


def edited_data(folder: Path) -> None:
    with (folder / "reviews.csv").open("a", encoding="utf-8") as file:
        file.write("one more film,1\n")


def another_library(folder: Path) -> None:
    install("numpy", "99.1", folder)  # the folder is the first of the path


def test_a_stage_that_dvc_would_record_as_that_of_other_code_is_refused(tmp_path: Path) -> None:
    copy_project(tmp_path, {"data.name": "custom", "data.source": "reviews.csv"})
    lines = [f"film {number},{number % 2}" for number in range(40)]
    (tmp_path / "reviews.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    check = ("python", "-m", "pipelines.check")
    download = ("python", "-m", "pipelines.download")
    by_dvc = ("env", "DVC_STAGE=download", *download)
    changes = {"text/sources/splits.py": edited_source_file, "data.source": edited_data, "numpy": another_library}
    for name, change in changes.items():
        assert run_in(tmp_path, *check).returncode == 0
        change(tmp_path)
        refused = run_in(tmp_path, *by_dvc)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"error: {name} has changed since the stage check ran; make run ")
        assert refused.stderr.count("\n") == 1
    assert run_in(tmp_path, *download).returncode == 0  # by hand, and nothing is recorded
    assert run_in(tmp_path, *check).returncode == 0
    assert run_in(tmp_path, *by_dvc).returncode == 0
