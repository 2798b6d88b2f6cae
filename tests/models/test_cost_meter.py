"""What is measured of trainings and predictions, on a clock that goes as the test says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer

from core.errors import ParamsError
from models import prediction
from models.classifier import TextClassifier
from models.prediction import predict, timed_predictions
from models.training import cost_meter
from models.training.cost_meter import Costs
from models.training.fit import fit
from models.training.module import ClassifierModule
from models.training.resuming import Checkpointing
from outputs.checkpoints import Checkpoints
from tests.models.plain import plain_classifier, plain_module
from tests.models.toy import VOCABULARY_SIZE, order_documents, small_trainer
from text.batches import Documents, loader

TRAIN, VALIDATION = order_documents(50), order_documents(20)
STEPS_AN_EPOCH = 5


class Stop(Exception):
    """What ends a training here."""


class Clock(Callback):
    """Stands before all other callbacks. A step lasts a second (the first one `first_step`), validation three, and what
    happens between two epochs 100.
    """

    def __init__(self, first_step: float = 1.0, stop_in_validation_after: int | None = None) -> None:
        self.now = 0.0
        self.first_step = first_step
        self.stop_in_validation_after = stop_in_validation_after

    def __call__(self) -> float:
        return self.now

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.now += 1.0 if trainer.global_step else self.first_step

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step == self.stop_in_validation_after:
            raise Stop
        self.now += 3.0


class Pause(Callback):
    """After all other callbacks: what MLflow is told, and checkpoints, take their time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.clock.now += 100.0


def classifier() -> TextClassifier:
    torch.manual_seed(1)
    return plain_classifier(VOCABULARY_SIZE, 2, cell="lstm", hidden_size=4, embedding_size=4)


def train(
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
    measured: Costs,
    checkpointing: Checkpointing | None = None,
    epochs: int = 2,
) -> ClassifierModule:
    monkeypatch.setattr(cost_meter, "perf_counter", clock)
    chosen: dict[str, Any] = {"schedule": "constant", "warmup_share": 0.0, "class_weight": "none"}
    module = plain_module(classifier(), learning_rate=0.01, weight_decay=0.0, **chosen)
    trainer = small_trainer(epochs=epochs)
    trainer.callbacks.insert(0, clock)  # type: ignore[attr-defined]
    fit(
        trainer,
        module,
        TRAIN,
        VALIDATION,
        batch_size=10,
        seed=1,
        monitor="validation_loss",
        costs=measured,
        callbacks=[Pause(clock)],
        checkpointing=checkpointing,
    )
    return module


def tokens_of_steps(epoch: int) -> list[float]:
    batches = loader(TRAIN, 10, seed=1)
    batches.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return [float(batch.lengths.sum()) for batch in batches]


def test_tokens_a_second_are_the_median_of_the_steps_and_count_no_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = Costs()
    train(monkeypatch, Clock(first_step=50.0), measured)
    first, second = tokens_of_steps(0), tokens_of_steps(1)
    first[0] /= 50
    assert measured.rates == [*first, *second]
    assert [epoch["tokens_per_second"] for epoch in measured.epochs] == [np.median(first), np.median(second)]
    assert measured.measured()["tokens_per_second_median"] == np.median(first + second)


def test_training_seconds_are_those_of_steps_and_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = Costs()
    train(monkeypatch, Clock(), measured)
    assert [epoch["epoch_seconds"] for epoch in measured.epochs] == [5 + 3, 5 + 3]
    assert measured.measured()["training_seconds"] == 16


def test_the_cold_start_is_measured_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.training.fit.warm_up", lambda *_: 12.5)
    measured = Costs()
    train(monkeypatch, Clock(), measured)
    assert measured.measured()["training_startup_seconds"] == 12.5
    assert measured.measured()["training_seconds"] == 16


