"""Training: it learns order, repeats itself to the bit, shares work between processes, and stops as it should."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from config.choices import Averaging, PoolingName
from core.errors import ParamsError, TrainingError
from models import machine, memory
from models.embedding import WordEmbedding
from models.prediction import predict
from models.training.fit import fit
from models.training.module import ClassifierModule
from models.training.schedule import learning_rate_factor
from models.training.step_records import NORM
from tests import needs
from tests.loaded import run_script
from tests.models.plain import plain_classifier, plain_module
from tests.models.toy import VOCABULARY_SIZE, order_documents, small_trainer

SCRIPT = Path(__file__).with_name("losses_of_steps.py")
MEMORY_SCRIPT = Path(__file__).with_name("memory_of_a_step.py")


def train(callbacks: tuple[Callback, ...] = (), **changes: Any) -> ClassifierModule:
    settings: dict[str, Any] = {
        "epochs": 2,
        "batch_size": 16,
        "learning_rate": 0.01,
        "early_stopping": None,
        "monitor": "validation_loss",
        "precision": "32-true",
        "cell": "lstm",
        "head_dropout": 0.0,
        "schedule": "constant",
    } | changes
    torch.manual_seed(1)
    classifier = plain_classifier(
        VOCABULARY_SIZE,
        2,
        cell=settings["cell"],
        bidirectional=True,
        hidden_size=16,
        embedding_size=8,
        head_dropout=settings["head_dropout"],
    )
    module = plain_module(
        classifier,
        learning_rate=settings["learning_rate"],
        weight_decay=0.0,
        schedule=settings["schedule"],
        warmup_share=0.0,
        class_weight="none",
        layer_rates=1.0,
        unfreeze=0,
    )
    chosen = {name: settings[name] for name in ("epochs", "early_stopping", "monitor", "precision")}
    trainer = small_trainer(**chosen, gradient_clip=1.0)
    fit(
        trainer,
        module,
        order_documents(200),
        order_documents(60),
        batch_size=settings["batch_size"],
        seed=1,
        monitor=settings["monitor"],
        callbacks=callbacks,
    )
    return module


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("precision", ["32-true", "64-true", pytest.param("bf16-mixed", marks=needs.bfloat16)])
def test_every_cell_learns_which_token_came_first(cell: str, precision: str) -> None:
    module = train(epochs=7, learning_rate=0.02, cell=cell, precision=precision)
    test = order_documents(100)
    probabilities = predict(module.classifier.float(), test, torch.device("cpu"))
    assert (probabilities.argmax(axis=1) == test.labels).mean() > 0.9


def test_words_that_are_updated_lazily_end_where_all_that_are_updated_in_every_step_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lazy = train(batch_size=1, precision="64-true")
    assert lazy.classifier.embedding.update_rows is None
    monkeypatch.setattr(WordEmbedding, "update_rows", property(lambda _: None, lambda *_: None), raising=False)
    eager = train(batch_size=1, precision="64-true")
    for one, other in zip(lazy.history, eager.history, strict=True):
        assert one == pytest.approx(other, rel=1e-9)
    torch.testing.assert_close(lazy.state_dict(), eager.state_dict(), rtol=1e-8, atol=1e-10)


def test_the_same_seed_gives_the_same_bits() -> None:
    one, other = train(head_dropout=0.3), train(head_dropout=0.3)
    assert one.history == other.history
    for name, weights in one.state_dict().items():
        assert torch.equal(weights, other.state_dict()[name]), name


def test_history_means_are_over_documents() -> None:
    line = train(epochs=1, batch_size=7).history[0]
    # 60 validation documents: the mean of unequal batches' accuracies would be no multiple of 1/60.
    assert line["validation_accuracy"] * 60 == pytest.approx(round(line["validation_accuracy"] * 60), abs=1e-9)
    assert line["epoch"] == 1
    assert line["step"] == -(-200 // 7)


def test_the_weights_kept_are_those_of_the_best_epoch() -> None:
    module = train(epochs=4, learning_rate=0.2, monitor="validation_loss")
    best = min(line["validation_loss"] for line in module.history)
    validation = order_documents(60)
    probabilities = predict(module.classifier, validation, torch.device("cpu"))
    own = torch.from_numpy(probabilities)[torch.arange(60), torch.from_numpy(validation.labels).long()]
    assert float(-own.log().mean()) == pytest.approx(best, abs=1e-5)


def test_early_stopping_ends_a_training_that_gets_no_better() -> None:
    assert len(train(epochs=40, learning_rate=3.0, early_stopping=2).history) < 40


def test_a_loss_that_is_no_number_stops_with_step_and_advice() -> None:
    class Poison(Callback):
        def on_train_batch_start(
            self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
        ) -> None:
            if batch_idx == 3:
                next(pl_module.parameters()).data.fill_(float("nan"))

    with pytest.raises(TrainingError, match=r"the loss is nan at step 3 .* lower train.learning_rate"):
        train(callbacks=(Poison(),))


def test_an_epoch_without_a_finite_gradient_has_a_line_of_history_too() -> None:
    class Overflow(Callback):
        """What 16-mixed does where it begins with too large a scale."""

        def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            assert isinstance(pl_module, ClassifierModule)
            pl_module.records.rows[:, NORM] = float("inf")

    line = train(epochs=1, callbacks=(Overflow(),)).history[0]
    assert line["gradient_norm_mean"] == line["gradient_norm_max"] == 0


def test_ctrl_c_comes_out_as_ctrl_c() -> None:
    class Interrupt(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            signal.raise_signal(signal.SIGINT)

    handler = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # jobs in the background inherit that it is ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            train(callbacks=(Interrupt(),))
    finally:
        signal.signal(signal.SIGINT, handler)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs 2 cores")
def test_two_processes_take_the_same_steps_as_one_with_twice_the_batch_and_only_this_machine_can_join_them(
    alone: dict[str, Any], tmp_path: Path
) -> None:
    pair = losses_of_steps(tmp_path, 2, 1, 8)
    check_same_steps(alone, pair)
    assert [pair[class_weight]["listens_at"] for class_weight in ("none", "balanced")] == [["127.0.0.1"]] * 2
    assert alone["none"]["losses"] != alone["balanced"]["losses"]


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs 2 cores")
def test_two_nodes_of_torchrun_take_the_same_steps_as_one_process_with_twice_the_batch(
    alone: dict[str, Any], tmp_path: Path
) -> None:
    check_same_steps(alone, losses_of_steps(tmp_path, 1, 2, 8))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One process with twice the batch."""
    return losses_of_steps(tmp_path_factory.mktemp("alone"), 1, 1, 16)


