"""Training and prediction on one GPU, beside PyTorch's own loops. `python -m benchmarks.gpu [--short] [part …]`.

Embedding(20,002, 128) → LSTM in one or two directions → two classes, AdamW, at most 400 tokens; documents have the
lengths of IMDB's. Rates are real tokens a second of whole steps. Peers read padded or packed batches that lie on the
GPU already. Prints a line of JSON for each figure; it needs none of this project's other data. The part keras needs two
more packages in this project's environment: `pip install keras==3.15.1 "jax[cuda13]==0.10.2" -c constraints.txt`.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence

from benchmarks import keras_models
from benchmarks.corpus import LENGTHS, MAX_TOKENS, PERCENTILES, VOCABULARY_SIZE
from benchmarks.shape import Shape as CpuShape
from benchmarks.step_clock import StepClock
from config.train import TrainParams
from config.variants import VariantParams
from models import machine
from models.classifier import TextClassifier
from models.prediction import predict
from models.training.building import as_lightning
from models.training.fit import fit
from text.batches import LengthBuckets

DEVICE = torch.device("cuda")
EMBEDDING_SIZE = 128
DOCUMENTS = {32: 4_096, 256: 16_384, 1_024: 32_768}  # by batch size: 128, 64 and 32 steps
SHORT = 4  # times fewer
TURNS = 3
PARTS = ("train", "wide", "predict", "busy", "keras")


class Shape(NamedTuple):
    """What is trained."""

    directions: int = 1
    batch_size: int = 32
    hidden_size: int = 64
    layers: int = 1
    precision: str = "32-true"


class Documents:
    """Documents with the lengths of IMDB's and random tokens, common ones first, as Zipf says."""

    def __init__(self, count: int) -> None:
        random = np.random.default_rng(1)
        lengths = np.interp(random.uniform(0, 100, count), PERCENTILES, LENGTHS)
        self.lengths = np.minimum(lengths, MAX_TOKENS).astype(np.int32)
        self.labels = random.integers(0, 2, count).astype(np.int32)
        ranks = VOCABULARY_SIZE ** random.uniform(0, 1, int(self.lengths.sum()))  # density 1 / rank
        self._flat = np.clip(ranks, 2, VOCABULARY_SIZE - 1).astype(np.int32)
        self._starts = np.cumsum(self.lengths) - self.lengths

    def batch(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Right-padded tokens (batch, longest) and lengths (batch,)."""
        lengths = self.lengths[indices]
        positions = np.arange(lengths.max())
        places = np.minimum(self._starts[indices][:, None] + positions, len(self._flat) - 1)
        return np.where(positions < lengths[:, None], self._flat[places], 1).astype(np.int32), lengths


def project_training(documents: Documents, shape: Shape, turns: int) -> list[float]:
    """This project, as `fit` trains: the first epoch, which records graphs, does not count."""
    rates = []

    class Rates(StepClock):
        def on_train_epoch_end(self, *_: Any) -> None:
            rates.append(float(documents.lengths.sum() / self.seconds))

    train(documents, shape, 1 + turns, Rates())
    return rates[1:]


def train(
    documents: Documents, shape: Shape, epochs: int, clock: Callback, accelerator: Literal["cpu", "gpu"] = "gpu"
) -> None:
    """Trains as the stage does, but for the outputs."""
    machine.prepare(1, shape.precision)
    settings = TrainParams.model_validate(
        {"epochs": epochs, "accelerator": accelerator, "precision": shape.precision, "batch_size": shape.batch_size}
    )
    module, trainer = as_lightning(build_classifier(shape), settings)
    few, batch_size = Documents(64), settings.batch_size
    with contextlib.redirect_stdout(io.StringIO()):  # the epochs' lines
        fit(
            trainer, module, documents, few, batch_size=batch_size, seed=1, monitor="validation_loss", callbacks=[clock]
        )


def build_classifier(shape: Shape) -> TextClassifier:
    """This project's classifier with the sizes of the other candidates, whatever its defaults are."""
    sizes = {"layers": shape.layers, "hidden_size": shape.hidden_size, "embedding_size": EMBEDDING_SIZE}
    same = {"cell": "lstm", "bidirectional": shape.directions == 2, "pooling": "last", "initialization": "pytorch"}
    torch.manual_seed(1)
    return TextClassifier(VOCABULARY_SIZE, 2, **VariantParams.model_validate(same | sizes).model_dump())


class Plain(nn.Module):
    """What people write: nn.LSTM over padded or packed batches. Padded, its backward direction reads padding first."""

    def __init__(self, shape: Shape, packed: bool) -> None:
        super().__init__()
        self.packed = packed
        self.embedding = nn.Embedding(VOCABULARY_SIZE, EMBEDDING_SIZE, padding_idx=1)
        self.lstm = nn.LSTM(
            EMBEDDING_SIZE, shape.hidden_size, shape.layers, batch_first=True, bidirectional=shape.directions == 2
        )
        self.head = nn.Linear(shape.directions * shape.hidden_size, 2)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits (batch, 2)."""
        vectors = self.embedding(tokens)
        if self.packed:
            vectors = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        last = self.lstm(vectors)[1][0][-self.head.in_features // self.lstm.hidden_size :]  # (directions, batch, h)
        logits: Tensor = self.head(torch.cat(list(last), dim=1))
        return logits


def resident(documents: Documents, batch_size: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Length-bucketed batches on the GPU; lengths on the CPU, where packing needs them."""
    steps = [share.indices for share in LengthBuckets(documents.lengths, batch_size, seed=1)]
    batches = []
    for indices in steps:
        tokens, lengths = documents.batch(indices)
        labels = torch.from_numpy(documents.labels[indices].astype(np.int64))
        batches.append((torch.from_numpy(tokens).to(DEVICE), torch.from_numpy(lengths), labels.to(DEVICE)))
    return batches


def plain_training(documents: Documents, shape: Shape, turns: int, *, packed: bool) -> list[float]:
    """The usual loop with clipping and fused AdamW."""
    machine.prepare(1, shape.precision)
    torch.manual_seed(1)
    model = Plain(shape, packed).to(DEVICE)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003, weight_decay=0.0, fused=True)
    batches = resident(documents, shape.batch_size)

    def epoch() -> None:
        for tokens, lengths, labels in batches:
            optimizer.zero_grad()
            with torch.autocast("cuda", torch.bfloat16, enabled=shape.precision == "bf16-mixed"):
                loss = cross_entropy(model(tokens, lengths).float(), labels)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return rates_of(epoch, int(documents.lengths.sum()), turns)


