"""A training that is stopped at any step and goes on from its last checkpoint ends with the same bits."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from core.errors import TrainingError
from models.training.fit import fit
from models.training.module import ClassifierModule
from models.training.resuming import Checkpointing
from outputs.checkpoints import Checkpoints
from tests import needs
from tests.models.plain import plain_classifier, plain_module
from tests.models.toy import VOCABULARY_SIZE, order_documents, skewed_documents, small_trainer

STEPS_AN_EPOCH = 5


class Stop(Exception):
    """What ends a training here."""


class StopAt(Callback):
    """Stops at the beginning of the step after `step`, or in the validation after it."""

    def __init__(self, step: int, in_validation: bool = False) -> None:
        self.step = step
        self.in_validation = in_validation

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.step and not self.in_validation:
            raise Stop

    def on_validation_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step and self.in_validation:
            raise Stop


def train(store: Checkpoints, *callbacks: Callback, steps: int | None = 2, **changes: Any) -> ClassifierModule:
    settings: dict[str, Any] = {
        "epochs": 4,
        "early_stopping": None,
        "precision": "32-true",
        "rate": 0.05,
        "class_weight": "none",
        "layer_rates": 1.0,
        "unfreeze": 0,
    } | changes
    torch.manual_seed(1)
    classifier = plain_classifier(
        VOCABULARY_SIZE, 2, cell="lstm", bidirectional=True, hidden_size=8, embedding_size=8, head_dropout=0.4
    )
    module = plain_module(
        classifier,
        learning_rate=settings["rate"],
        weight_decay=0.1,
        schedule="cosine",
        warmup_share=0.2,
        **{name: settings[name] for name in ("class_weight", "layer_rates", "unfreeze")},
    )
    chosen = {name: settings[name] for name in ("epochs", "early_stopping", "precision")}
    trainer = small_trainer(**chosen)
    documents = skewed_documents(50, rare=12), order_documents(20)
    checkpointing = Checkpointing(store, store.load(), steps, None)
    fit(
        trainer,
        module,
        *documents,
        batch_size=10,
        seed=1,
        monitor="validation_loss",
        callbacks=callbacks,
        checkpointing=checkpointing,
    )
    return module


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def store(name: str) -> Checkpoints:
    checkpoints = Checkpoints(name)
    checkpoints.folder.mkdir(parents=True, exist_ok=True)
    return checkpoints


def assert_same(one: ClassifierModule, other: ClassifierModule) -> None:
    assert one.history == other.history
    for name, weights in one.state_dict().items():
        assert torch.equal(weights, other.state_dict()[name]), name


@pytest.mark.parametrize("steps", [None, 2])
@pytest.mark.parametrize("precision", ["32-true", "64-true", pytest.param("bf16-mixed", marks=needs.bfloat16)])
def test_stopped_at_every_step_it_ends_with_the_same_bits(steps: int | None, precision: str) -> None:
    whole = train(store("whole"), steps=steps, precision=precision, epochs=2)
    for step in range(2 * STEPS_AN_EPOCH):
        interrupted = store(f"step-{step}")
        with pytest.raises(Stop):
            train(interrupted, StopAt(step), steps=steps, precision=precision, epochs=2)
        assert_same(train(interrupted, steps=steps, precision=precision, epochs=2), whole)


def test_stopped_again_and_again_and_in_validation_it_ends_with_the_same_bits() -> None:
    whole, interrupted = train(store("whole")), store("interrupted")
    for stop in [StopAt(3), StopAt(5, in_validation=True), StopAt(6), StopAt(13), StopAt(20, in_validation=True)]:
        with pytest.raises(Stop):
            train(interrupted, stop)
    assert_same(train(interrupted), whole)


def test_with_weighted_classes_it_ends_with_the_same_bits_too_and_they_are_others() -> None:
    whole, interrupted = train(store("whole"), class_weight="balanced"), store("interrupted")
    for stop in [StopAt(3), StopAt(10), StopAt(13)]:
        with pytest.raises(Stop):
            train(interrupted, stop, class_weight="balanced")
    assert_same(train(interrupted, class_weight="balanced"), whole)
    assert train(store("unweighted")).history != whole.history


def test_with_layers_that_thaw_one_after_another_it_ends_with_the_same_bits_too() -> None:
    changes: dict[str, Any] = {"layer_rates": 0.4, "unfreeze": 1}
    whole, interrupted = train(store("whole"), **changes), store("interrupted")
    for stop in [StopAt(3), StopAt(5), StopAt(8), StopAt(10, in_validation=True), StopAt(16)]:
        with pytest.raises(Stop):
            train(interrupted, stop, **changes)
    assert_same(train(interrupted, **changes), whole)


def test_a_finished_training_that_early_stopping_ended_does_not_train_on() -> None:
    finished = store("finished")
    whole = train(finished, epochs=30, early_stopping=1, rate=3.0)
    assert len(whole.history) < 30
    assert_same(train(finished, StopAt(len(whole.history) * STEPS_AN_EPOCH), epochs=30, early_stopping=1), whole)


def break_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [break_off, flip_a_bit, empty])
def test_a_broken_checkpoint_is_named_and_the_one_before_it_used(
    damage: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, interrupted = train(store("whole")), store("interrupted")
    with pytest.raises(Stop):
        train(interrupted, StopAt(9))
    damage(interrupted.folder / "step-8.ckpt")
    state = interrupted.load()
    assert state is not None
    assert state["global_step"] == 6
    line = "checkpoints/interrupted/step-8.ckpt is broken (its checksum differs); using the one before it\n"
    assert capsys.readouterr().err == line
    assert_same(train(interrupted), whole)


@pytest.mark.parametrize("steps", [(5, 6, 7), (9, 10, 11)])
def test_a_whole_checkpoint_is_there_at_every_moment_also_after_the_newest_was_broken(steps: tuple[int, ...]) -> None:
    """A training that goes on from the one before a broken one saves at other steps, and may die while it does."""

    class Dying(Checkpoints):
        def _not_written(self, error: OSError) -> TrainingError:
            raise Stop

    checkpoints = store("checkpoints")
    for step in (4, 8):
        checkpoints.save(step, {"global_step": step})
    break_off(checkpoints.folder / "step-8.ckpt")
    last = 4
    for step in steps:
        # A folder in the place of the file: nothing can be written there.
        (checkpoints.folder / f".step-{step}.ckpt.{os.getpid()}.part").mkdir()
        dying = Dying("checkpoints")
        dying.load(announce=False)
        with pytest.raises(Stop):
            dying.save(step, {"global_step": step})
        (checkpoints.folder / f".step-{step}.ckpt.{os.getpid()}.part").rmdir()
        state = checkpoints.load(announce=False)
        assert state == {"global_step": last}
        checkpoints.save(step, {"global_step": step})
        last = step


def test_without_a_whole_checkpoint_it_starts_again() -> None:
    whole, interrupted = train(store("whole")), store("interrupted")
    with pytest.raises(Stop):
        train(interrupted, StopAt(9))
    for path in interrupted.folder.iterdir():
        flip_a_bit(path)
    assert_same(train(interrupted), whole)


def test_two_checkpoints_are_kept() -> None:
    checkpoints = store("checkpoints")
    train(checkpoints, epochs=3)
    assert sorted(path.name for path in checkpoints.folder.iterdir()) == ["step-14.ckpt", "step-15.ckpt"]


def test_a_diverged_training_leaves_its_last_good_checkpoint_and_fails_again_at_the_same_step() -> None:
    class Poison(Callback):
        def on_train_batch_start(
            self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
        ) -> None:
            if trainer.global_step == 7:
                next(pl_module.parameters()).data.fill_(float("nan"))

    diverging = store("diverging")
    for _ in range(2):
        with pytest.raises(TrainingError, match=r"the loss is nan at step 7 with a learning rate of .*; lower"):
            train(diverging, Poison())
        state = diverging.load()
        assert state is not None
        assert state["global_step"] == 6
        assert all(torch.isfinite(weights).all() for weights in state["state_dict"].values())


def test_gradient_norms_are_those_before_clipping() -> None:
    line = train(store("norms"), epochs=1).history[0]
    assert line["gradient_norm_max"] >= line["gradient_norm_mean"] > 0
    assert line["gradient_norm_max"] != 0.5


def test_a_full_or_read_only_disk_is_named_and_costs_no_checkpoint(tmp_path: Path) -> None:
    alone = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*alone, "mount", "-t", "tmpfs", "tmpfs", tmp_path], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    command = [*alone, sys.executable, str(Path(__file__).with_name("checkpoints_on_a_full_disk.py")), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    messages = [line for line in done.stdout.splitlines() if not line.startswith("epoch")]
    resumable = "; the last checkpoint is kept, and dvc repro resumes from it"
    assert messages == [
        f"checkpoints/interrupted cannot be written: No space left on device{resumable}",
        "['step-2.ckpt']",
        f"checkpoints/interrupted cannot be written: Read-only file system{resumable}",
        f"checkpoints/interrupted cannot be written: Read-only file system{resumable}",
        "the same",
    ]
