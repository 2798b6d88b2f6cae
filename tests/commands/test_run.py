"""Trainings at the same time leave what one after another leaves; failures and Ctrl-C lose nothing of the others."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent

import pytest
from ruamel.yaml import YAML

from config.train import TrainParams
from engine.cores_and_gpus import Share, share_out
from engine.dvc import in_order, sort_lock_file
from tests.engine.stand_ins import GRID, WAIT, lines_of, make_project, ran, write_stage
from tests.pipelines.project import change_params, environment, install, run_in
from tests.text.test_folds import write_sentences

ONE_SEED = {"compare.seeds": [3]}  # two trainings, where two are enough: DVC takes a second to record each


def test_stages_at_once_leave_the_lock_file_of_one_after_another(finished: Path, project: Path) -> None:
    (project / "dvc.lock").unlink()
    for name in (".dvc/cache", ".dvc/tmp", "results", "references", "reports"):
        shutil.rmtree(project / name)
    result = run_in(project, "dvc", "repro")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (project / "dvc.lock").read_bytes() == (finished / "dvc.lock").read_bytes()


def test_what_trainings_need_is_loaded_once(finished: Path) -> None:
    assert {(finished / f"loaded-{stage}").read_text() for stage in ("train", "evaluate")} == {"once "}


def test_a_change_that_dvc_does_not_see_is_noticed(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviews, vectors = project / "reviews.csv", project / "glove.txt"
    reviews.write_text("text,label\n" + "".join(f"film {n},{n % 2}\n" for n in range(40)), encoding="utf-8")
    vectors.write_text("film 1 2 3\n", encoding="utf-8")
    write_stage(project, "train", before="import numba")
    own = {"data.name": "custom", "data.source": "reviews.csv", "tokenize.vectors": "glove.txt"}
    change_params(project, {**own, "compare.variants": ["lstm"], "compare.seeds": [3]})
    assert {"download", "tokenize", "train@lstm-3"} <= ran(run_in(project, *GRID))

    reviews.write_text(reviews.read_text(encoding="utf-8") + "one more film,1\n", encoding="utf-8")
    assert {"check", "download", "tokenize", "train@lstm-3"} <= ran(run_in(project, *GRID))

    vectors.write_text("film 1 2 4\n", encoding="utf-8")
    after_other_vectors = ran(run_in(project, *GRID))
    assert {"check", "tokenize", "train@lstm-3"} <= after_other_vectors
    assert "download" not in after_other_vectors

    install("numba", "99.1", tmp_path / "installed")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "installed"))
    assert {"check", "train@lstm-3"} <= ran(run_in(project, *GRID))
    assert ran(run_in(project, *GRID)) == set()


@pytest.mark.parametrize(("missing", "line"), [
    (".git", "is not a git repository, which DVC needs: git init"),
    (".dvc", "has no folder .dvc, which DVC needs: dvc init"),
])  # fmt: skip
def test_a_folder_that_is_no_repository_is_named_with_what_makes_it_one(project: Path, missing: str, line: str) -> None:
    shutil.rmtree(project / missing)
    result = run_in(project, *GRID)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", f"error: {project} {line}\n")
    assert run_in(project, *line.rpartition(": ")[2].split()).returncode == 0
    mended = run_in(project, "dvc", "status")
    assert mended.returncode == 0, mended.stderr


@pytest.mark.parametrize(("options", "line"), [
    (["--workers", "0"], "--workers is 0; allowed: 1 or more"),
    (["--address", "10.0.0.1:6379"], "--address is only for a cluster; allowed: with --engine ray"),
    (["--any-hardware"], "--any-hardware is only for a cluster; allowed: with --engine ray"),
    (["--engine", "ray", "--workers", "2"], "--workers is only for this machine; a cluster runs as many trainings as "
     "it has room for"),
])  # fmt: skip
def test_options_that_would_do_nothing_are_refused(project: Path, options: list[str], line: str) -> None:
    result = run_in(project, "python", "-m", "commands.run", *options)
    assert (result.returncode, result.stderr) == (1, f"error: {line}\n")


def test_a_file_in_the_place_of_a_folder_is_named(project: Path) -> None:
    shutil.rmtree(project / "checkpoints")
    (project / "checkpoints").touch()
    result = run_in(project, *GRID)
    assert (result.returncode, result.stderr) == (1, f"error: {project / 'checkpoints'} cannot be made: File exists\n")


def test_pulling_without_a_remote_ends_in_one_line(project: Path) -> None:
    result = run_in(project, *GRID, "--pull")
    line = "error: --pull needs a default DVC remote: dvc remote add --default (docs/sharing.md)\n"
    assert (result.returncode, result.stdout, result.stderr) == (1, "", line)


def test_a_failing_training_is_named_and_costs_the_others_nothing(project: Path) -> None:
    change_params(project, {"compare.seeds": [3, 1, 4]})
    (project / "fail-lstm-4").touch()
    result = run_in(project, *GRID)
    assert result.returncode == 1
    assert "lstm-4   │ error: the loss is nan" in result.stdout
    assert result.stderr.splitlines()[-1] == "error: failed: lstm-4; the lines above say why"
    searches = {"tune@lstm", "tune@bilstm"}  # a setting for each training
    assert ran(result) == {"check", *searches, "train@lstm-4", "train@bilstm-4", "evaluate@bilstm-4"}
    (project / "fail-lstm-4").unlink()
    assert ran(run_in(project, *GRID)) == {"train@lstm-4", "evaluate@lstm-4", "compare"}


def start_and_wait(project: Path) -> "subprocess.Popen[str]":
    """A grid of which three trainings have begun to wait."""
    grid = subprocess.Popen([sys.executable, *GRID[1:]], cwd=project, stdout=subprocess.PIPE, text=True)
    assert grid.stdout is not None
    waiting = 0
    for line in grid.stdout:
        waiting += line.endswith("│ waiting\n")
        if waiting == 3:
            break
    return grid


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_all_trainings_in_order(project: Path, number: signal.Signals, code: int) -> None:
    write_stage(project, "train", before=WAIT)
    shutil.rmtree(project / "results")
    grid = start_and_wait(project)
    grid.send_signal(number)
    assert grid.stdout is not None
    rest = grid.stdout.read()  # until the last process that could write has ended
    assert grid.wait() == code
    assert len(list(project.glob("ended-*"))) == 3
    assert "waiting" not in rest
    assert not list(project.glob("results/*/*/metrics.json"))


def test_trainings_end_in_order_when_the_command_is_killed(project: Path) -> None:
    write_stage(project, "train", before=WAIT)
    grid = start_and_wait(project)
    grid.kill()
    assert grid.stdout is not None
    grid.stdout.read()  # until the last process that could write has ended
    assert grid.wait() == -signal.SIGKILL
    assert len(list(project.glob("ended-*"))) == 3


@pytest.mark.parametrize(("stage", "command"), [("download", GRID), ("train", [*GRID[:-1], "1"]), ("train", ["make"])])
def test_the_stage_that_dvc_runs_ends_in_order_when_the_command_is_killed(
    project: Path, stage: str, command: Sequence[str]
) -> None:
    write_stage(project, stage, before=WAIT)
    (project / "Makefile").write_text(f"run:\n\t@{' '.join(GRID[:-1])} 1\n")
    run = subprocess.Popen(command, cwd=project, env=environment(), stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert "waiting\n" in run.stdout
    run.kill()
    run.stdout.read()  # until the last process that could write has ended
    assert len(list(project.glob("ended-*"))) == 1


def test_a_list_that_dvc_was_killed_while_writing_is_no_obstacle(project: Path) -> None:
    accesses = project / ".dvc" / "tmp" / "rwlock"
    accesses.write_text("")
    assert "JSON structure is corrupted" in run_in(project, "dvc", "repro").stderr
    result = run_in(project, *GRID)
    assert (result.returncode, result.stdout) == (0, "All stages are up to date.\n"), result.stderr


def test_a_killed_training_has_failed(project: Path) -> None:
    change_params(project, ONE_SEED)
    write_stage(project, "train", before="os.kill(os.getpid(), signal.SIGKILL)")
    result = run_in(project, *GRID)
    assert result.returncode == 1
    assert "failed with exit code 137" in lines_of("lstm-3", result)


@pytest.mark.parametrize("when", ["while it trains", "while DVC records it"])
def test_a_training_whose_settings_were_edited_meanwhile_is_not_recorded(
    project: Path, when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = """path = pathlib.Path("params.yaml")