def keras_training(documents: Documents, shape: Shape, turns: int) -> list[float]:
    """Keras 3 on JAX as in its own examples: all documents padded to the longest, fit; JAX multiplies in tf32."""
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    keras, model = keras_models.build(CpuShape(bidirectional=shape.directions == 2), "keras-jax")
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    tokens, _ = documents.batch(np.arange(len(documents.lengths)))
    tokens = np.pad(tokens, ((0, 0), (0, MAX_TOKENS - tokens.shape[1])), constant_values=1)

    def epoch() -> None:
        model.fit(tokens, documents.labels, batch_size=shape.batch_size, verbose=0)

    return rates_of(epoch, int(documents.lengths.sum()), turns)


def project_prediction(documents: Documents, shape: Shape, turns: int) -> list[float]:
    """This project, from documents on the CPU to probabilities on the CPU."""
    machine.prepare(1)
    classifier = build_classifier(shape)
    return rates_of(lambda: predict(classifier, documents, DEVICE, progress=False), int(documents.lengths.sum()), turns)


def packed_prediction(documents: Documents, shape: Shape, turns: int) -> list[float]:
    """Packed batches of 1,024."""
    machine.prepare(1)
    model = Plain(shape, packed=True).to(DEVICE).eval()

    def all_documents() -> None:
        with torch.inference_mode():
            for tokens, lengths, _ in resident(documents, 1_024):
                model(tokens, lengths).softmax(dim=1).cpu()

    return rates_of(all_documents, int(documents.lengths.sum()), turns)


def rates_of(work: Callable[[], Any], tokens: int, turns: int) -> list[float]:
    """Tokens a second of each turn, after one that does not count."""
    rates = []
    for _ in range(1 + turns):
        torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        torch.cuda.synchronize()
        rates.append(tokens / (time.perf_counter() - started))
    return rates[1:]


