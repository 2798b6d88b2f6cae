"""Reads what the stages left behind as one `Experiment`, ready to be compared."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, get_args
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.comparison.experiment import Document, Experiment
from analysis.comparison.metrics import DECISIVE, metric_named
from analysis.comparison.standing import TITLES, Reference
from analysis.verdict.findings import Settings
from config.data import Generated
from config.params import Params
from core import file_io, paths
from core.errors import DataError, ParamsError
from core.paths import RAW, REFERENCES, TOKENS
from outputs import measurements
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
    tokens = file_io.read_json(TOKENS / "summary.json", made_by="tokenize")
    _check_metric(params.compare.metric, card["labels"], test["label"].to_numpy())
    folders = [[paths.folder(variant, seed) for seed in seeds] for variant in variants]
    configs = [[file_io.read_json(path / "config.json", made_by="train") for path in row] for row in folders]
    for row, found in zip(folders, configs, strict=True):
        for path, config in zip(row, found, strict=True):
            if config["labels"] != card["labels"] or config["data"]["digest"] != card["digest"]:
                raise DataError(f"{path} was made from other data than {RAW}; run dvc repro")
            _check_libraries(path, config, folders[0][0], configs[0][0])
    by_variant = list(zip(variants, configs, strict=True))
    return Experiment(
        data=_data_name(params, card),
        classes=card["labels"],
        variants=variants,
        baseline=params.compare.baseline,
        metric=metric_named(params.compare.metric),
        seeds=seeds,
        labels=test["label"].to_numpy(),
        probabilities=np.array([[_read_probabilities(path, test["id"]) for path in row] for row in folders]),
        histories=[[file_io.read_json(path / "history.json", made_by="train") for path in row] for row in folders],
        parameters={variant: found[0]["parameters"] for variant, found in by_variant},
        matching=params.compare.matching,
        hidden_sizes={variant: found[0]["variant"]["hidden_size"] for variant, found in by_variant},
        costs={variant: [measurements.read(config["signature"]) for config in found] for variant, found in by_variant},
        columns={
            "length in tokens": _read_lengths(test["id"]),
            **{name: test[name].to_numpy(zero_copy_only=False) for name in card["columns"]},
        },
        documents=[
            Document(name, text) for name, text in zip(test["id"].to_pylist(), test["text"].to_pylist(), strict=True)
        ],
        tokenization=token_card.sentences(tokens),
        warnings=tokens["warnings"],
        artificial=params.data.name in get_args(Generated),
    )


def read_references(experiment: Experiment) -> list[Reference]:
    """What the stage reference predicted of the documents of `experiment`.

    Raises:
        DataError: an output is missing, or was made from other data.
    """
    card = file_io.read_json(RAW / "card.json", made_by="download")
    ids = pa.chunked_array([pa.array([document.id for document in experiment.documents], pa.string())])
    references = []
    for name in TITLES:
        folder = REFERENCES / name
        config = file_io.read_json(folder / "config.json", made_by="reference")
        if config["labels"] != card["labels"] or config["data"]["digest"] != card["digest"]:
            raise DataError(f"{folder} was made from other data than {RAW}; run dvc repro")
        probabilities = _read_probabilities(folder, ids, made_by="reference")
        costs = measurements.read(config["signature"])
        references.append(Reference(name, probabilities, config["parameters"]["total"], costs))
    return references


def read_settings(params: Params) -> Settings:
    """With what the variants were trained; it is the same for all seeds."""
    seed = params.compare.seeds[0]
    folders = {variant: paths.folder(variant, seed) for variant in params.compare.variants}
    configs = {name: file_io.read_json(folder / "config.json", made_by="train") for name, folder in folders.items()}
    tokens = file_io.read_json(TOKENS / "summary.json", made_by="tokenize")
    return Settings(
        variants={name: config["variant"] for name, config in configs.items()},
        train=configs[params.compare.baseline]["train"],
        share_unknown=tokens["splits"]["test"]["share_unknown"],
        vectors=tokens["tokenize"]["vectors"] is not None,
    )


def _check_libraries(path: Path, config: dict[str, Any], other: Path, reference: dict[str, Any]) -> None:
    """Whether two trainings were made by the same libraries: else these may be the reason for a difference."""
    mine, others = (found.get("libraries", {}) for found in (config, reference))
    for name in sorted({*mine, *others}):
        version, another = mine.get(name, "unknown"), others.get(name, "unknown")
        if version != another:
            raise DataError(
                f"{path} was trained with {name} {version}, {other} with {another}; to train all alike: make run, or "
                "dvc repro --force --single-item check and then dvc repro"
            )


def _check_metric(metric: str, classes: Sequence[str], labels: npt.NDArray[np.integer[Any]]) -> None:
    """No other metric takes the place of a ROC AUC that is undefined."""
    absent = [name for index, name in enumerate(classes) if not (labels == index).any()]
    if metric == "roc_auc" and (absent or len(classes) < 2):
        reason = f"the test split has no document of class {absent[0]!r}" if absent else "the data has one class only"
        allowed = ", ".join(key for key in DECISIVE if key != metric)
        raise ParamsError(f"compare.metric is {metric!r}, but {reason}; allowed here: {allowed}")


def _data_name(params: Params, card: Mapping[str, Any]) -> str:
    """The name of the data set; a file of one's own goes by the file's."""
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


def _read_probabilities(folder: Path, ids: pa.ChunkedArray, made_by: str = "evaluate") -> npt.NDArray[np.float32]:
    """What one training or reference predicted, in the order of the test split's `ids`, (n, classes)."""
    path = folder / "predictions.parquet"
    table = _read_table(path, made_by=made_by)
    flat = table["probabilities"].combine_chunks().flatten().to_numpy()
    return np.asarray(flat.reshape(table.num_rows, -1)[_order(path, table["id"], ids)])


def _read_lengths(ids: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """Tokens of each test document, (n,)."""
    path = paths.verified_tokens("test.arrow")
    table = _read_table(path, made_by="tokenize").select(["id", "length"])
    return np.asarray(table["length"].to_numpy()[_order(path, table["id"], ids)])


def _order(path: Path, found: pa.ChunkedArray, wanted: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """Where in `found` each of the `wanted` ids stands."""
    positions = pc.index_in(wanted, value_set=found)
    if len(found) != len(wanted) or positions.null_count:
        raise DataError(f"{path} holds other documents than {RAW / 'test.parquet'}; run dvc repro")
    return np.asarray(positions.to_numpy())