path.write_text(path.read_text().replace("batch_size: 32", "batch_size: 8"))"""
    if when == "while it trains":
        write_stage(project, "train", before=f'if name == "lstm-3":\n{indent(edit, "    ")}')
    else:  # whoever edits after the last look and before DVC reads the file
        write_stage(project, "train", before="# changed")
        (tmp_path / "sitecustomize.py").write_text(
            f'import pathlib, sys\nif "commit" in sys.orig_argv:\n{indent(edit, "    ")}'
        )
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    change_params(project, ONE_SEED)
    runs = set((project / ".dvc" / "cache" / "runs").glob("*/*/*"))
    result = run_in(project, *GRID, "--workers", "2")
    refusal = "train@lstm-3 is not recorded: params.yaml: train has changed since the run began"
    assert refusal in lines_of("lstm-3", result)
    assert "Running stage 'train@lstm-3'" in result.stdout  # by the dvc repro at the end, with the new settings
    recorded = YAML(typ="safe").load(project / "dvc.lock")["stages"]["train@lstm-3"]
    assert recorded["params"]["params.yaml"]["train"]["batch_size"] == 8
    for path in set((project / ".dvc" / "cache" / "runs").glob("*/*/*")) - runs:
        entry = YAML(typ="safe").load(path)
        if "results/lstm/seed-3/config.json" in str(entry["outs"]) and "params" in entry:
            assert entry["params"]["params.yaml"]["train"]["batch_size"] == 8


BREAK = """path = pathlib.Path("params.yaml")
path.with_suffix(".saved").write_text(path.read_text())
path.write_text("variants: [")"""
MEND = """pathlib.Path("params.saved").replace("params.yaml")"""


@pytest.mark.parametrize("is_mended", [True, False])
def test_a_params_file_that_breaks_meanwhile_stops_the_recording_and_nothing_else(
    project: Path, is_mended: bool
) -> None:
    mending = f'elif name == "bilstm-1":\n{indent(MEND, "    ")}' if is_mended else ""
    write_stage(project, "train", before=f'if name == "lstm-3":\n{indent(BREAK, "    ")}\n{mending}')
    result = run_in(project, *GRID, "--workers", "2")
    trained = {
        f"{stage}@{name}" for stage in ("train", "evaluate") for name in ("lstm-3", "lstm-1", "bilstm-3", "bilstm-1")
    }
    assert ran(result) >= trained
    if is_mended:
        assert result.returncode == 0, result.stdout + result.stderr
        assert "Running stage 'train" not in result.stdout  # what had finished meanwhile was recorded
    else:
        assert result.returncode == 1
        assert result.stderr.splitlines()[-1].startswith("error: params.yaml is not valid YAML")
        (line,) = lines_of("params.yaml", result)
        assert line.endswith("; nothing is recorded until it is fixed; trainings continue")
        (project / "params.saved").replace(project / "params.yaml")
        assert run_in(project, "dvc", "status", "train@lstm-3", "--json").stdout.strip() != "{}"


def test_a_training_on_several_devices_is_started_as_a_command(project: Path) -> None:
    write_stage(project, "train", before='print("started", pathlib.Path(sys.argv[0]).name, os.environ["DVC_STAGE"])')
    change_params(project, {**ONE_SEED, "train.devices": 2, "train.strategy": "ddp"})
    result = run_in(project, *GRID)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "started train.py train@bilstm-3" in lines_of("bilstm-3", result)


def test_trainings_that_are_no_longer_compared_change_nothing_in_a_clone(project: Path, tmp_path: Path) -> None:
    run_in(project, "dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    before = (project / "dvc.lock").read_bytes()
    change_params(project, {"compare.variants": ["lstm"], "compare.seeds": [1, 3]})
    result = run_in(project, *GRID)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "compare" in ran(result)
    assert len(list(project.glob("results/*/*/metrics.json"))) == 4
    lock = (project / "dvc.lock").read_bytes()

    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    assert run_in(project, "git", "add", "--all").returncode == 0
    assert run_in(project, "git", *author, "commit", "--quiet", "--message", "one variant").returncode == 0
    assert run_in(project, "dvc", "push").returncode == 0
    clone = tmp_path / "clone"
    assert run_in(tmp_path, "git", "clone", "--quiet", str(project), str(clone)).returncode == 0
    pulled = run_in(clone, "dvc", "pull")
    assert pulled.returncode == 0, pulled.stderr
    assert run_in(clone, "dvc", "status", "--json").stdout.strip() == "{}"
    repeated = run_in(clone, "dvc", "repro")
    assert (repeated.returncode, ran(repeated)) == (0, set())
    assert (clone / "dvc.lock").read_bytes() == lock

    (project / "data" / "evaluated" / "gru-1.sha256").write_text("of another branch\n")
    assert ran(run_in(project, "dvc", "repro")) == {"compare"}
    assert (project / "dvc.lock").read_bytes() == lock

    change_params(project, {"compare.variants": ["lstm", "bilstm"], "compare.seeds": [3, 1]})
    again = run_in(project, *GRID)
    assert (again.returncode, ran(again)) == (0, set())  # all of it was in DVC's cache
    assert (project / "dvc.lock").read_bytes() == before


def train_params(**changes: object) -> TrainParams:
    return TrainParams.model_validate(changes)


def test_cores_are_shared_out_without_overlap() -> None:
    cores = len(os.sched_getaffinity(0))
    shares = share_out(train_params(), trainings=100, workers=None)
    taken = [core for share in shares for core in share.cores]
    assert len(taken) == len(set(taken)) == len(shares) <= cores
    (share,) = share_out(train_params(), trainings=1, workers=None)
    assert len(share.cores) == len(taken)
    assert len(share_out(train_params(threads=2), trainings=100, workers=None)) == len(taken) // 2


@pytest.mark.parametrize("trainings", [1, 2, 3, 4, 5, 6, 7])
def test_all_shares_have_as_many_cores_so_that_costs_can_be_compared(
    trainings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(10, 17)), raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None, raising=False)
    monkeypatch.setattr("engine.cores_and_gpus.cpu_count", lambda: 7)
    shares = share_out(train_params(), trainings, workers=None)
    taken = [core for share in shares for core in share.cores]
    assert [len(share.cores) for share in shares] == [7 // trainings] * trainings
    assert set(taken) <= set(range(10, 17))
    assert len(taken) == len(set(taken))


def test_gpus_are_shared_out_in_groups_of_the_devices_of_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7,8")
    shares = share_out(train_params(accelerator="gpu", devices=2), trainings=9, workers=None)
    assert [share.gpus for share in shares] == [["4", "5"], ["6", "7"]]


def test_trainings_that_need_one_gpu_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    monkeypatch.setattr("engine.cores_and_gpus.cpu_count", lambda: 6)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    shares = share_out(train_params(accelerator="gpu"), trainings=9, workers=None)
    assert [share.gpus for share in shares] == [["4"], ["5"], ["4"], ["5"], ["4"], ["5"]]  # a core for each
    assert [share.cores for share in shares] == [[core] for core in range(6)]
    assert len(share_out(train_params(accelerator="gpu"), trainings=3, workers=None)) == 3


def test_more_workers_than_cores_are_not_bound_to_any() -> None:
    assert set(map(repr, share_out(train_params(), trainings=999, workers=999))) == {repr(Share([], []))}


def test_several_nodes_are_left_to_whoever_starts_them() -> None:
    assert share_out(train_params(num_nodes=2), trainings=4, workers=None) == []


def test_entries_of_the_lock_file_that_were_there_keep_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    head, entries = "schema: '2.0'\nstages:\n", {name: f"  {name}:\n    cmd: {name}\n" for name in "abcde"}
    Path("dvc.lock").write_text(head + "".join(entries[name] for name in "daecb"))
    sort_lock_file(["d", "a"], ["b", "c", "e"])
    assert Path("dvc.lock").read_text() == head + "".join(entries[name] for name in "dabce")


def test_entries_of_an_interrupted_run_are_sorted_with_those_of_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    head, entries = "schema: '2.0'\nstages:\n", {name: f"  {name}:\n    cmd: {name}\n" for name in "abc"}
    with pytest.raises(KeyboardInterrupt), in_order(["a", "b", "c"]):
        Path("dvc.lock").write_text(head + entries["c"] + entries["b"])
        raise KeyboardInterrupt
    assert Path("dvc.lock").read_text() == head + entries["b"] + entries["c"]
    with in_order(["a", "b", "c"]):
        Path("dvc.lock").write_text(Path("dvc.lock").read_text() + entries["a"])
    assert Path("dvc.lock").read_text() == head + "".join(entries.values())
    with in_order(["c", "b", "a"]):
        pass
    assert Path("dvc.lock").read_text() == head + "".join(entries.values())


def test_what_a_failed_run_leaves_to_dvc_gets_its_place_in_the_lock_file(finished: Path, project: Path) -> None:
    broken = 'if name == "bilstm-3" and pathlib.Path("broken").exists():\n    sys.exit("error: broken")'
    write_stage(project, "evaluate", before=broken)
    (project / "dvc.lock").unlink()
    shutil.rmtree(project / ".dvc" / "cache" / "runs")
    (project / "broken").touch()
    assert run_in(project, *GRID).returncode == 1
    (project / "broken").unlink()
    result = run_in(project, *GRID)
    assert result.returncode == 0, result.stdout + result.stderr
    assert {"evaluate@bilstm-3", "compare"} <= ran(result)
    assert "train@bilstm-3" not in ran(result)
    in_lock_file = [list(YAML().load((folder / "dvc.lock").read_text())["stages"]) for folder in (project, finished)]
    assert in_lock_file[0] == in_lock_file[1]


def test_a_cross_validation_runs_from_download_to_comparison(tmp_path: Path) -> None:
    project = tmp_path / "project"
    folds = {"data.name": "cr", "data.source": str(write_sentences(tmp_path / "source")), "data.folds": 3}
    make_project(project, {**folds, "compare.variants": ["lstm", "bilstm"], "compare.seeds": [1, 2, 3]})
    result = run_in(project, *GRID)
    assert result.returncode == 0, result.stdout + result.stderr
    trainings = {f"train@{variant}-{seed}" for variant in ("lstm", "bilstm") for seed in (1, 2, 3)}
    assert {*trainings, "reference", "compare"} <= ran(result)
    assert ran(run_in(project, *GRID)) == set()
