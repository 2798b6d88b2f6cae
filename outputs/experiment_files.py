"""Reads the outputs of the stages before compare as one `Experiment`, with references and settings."""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any, get_args
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.comparison.costs import Measured, different_hardware
from analysis.comparison.experiment import Document, Experiment
from analysis.comparison.metrics import DECISIVE, metric_named
from analysis.comparison.standing import TITLES, Reference
from analysis.verdict.findings import Settings
from config.data import Generated
from config.params import Params
from core import file_io, paths
from core.errors import DataError, ParamsError
from core.paths import RAW, REFERENCES
from outputs import measurements
from outputs.token_files import read_summary, token_file
from text.tokenizing import token_card


def read_experiment(params: Params) -> Experiment:
    """All trainings that params.yaml asks for, and the test documents.

    Raises:
        DataError: an output of an earlier stage is missing, or was made from other data than the rest.
        ParamsError: compare.metric is undefined on these test documents.
    """
    variants, seeds = params.compare.variants, params.compare.seeds
    card = file_io.read_json(RAW / "card.json", made_by="download")
    test = _read_table(RAW / "test.parquet", made_by="download")
    tokens = read_summary()
    _check_metric(params.compare.metric, card["labels"], test["label"].to_numpy())
    folders = [[paths.folder(variant, seed) for seed in seeds] for variant in variants]
    configs = [[file_io.read_json(path / "config.json", made_by="train") for path in row] for row in folders]
    for folder, config in zip(chain(*folders), chain(*configs), strict=True):
        _check_data(folder, config, card)
        _check_libraries(folder, config, folders[0][0], configs[0][0])
    by_variant = list(zip(variants, configs, strict=True))
    costs = {variant: [measurements.read(config["signature"]) for config in row] for variant, row in by_variant}
    _check_time(params, list(chain(*costs.values())))
    return Experiment(
        data=_data_name(params, card),
        classes=card["labels"],
        variants=variants,
        baseline=params.compare.baseline,
        metric=metric_named(params.compare.metric),
        seeds=seeds,
        labels=test["label"].to_numpy(),
        probabilities=np.array([[_read_predictions(path, test["id"]) for path in row] for row in folders]),
        histories=[[file_io.read_json(path / "history.json", made_by="train") for path in row] for row in folders],
        parameters={variant: first["parameters"] for variant, (first, *_) in by_variant},
        matching=params.compare.matching,
        hidden_sizes={variant: first["variant"]["hidden_size"] for variant, (first, *_) in by_variant},
        costs=costs,
        columns={
            "length in tokens": _read_lengths(token_file("test.arrow", tokens["checksums"]), test["id"]),
            **{name: test[name].to_numpy(zero_copy_only=False) for name in card["columns"]},
        },
        documents=[
            Document(name, text) for name, text in zip(test["id"].to_pylist(), test["text"].to_pylist(), strict=True)
        ],
        tokenization=token_card.sentences(tokens),
        warnings=tokens["warnings"],
        artificial=params.data.name in get_args(Generated),
        trials=params.compare.tuning.trials,
        repeats=params.compare.tuning.repeats,
    )


def read_references(experiment: Experiment) -> list[Reference]:
    """The predictions of the stage reference for the documents of `experiment`.

    Raises:
        DataError: an output is missing, or was made from other data.
    """
    card = file_io.read_json(RAW / "card.json", made_by="download")
    ids = document_ids(experiment)
    references = []
    for name in TITLES:
        folder = REFERENCES / name
        config = file_io.read_json(folder / "config.json", made_by="reference")
        _check_data(folder, config, card)
        probabilities = _read_predictions(folder, ids, made_by="reference")
        costs = measurements.read(config["signature"])
        references.append(Reference(name, probabilities, config["parameters"]["total"], costs))
    return references


def read_settings(params: Params) -> Settings:
    """The settings of the trainings, which are the same for all seeds."""
    seed = params.compare.seeds[0]
    folders = {variant: paths.folder(variant, seed) for variant in params.compare.variants}
    configs = {name: file_io.read_json(folder / "config.json", made_by="train") for name, folder in folders.items()}
    tokens = read_summary()
    return Settings(
        variants={name: config["variant"] for name, config in configs.items()},
        train=configs[params.compare.baseline]["train"],
        tuned={name: config["train"] for name, config in configs.items()} if params.compare.tuning.trials else {},
        share_unknown=tokens["splits"]["test"]["share_unknown"],
        vectors=tokens["tokenize"]["vectors"] is not None,
    )


