"""A small copy of the project in which `dvc repro` is interrupted, and what must hold when it has been repeated."""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

from engine.dvc import discard_broken_accesses
from tests.pipelines.project import SHORT, copy_project

HOLD = Path(__file__).parent / "hold"
TARGET = "evaluate@tiny-1"
PATIENCE = 600  # seconds, after which something hangs, on a loaded machine too


class Project:
    """A folder with the code, small data, one variant with dropout, and its own MLflow store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def prepare(
        cls, folder: Path, validation_rows: int = 64, done: tuple[str, ...] = ("match", "tokenize"), **train: object
    ) -> "Project":
        """The stages `done` are done: everything up to the training."""
        folder.mkdir()
        tiny = {"cell": "lstm", "bidirectional": True, "hidden_size": 8, "embedding_size": 16, "head_dropout": 0.3}
        rows = {"train_rows": 480, "validation_rows": validation_rows, "test_rows": 64}
        train = {"batch_size": 8, "epochs": 3, "early_stopping": 2, "checkpoint_steps": 7, **train}
        changes: dict[str, object] = {"variants": {"tiny": tiny}}
        changes |= {f"data.synthetic_reviews.{name}": number for name, number in rows.items()}
        changes |= {f"train.{name}": value for name, value in train.items()}
        changes |= {"compare.variants": ["tiny"], "compare.seeds": [1], "compare.baseline": "tiny"}
        copy_project(folder, changes, SHORT)
        project = cls(folder)
        if done:
            project.repro(*done)
        return project

    def copy(self, folder: Path) -> "Project":
        """Another project in the same state."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)

    def start(self, *targets: str, **more: str) -> subprocess.Popen[bytes]:
        """`dvc repro`, in a process group of its own; what it prints is added to output.txt.

        DVC runs the stages in a shell that, unlike bash, does not leave its place to its last command unasked.
        """
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        unwanted = {"DVC_ROOT", "DVC_STAGE", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"}
        environment = (
            {name: value for name, value in os.environ.items() if name not in unwanted}
            | {"PATH": path, "SHELL": "/bin/sh"}
            | more
        )
        with (self.folder / "output.txt").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "dvc", "repro", *targets],
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_held(self, number: int) -> subprocess.Popen[bytes]:
        """As `start`, but the training gets no further than into its checkpoint of this number."""
        for announced in self.folder.glob("checkpoint-*"):
            announced.unlink()
        return self.start(TARGET, PYTHONPATH=str(HOLD), HOLD_AT=str(number))

    def begun(self, number: int) -> Callable[[], object]:
        """Whether a training of `start_held` has begun the checkpoint of this number."""
        return (self.folder / f"checkpoint-{number}").exists

    def repro(self, *targets: str) -> None:
        """`dvc repro`, which must succeed."""
        assert self.start(*targets or (TARGET,)).wait(PATIENCE * 3) == 0, self.output()

    def output(self) -> str:
        """What all runs have printed."""
        return (self.folder / "output.txt").read_text(errors="replace")

    def processes(self, containing: str = "") -> list[int]:
        """What still runs in this folder, the oldest first."""
        process_ids = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if (entry / "cwd").readlink() == self.folder and containing in (entry / "cmdline").read_text():
                        process_ids.append(int(entry.name))
                except OSError:
                    continue  # it has ended meanwhile
        return sorted(process_ids)

    def checkpoints(self) -> list[Path]:
        """From the oldest to the newest."""
        paths = (self.folder / "checkpoints").glob("*/step-*.ckpt")
        return sorted(paths, key=lambda path: int(path.stem.removeprefix("step-")))

    def interrupt(self, dvc: subprocess.Popen[bytes], whom: str, number: signal.Signals) -> None:
        """Sends the signal to the `training`, to `dvc`, to the whole `group`, or to the second process of DDP."""
        if whom in ("training", "second"):
            trainings = self.processes("pipelines.train")
            for pid in trainings[:1] if whom == "training" else trainings[1:]:
                os.kill(pid, number)
        elif dvc.poll() is None:
            (os.killpg if whom == "group" else os.kill)(dvc.pid, number)

    def wait_until_quiet(self, dvc: subprocess.Popen[bytes]) -> int:
        """Waits until nothing runs here any more, which no orphan may delay; the exit code of `dvc`.

        Then does what docs/guarantees.md asks for if the signal met DVC while it wrote its list of readers and writers.
        """
        code = dvc.wait(PATIENCE)
        until(lambda: not self.processes(), f"processes {self.processes()} are left")
        with chdir(self.folder):
            discard_broken_accesses()
        return code

    def outputs(self, *places: str) -> dict[str, str]:
        """Digests of the files in `places`, or of what train and evaluate have made."""
        roots = [self.folder / place for place in places or ("results",)]
        files = sorted(path for root in roots for path in (root, *root.rglob("*")) if path.is_file())
        return {str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def statuses(self) -> list[str]:
        """Of the runs in the store, sorted."""
        database = sqlite3.connect(self.folder / "mlflow.db")
        return sorted(status for (status,) in database.execute("SELECT status FROM runs"))

    def check(self, reference: "Project") -> None:
        """The same bytes, one finished run, no metric point missing or twice, no checkpoint left."""
        assert self.outputs() == reference.outputs(), self.output()
        database = sqlite3.connect(self.folder / "mlflow.db")
        assert self.statuses() == ["FINISHED"], self.output()
        points = "SELECT key, step, COUNT(*) FROM metrics GROUP BY key, step ORDER BY key, step"
        counts = database.execute(points).fetchall()
        assert [count for _, _, count in counts] == [1] * len(counts), counts
        epochs = len(json.loads((self.folder / "results/tiny/seed-1/history.json").read_text()))
        assert [step for key, step, _ in counts if key == "train_loss"] == list(range(1, epochs + 1))
        assert counts == sqlite3.connect(reference.folder / "mlflow.db").execute(points).fetchall()
        assert not self.checkpoints()


def until(condition: Callable[[], object], otherwise: str = "", pause: float = 0.01) -> None:
    """Waits for something to happen; looks again after `pause` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(pause)