def busy_share(documents: Documents, shape: Shape) -> dict[str, Any]:
    """The share of an epoch in which the GPU computes, its kernels a step, and those that take most of the time."""
    from torch.profiler import ProfilerActivity, profile

    profiler = profile(activities=[ProfilerActivity.CUDA])

    class Profile(StepClock):
        def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            if trainer.current_epoch == 1:
                profiler.start()
            super().on_train_epoch_start(trainer, pl_module)

        def on_train_batch_end(self, trainer: Trainer, *given: Any) -> None:
            super().on_train_batch_end(trainer, *given)
            if trainer.current_epoch == 1 and trainer.is_last_batch:
                profiler.stop()

    clock = Profile()
    train(documents, shape, 2, clock)
    kernels: dict[str, list[float]] = {}
    for event in profiler.events():  # type: ignore[no-untyped-call]
        kernels.setdefault(event.name, []).append(event.device_time)  # µs
    steps = -(-len(documents.lengths) // shape.batch_size)
    busy = sum(map(sum, kernels.values()))
    largest = sorted(kernels.items(), key=lambda kernel: -sum(kernel[1]))[:25]
    return {
        "busy": round(busy / 1e6 / clock.seconds, 3),
        "microseconds_a_step": round(clock.seconds * 1e6 / steps),
        "kernels_a_step": round(sum(map(len, kernels.values())) / steps),
        "largest": {name[:70]: [round(len(times) / steps, 1), round(sum(times) / steps, 1)] for name, times in largest},
    }


def shapes(part: str) -> Iterator[Shape]:
    """What a part measures."""
    match part:
        case "train":
            for batch_size in DOCUMENTS:
                for directions in (1, 2):
                    for precision in ("32-true", "tf32", "bf16-mixed"):
                        yield Shape(directions, batch_size, precision=precision)
        case "wide":
            for precision in ("32-true", "tf32", "bf16-mixed"):
                yield Shape(1, 1_024, 512, 2, precision)
        case "keras":
            for batch_size in DOCUMENTS:
                for directions in (1, 2):
                    yield Shape(directions, batch_size, precision="tf32")
        case "busy":
            for batch_size in (32, 1_024):
                for directions in (1, 2):
                    yield Shape(directions, batch_size, precision="tf32")
        case _:
            for directions in (1, 2):
                yield Shape(directions, 1_024)


def main() -> None:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "parts", nargs="*", metavar="part", default=PARTS[:4], help=f"of {', '.join(PARTS)}; default: all but keras"
    )
    arguments.add_argument("--short", action="store_true", help="fewer documents and one turn")
    arguments.add_argument("--only", default="", help="a candidate")
    chosen = arguments.parse_args()
    if unknown := set(chosen.parts) - {*PARTS}:
        arguments.error(f"unknown part: {', '.join(sorted(unknown))}; allowed: {', '.join(PARTS)}")
    turns = 1 if chosen.short else TURNS
    print(json.dumps({"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}), flush=True)
    candidates: dict[str, dict[str, Callable[..., list[float]]]] = {
        "train": {
            "project": project_training,
            "padded": lambda *given: plain_training(*given, packed=False),
            "packed": lambda *given: plain_training(*given, packed=True),
        },
        "keras": {"keras-jax": keras_training},  # a part, and so a process, of its own: JAX's threads use the GPU, too
        "predict": {"project": project_prediction, "packed": packed_prediction},
    }
    candidates["wide"] = candidates["train"]
    for part in chosen.parts:
        for shape in shapes(part):
            documents = Documents(DOCUMENTS[shape.batch_size] // (SHORT if chosen.short or part == "wide" else 1))
            if part == "busy":
                print(json.dumps({"part": part, **shape._asdict(), **busy_share(documents, shape)}), flush=True)
                continue
            for name, candidate in candidates[part].items():
                rarely = name == "packed" and shape.precision != "32-true"
                if chosen.only not in name or rarely:
                    continue
                rates = candidate(documents, shape, turns)
                figures = {"rate": round(statistics.median(rates)), "lowest": round(min(rates)), "turns": turns}
                print(json.dumps({"part": part, "candidate": name, **shape._asdict(), **figures}), flush=True)


if __name__ == "__main__":
    main()