@pytest.mark.parametrize(
    ("seconds", "steps"),
    [
        (3, [3]),
        (4.5, [5]),
        (8, [5]),  # over with the first epoch's validation
        (9, [5, 6]),
        (10.5, [5, 8]),
        (99, [5, 10]),
    ],
)
def test_the_time_limit_counts_steps_and_validation_alone(
    seconds: float, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    history = train(monkeypatch, Clock(), Costs(max_seconds=seconds)).history
    assert [line["step"] for line in history] == steps
    assert all(line["validation_loss"] > 0 for line in history)


def test_a_time_limit_that_is_over_before_a_gpu_is_first_waited_for_ends_the_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count_step = ClassifierModule._count_step

    def wait_every_third(module: ClassifierModule) -> None:
        count_step(module)
        module.waited = module.records.count % 3 == 0

    monkeypatch.setattr(ClassifierModule, "_count_step", wait_every_third)
    history = train(monkeypatch, Clock(), Costs(max_seconds=1.5)).history
    assert [line["step"] for line in history] == [3]


def test_a_time_limit_that_is_over_before_the_first_step_is_done_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParamsError, match=r"train.max_seconds is 0.5, which was over before the first step was done"):
        train(monkeypatch, Clock(), Costs(max_seconds=0.5))


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoints:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    checkpoints = Checkpoints("interrupted")
    checkpoints.folder.mkdir(parents=True)
    return checkpoints


def test_an_interrupted_training_is_measured_as_if_it_had_not_been(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, measured = Costs(), Costs()
    train(monkeypatch, Clock(), whole)
    with pytest.raises(Stop):
        train(monkeypatch, Clock(stop_in_validation_after=10), Costs(), Checkpointing(checkpoints, None, 4, None))
    state = checkpoints.load()
    assert state is not None
    assert state["global_step"] == 8
    train(monkeypatch, Clock(), measured, Checkpointing(checkpoints, state, 4, None))
    assert measured.rates == whole.rates
    assert measured.measured()["training_seconds"] == whole.measured()["training_seconds"]


def test_a_training_that_is_killed_when_its_time_is_over_is_validated_when_it_is_resumed(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Stop):
        clock = Clock(stop_in_validation_after=3)
        train(monkeypatch, clock, Costs(max_seconds=3), Checkpointing(checkpoints, None, 1, None))
    resumed = train(monkeypatch, Clock(), Costs(max_seconds=3), Checkpointing(checkpoints, checkpoints.load(), 1, None))
    assert [line["step"] for line in resumed.history] == [3]


def test_conditions_that_change_within_a_training_are_all_kept(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = {"cores": 1}, {"cores": 2}
    for own, step in ((one, 5), (one, 10)):
        with pytest.raises(Stop):
            clock = Clock(stop_in_validation_after=step)
            train(
                monkeypatch,
                clock,
                Costs(conditions=own),
                Checkpointing(checkpoints, checkpoints.load(), 4, None),
                epochs=3,
            )
    measured = Costs(conditions=two)
    train(monkeypatch, Clock(), measured, Checkpointing(checkpoints, checkpoints.load(), 4, None), epochs=3)
    assert measured.measured()["training_conditions"] == [one, two]


def test_a_prediction_is_timed_once_its_process_is_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, durations = Clock(), iter([9.0, 0.4, 0.1, 0.2])
    computed = predict

    def slow(*arguments: Any, **named: Any) -> NDArray[np.float32]:
        clock.now += next(durations)
        return computed(*arguments, **named)

    monkeypatch.setattr(prediction, "perf_counter", clock)
    monkeypatch.setattr(prediction, "predict", slow)
    documents: Documents = order_documents(40)
    timed = timed_predictions(classifier(), documents, torch.device("cpu"))
    assert timed.milliseconds_a_document == pytest.approx(200 / 40)
    assert timed.startup_seconds == pytest.approx(9.0 - 0.2)
    assert next(durations, None) is None  # all repeats were used
    np.testing.assert_array_equal(timed.probabilities, computed(classifier(), documents, torch.device("cpu")))


def test_a_long_prediction_is_repeated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, durations = Clock(), iter([70.0, 60.0])

    def slow(*_: Any, **__: Any) -> NDArray[np.float32]:
        clock.now += next(durations)
        return np.zeros((40, 2), np.float32)

    monkeypatch.setattr(prediction, "perf_counter", clock)
    monkeypatch.setattr(prediction, "predict", slow)
    timed = timed_predictions(classifier(), order_documents(40), torch.device("cpu"))
    assert timed.milliseconds_a_document == pytest.approx(60_000 / 40)
    assert timed.startup_seconds == pytest.approx(10)