def losses_of_steps(tmp_path: Path, devices: int, nodes: int, batch_size: int) -> dict[str, Any]:
    """What the first process writes; several nodes are agents of torchrun, as docs/cluster.md starts them."""
    folder = tmp_path / f"{devices}-{nodes}"
    folder.mkdir()
    script = [str(SCRIPT), str(devices), str(nodes), str(batch_size), str(folder)]
    if nodes == 1:
        done = run_script(*script)
        assert done.returncode == 0, done.stderr
    else:
        run_on_nodes(nodes, script)
    results: dict[str, Any] = json.loads((folder / "rank-0.json").read_text())
    return results


def run_on_nodes(nodes: int, script: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    place = ["--nnodes", str(nodes), "--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", port]
    torchrun = [sys.executable, "-m", "torch.distributed.run", *place, "--node-rank"]
    processes = [
        subprocess.Popen([*torchrun, str(rank), *script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for rank in range(nodes)
    ]
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0, output


def check_same_steps(one: dict[str, Any], two: dict[str, Any]) -> None:
    for class_weight in ("none", "balanced"):
        alone, pair = one[class_weight], two[class_weight]
        assert (alone["world_size"], pair["world_size"]) == (1, 2)
        assert len(alone["losses"]) == 2 * 7
        assert pair["losses"] == pytest.approx(alone["losses"], abs=1e-5)
        for pairs_line, line in zip(pair["history"], alone["history"], strict=True):
            assert pairs_line == pytest.approx(line, abs=1e-5)
        assert pair["tokens"] == alone["tokens"]  # of each step, all processes together


@pytest.mark.parametrize(
    ("pooling", "averaging", "doing"),
    [
        ("max", "none", "training takes at least 110.7"),
        ("max", None, "prediction takes at least 15.3"),
        ("last", "none", "training takes at least 95.4"),  # which writes one state a document
    ],
)
def test_a_batch_that_a_long_document_makes_too_large_is_refused(
    pooling: PoolingName, averaging: Averaging | None, doing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_memory", lambda: 8 * 2**30)
    with torch.device("meta"):
        classifier = plain_classifier(20_000, 2, cell="lstm", pooling=pooling)
    memory.check("lstm", classifier, 32 * 400, "cpu", "32-true", averaging)
    with pytest.raises(ParamsError, match=rf"batch 64,000,000 tokens .*; {doing} GiB, but there are 8\.0;"):
        memory.check("lstm", classifier, 32 * 2_000_000, "cpu", "32-true", averaging)


@pytest.mark.parametrize(
    "variant",
    [
        {"cell": "lstm", "hidden_size": 1, "embedding_size": 1, "bidirectional": True, "layers": 4},
        {"cell": "gru", "hidden_size": 64, "embedding_size": 1024},
    ],
    ids=["few numbers a token", "wide words"],
)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_step_takes_what_is_counted_and_less_than_twice_as_much(variant: dict[str, Any]) -> None:
    command = [sys.executable, str(MEMORY_SCRIPT), json.dumps(variant)]
    used, counted = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert 0.95 * counted < used < 2 * counted  # which the rest of the process moves by some megabytes


def test_the_learning_rate_of_an_epoch_is_that_of_its_last_step() -> None:
    history = train(epochs=2, batch_size=20, learning_rate=0.01, schedule="linear").history  # 2 × 10 steps
    assert [line["learning_rate"] for line in history] == pytest.approx([0.01 * 11 / 20, 0.01 * 1 / 20])


def test_a_validation_loss_that_is_no_number_names_the_learning_rate_that_led_there() -> None:
    class Poison(Callback):
        def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            next(pl_module.parameters()).data.fill_(float("nan"))

    with pytest.raises(TrainingError, match=r"the validation loss is nan at step 10 with a learning rate of 0.001;"):
        train(callbacks=(Poison(),), epochs=1, batch_size=20, learning_rate=0.01, schedule="linear")


def test_schedules_rise_and_fall() -> None:
    assert [learning_rate_factor(step, 10, 0.0, "constant") for step in (0, 5, 10)] == [1, 1, 1]
    assert [learning_rate_factor(step, 10, 0.2, "linear") for step in (0, 1, 2, 6, 10)] == [0.5, 1, 1, 0.5, 0]
    assert learning_rate_factor(5, 10, 0.0, "cosine") == pytest.approx(0.5)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_what_this_machine_lacks_is_refused_by_name() -> None:
    with pytest.raises(ParamsError, match=r"train.accelerator is 'gpu'.*allowed here: cpu, auto"):
        machine.check("gpu", 1, "32-true")
    with pytest.raises(ParamsError, match=r"train.devices is 4096; allowed: 1 to \d+"):
        machine.check("cpu", 4096, "32-true")
    with pytest.raises(ParamsError, match=r"train.precision is '16-mixed'.*allowed"):
        machine.check("auto", 1, "16-mixed")


def test_nodes_that_nobody_has_started_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(ParamsError, match=r"train.num_nodes is 2, but this process was started alone; allowed: 1, or"):
        small_trainer(num_nodes=2)