def _check_data(folder: Path, config: dict[str, Any], card: dict[str, Any]) -> None:
    """Refuses a training or reference that learned from other data than those in data/raw."""
    if config["labels"] != card["labels"] or config["data"]["digest"] != card["digest"]:
        raise DataError(f"{folder} was made from other data than {RAW}; run dvc repro")


def _check_libraries(folder: Path, config: dict[str, Any], first: Path, first_config: dict[str, Any]) -> None:
    """Refuses trainings by different libraries, which may explain a difference between variants."""
    own, others = config.get("libraries", {}), first_config.get("libraries", {})
    for name in sorted({*own, *others}):
        version, other = own.get(name, "unknown"), others.get(name, "unknown")
        if version != other:
            raise DataError(
                f"{folder} was trained with {name} {version}, {first} with {other}; to train all alike: make run, or "
                "dvc repro --force --single-item check and then dvc repro"
            )


def _check_time(params: Params, measured: Measured) -> None:
    """Refuses trainings that were given the same time on different hardware: they did not get the same chance."""
    if params.compare.matching == "training_time" and (hardware := different_hardware(measured)):
        raise DataError(
            f"compare.matching is 'training_time', but the trainings ran on {hardware}; delete results/ on one machine "
            "and run make run there, or set another compare.matching"
        )


def _check_metric(metric: str, classes: Sequence[str], labels: npt.NDArray[np.integer[Any]]) -> None:
    """Refuses a ROC AUC that is undefined; no other metric takes its place."""
    absent = [name for index, name in enumerate(classes) if not (labels == index).any()]
    if metric == "roc_auc" and (absent or len(classes) < 2):
        reason = f"the test split has no document of class {absent[0]!r}" if absent else "the data has one class only"
        allowed = ", ".join(key for key in DECISIVE if key != metric)
        raise ParamsError(f"compare.metric is {metric!r}, but {reason}; allowed here: {allowed}")


def _data_name(params: Params, card: Mapping[str, Any]) -> str:
    """The name of the data set; for a custom one that of its file."""
    if card["name"] != "custom":
        return str(card["name"])
    return PurePosixPath(urlsplit(str(params.data.source)).path).stem or "custom"


def _read_table(path: Path, made_by: str) -> pa.Table:
    try:
        return (
            pq.read_table(path, page_checksum_verification=True)
            if path.suffix == ".parquet"
            else pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        )
    except FileNotFoundError:
        raise DataError(f"{path} is missing; the stage {made_by} makes it: dvc repro") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} is broken ({error}); delete it and run dvc repro") from None


def document_ids(experiment: Experiment) -> pa.ChunkedArray:
    """The ids of the test documents, in their order."""
    return pa.chunked_array([pa.array([document.id for document in experiment.documents], pa.string())])


def _read_predictions(folder: Path, ids: pa.ChunkedArray, made_by: str = "evaluate") -> npt.NDArray[np.float32]:
    """The predictions of a training or reference for the test documents `ids`, (n, classes)."""
    return read_probabilities(folder / "predictions.parquet", ids, made_by)


def read_probabilities(path: Path, ids: pa.ChunkedArray, made_by: str) -> npt.NDArray[np.float32]:
    """The predictions in the file `path` for the test documents `ids`, (n, classes)."""
    table = _read_table(path, made_by=made_by)
    flat = table["probabilities"].combine_chunks().flatten().to_numpy()
    return np.asarray(flat.reshape(table.num_rows, -1)[_order(path, table["id"], ids)])


def _read_lengths(path: Path, ids: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """The number of tokens of each of the test documents `ids`, (n,)."""
    table = _read_table(path, made_by="tokenize").select(["id", "length"])
    return np.asarray(table["length"].to_numpy()[_order(path, table["id"], ids)])


def _order(path: Path, present: pa.ChunkedArray, ids: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """The position of each of the test documents `ids` among those `present` in the file `path`, (n,)."""
    positions = pc.index_in(ids, value_set=present)
    if len(present) != len(ids) or positions.null_count:
        raise DataError(f"{path} holds other documents than {RAW / 'test.parquet'}; run dvc repro")
    return np.asarray(positions.to_numpy())
