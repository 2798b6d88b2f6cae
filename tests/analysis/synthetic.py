"""Finished trainings made of random numbers, as the stages before compare leave them."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.report import files, page
from config.params import Params
from config.train import TrainParams
from core import paths
from core.checksums import checksum
from outputs import measurements

WORDS = ["the", "film", "was", "not", "what", "I", "hoped", "for", "although", "its", "first", "scene", "is", "fine"]
Ints = npt.NDArray[np.int64]
DIGEST = "sha256:" + "0" * 64
CONDITIONS = {
    "cores": 1,
    "processor": "EPYC (znver4)",
    "gpu": "none",
    "engine": "grid of 2",
    "torch": "2",
    "numba": "0",
}


def draw_no_png(patch: pytest.MonkeyPatch) -> None:
    """A report's PNG files stay empty: drawing them takes half of a comparison's time."""
    patch.setattr(files, "panels_png", lambda panels, names: b"")


def draw_nothing(patch: pytest.MonkeyPatch) -> None:
    """Nor does its page have pictures, but their titles only: a comparison takes a tenth of its time."""
    draw_no_png(patch)
    patch.setattr(page, "panel_svg", lambda panel: f"<svg>{panel.title}</svg>")


def make_params(variants: list[str], seeds: list[int]) -> Params:
    models = {name: {"cell": "lstm", "bidirectional": name.startswith("bi")} for name in variants}
    compare = {"variants": variants, "seeds": seeds, "baseline": variants[0]}
    return Params.model_validate({"data": {"name": "synthetic_reviews"}, "variants": models, "compare": compare})


def write_experiment(
    variants: list[str],
    seeds: list[int],
    classes: tuple[str, ...] = ("negative", "positive"),
    documents: int = 400,
    skill: dict[str, float] | None = None,
    random_state: int = 0,
    absent: int | None = None,
    equal: bool = False,
) -> Params:
    """Writes data/ and results/ into the current folder; `skill` is how well a variant reads, about 1 by default.

    No document has the class `absent`; with `equal` all classes have as many.
    """
    rng = np.random.default_rng(random_state)
    labels = rng.choice([index for index in range(len(classes)) if index != absent], documents)
    labels = np.arange(documents) % len(classes) if equal else labels
    lengths = rng.integers(8, 300, documents)
    place = rng.choice(["start", "middle", "end"], documents)
    ids = [f"test-{index:05d}" for index in range(documents)]
    _write_documents(rng, ids, labels, lengths, place, classes)
    difficulty = rng.standard_normal((documents, len(classes)))
    for rank, variant in enumerate(variants):
        for seed in seeds:
            level = (skill or {}).get(variant, 1.0) + 0.05 * rng.standard_normal()
            reading = level - 0.4 * (place == "start") * (not variant.startswith("bi"))  # (documents,)
            scores = 1.2 * difficulty + 0.8 * rng.standard_normal((documents, len(classes)))
            scores[np.arange(documents), labels] += 2.2 * reading
            probabilities = np.exp(1.3 * scores)
            probabilities /= probabilities.sum(axis=1, keepdims=True)
            folder = paths.folder(variant, seed)
            folder.mkdir(parents=True)
            _write_predictions(folder, ids, labels, probabilities, rng.permutation(documents))
            _write_history(folder, 100_000 * (rank + 1), rng)
    params = make_params(variants, seeds)
    for variant in variants:
        for seed in seeds:
            _write_config(paths.folder(variant, seed), classes, 100_000 * (variants.index(variant) + 1), params)
    _write_references(rng, ids, labels, classes)
    return params


def _write_documents(
    rng: np.random.Generator, ids: list[str], labels: Ints, lengths: Ints, place: np.ndarray, classes: Sequence[str]
) -> None:
    texts = [" ".join(rng.choice(WORDS, length)) + " <b>&amp;" for length in lengths]
    columns = {"id": ids, "text": texts, "label": pa.array(labels, pa.int32())}
    columns |= {"place": place.tolist(), "tokens_before": pa.array(rng.integers(0, 99, len(ids)), pa.int32())}
    paths.RAW.mkdir(parents=True)
    paths.TOKENS.mkdir(parents=True)
    pq.write_table(pa.table(columns), paths.RAW / "test.parquet")
    card: dict[str, object] = {
        "name": "made up",
        "labels": list(classes),
        "columns": ["place", "tokens_before"],
        "digest": DIGEST,
    }
    card["duplicates"] = {"across": {}}
    _write_json(paths.RAW / "card.json", card)
    tokens = pa.table({"id": ids, "label": columns["label"], "length": pa.array(lengths, pa.int32())})
    with pa.ipc.new_file(paths.TOKENS / "test.arrow", tokens.schema) as writer:
        writer.write_table(tokens)
    checksums = {"test.arrow": checksum(paths.TOKENS / "test.arrow")}
    summary: dict[str, object] = {
        "checksums": checksums,
        "data": {"name": "made up"},
        "tokenize": {"tokenizer": "basic_english", "vectors": None},
        "tokenizer_reason": "of x",
    }
    summary |= {
        "vocabulary_size": 1234,
        "splits": {"test": {"share_unknown": 0.061, "documents": len(ids)}},
        "warnings": [],
    }
    _write_json(paths.TOKENS / "summary.json", summary)


def _write_predictions(folder: Path, ids: list[str], labels: Ints, probabilities: np.ndarray, order: Ints) -> None:
    table = {
        "id": [ids[index] for index in order],
        "label": pa.array(labels[order], pa.int32()),
        "probabilities": pa.array(probabilities[order].tolist(), pa.list_(pa.float32())),
    }
    pq.write_table(pa.table(table), folder / "predictions.parquet")


def _write_config(folder: Path, classes: Sequence[str], parameters: int, params: Params) -> None:
    variant = params.variants[folder.parent.name].model_copy(update={"initialization": "keras", "pooling": "max"})
    config = {"labels": list(classes), "data": {"name": "made up", "digest": DIGEST}, "signature": _signature(folder)}
    config |= {"parameters": {"total": parameters, "embedding": parameters // 2}}
    config |= {"variant": variant.model_dump(), "train": TrainParams().model_dump()}
    _write_json(folder / "config.json", config)


def _write_references(rng: np.random.Generator, ids: list[str], labels: Ints, classes: Sequence[str]) -> None:
    """A majority class, and a linear model that is right a little more often than chance."""
    for name in ("majority", "linear"):
        folder = paths.REFERENCES / name
        folder.mkdir(parents=True)
        probabilities = np.tile(np.arange(len(classes), 0, -1.0), (len(ids), 1))
        if name == "linear":
            probabilities = 0.5 + rng.random((len(ids), len(classes)))
            probabilities[np.arange(len(ids)), labels] += 0.2
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        _write_predictions(folder, ids, labels, probabilities, np.arange(len(ids)))
        config = {"name": name, "labels": list(classes), "data": {"name": "made up", "digest": DIGEST}}
        _write_json(folder / "config.json", {**config, "parameters": {"total": 500}, "signature": name})
        own = {"training_conditions": [CONDITIONS], "prediction_conditions": [CONDITIONS]}
        measurements.add(name, training_seconds=0.25, milliseconds_a_document=0.015, **own)


def _signature(folder: Path) -> str:
    return f"{folder.parent.name}-{folder.name}"


def _write_history(folder: Path, parameters: int, rng: np.random.Generator) -> None:
    measured = {"training_seconds": 20 + parameters / 1e4 + rng.random(), "tokens_per_second_median": 1e11 / parameters}
    measured |= {"training_startup_seconds": 9.5, "prediction_startup_seconds": 1.5}
    measurements.add(
        _signature(folder),
        **measured,
        peak_memory_mb=700.0,
        milliseconds_a_document=parameters / 1e6,
        training_conditions=[CONDITIONS],
        prediction_conditions=[CONDITIONS],
    )
    epochs = [
        {
            "epoch": epoch,
            "step": 100 * epoch,
            "train_loss": 0.7 / epoch + 0.03 * rng.random(),
            "train_accuracy": 0.9 - 0.3 / epoch**3,
            "validation_loss": 0.3 + 0.4 / epoch**4 + 0.004 * rng.random(),
            "validation_accuracy": 0.87 - 0.3 / epoch**4 + 0.004 * rng.random(),
            "learning_rate": 0.001,
        }
        for epoch in range(1, 5)
    ]
    _write_json(folder / "history.json", epochs)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
