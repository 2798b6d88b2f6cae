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
from analysis.comparison.experiment import DocumentText, Experiment
from analysis.comparison.metrics import DECISIVE, metric_named
from analysis.comparison.standing import TITLES, Reference
from analysis.verdict.findings import Settings
from config.data import Generated
from config.params import Params
from core import file_io, paths
from core.errors import DataError, ParamsError
from core.folds import fold_of
from core.folds import names as fold_names
from core.paths import RAW, REFERENCES
from outputs import measurements
from outputs.pretrained import PRETRAINED_ENTRY
from outputs.token_files import read_summary, share_unknown_in_tests, token_file
from text.sources.addresses import is_address
from text.tokenizing import token_card

PREDICTIONS = "predictions.parquet"


def read_experiment(params: Params) -> Experiment:
    """All trainings that params.yaml asks for, and the test documents.

    Raises:
        DataError: an output of an earlier stage is missing, or was made from other data than the rest.
        ParamsError: compare.metric is undefined on these test documents.
    """
    card = file_io.read_json(RAW / "card.json", made_by="download")
    variants, seeds = params.compare.variants, _by_repetition(params.compare.seeds, card.get("folds"))
    folds = card.get("folds")
    parts = [read_table(RAW / f"{name}.parquet", made_by="download") for name in _test_splits(folds)]
    test = pa.concat_tables(parts)
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
        seeds=seeds if folds is None else list(range(1, len(seeds) // folds + 1)),
        labels=test["label"].to_numpy(),
        probabilities=np.array(
            [
                read_repetitions([folder / PREDICTIONS for folder in row], [part["id"] for part in parts], "evaluate")
                for row in folders
            ]
        ),
        histories=[[file_io.read_json(path / "history.json", made_by="train") for path in row] for row in folders],
        parameters={variant: _mean_parameters(row) for variant, row in by_variant},
        matching=params.compare.matching,
        hidden_sizes={
            variant: sorted({config["variant"]["hidden_size"] for config in row}) for variant, row in by_variant
        },
        costs=costs,
        columns={
            "length in tokens": _read_test_lengths(parts, tokens),
            **{name: test[name].to_numpy(zero_copy_only=False) for name in card["columns"]},
        },
        documents=[
            DocumentText(name, text)
            for name, text in zip(test["id"].to_pylist(), test["text"].to_pylist(), strict=True)
        ],
        tokenization=[_documents(tokens), *token_card.sentences(tokens)],
        warnings=tokens["warnings"],
        leaked=card["duplicates"]["across"].get("train/test", {"rows": 0})["rows"],
        folds=np.repeat(np.arange(len(parts)), [len(part) for part in parts]) if folds else None,
        training_seeds=seeds,
        artificial=params.data.name in get_args(Generated),
        trials=params.compare.tuning.trials,
        repeats=params.compare.tuning.repeats,
    )


def _mean_parameters(configs: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The number of parameters by part; the mean, rounded, where a search for each seed chose different sizes.

    >>> _mean_parameters([{"parameters": {"total": 100}}, {"parameters": {"total": 50, "ngrams": 10}}])
    {'total': 75, 'ngrams': 5}
    """
    parts = [config["parameters"] for config in configs]
    return {name: round(sum(part.get(name, 0) for part in parts) / len(parts)) for name in dict.fromkeys(chain(*parts))}


def _documents(tokens: dict[str, Any]) -> str:
    counts = [f"{split['documents']:,} ({name})" for name, split in tokens["splits"].items()]
    return f"Documents: {', '.join(counts)}."


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
        probabilities = _read_probabilities(folder / PREDICTIONS, ids, "reference")
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
        share_unknown=share_unknown_in_tests(tokens),
        vectors=tokens["tokenize"]["vectors"] is not None,
        pretrained={name: config[PRETRAINED_ENTRY] for name, config in configs.items() if PRETRAINED_ENTRY in config},
    )


def _check_data(folder: Path, config: dict[str, Any], card: dict[str, Any]) -> None:
    """Refuses a training or reference that learned from other data than those in data/raw."""
    if config["labels"] != card["labels"] or config["data"]["digest"] != card["digest"]:
        raise DataError(f"{folder} was not made from the data in {RAW}; run dvc repro")


def _check_libraries(folder: Path, config: dict[str, Any], first: Path, first_config: dict[str, Any]) -> None:
    """Refuses trainings with different library versions, which may explain a difference between variants."""
    own, others = config.get("libraries", {}), first_config.get("libraries", {})
    for name in sorted({*own, *others}):
        version, other = own.get(name, "unknown"), others.get(name, "unknown")
        if version != other:
            raise DataError(
                f"{folder} was trained with {name} {version}, {first} with {other}; to train all alike: make run, or "
                "dvc repro --force --single-item check and then dvc repro"
            )


def _check_time(params: Params, measured: Measured) -> None:
    """Refuses trainings with the same time limit on different hardware, which is not the same budget."""
    if params.compare.matching == "training_time" and (hardware := different_hardware(measured)):
        raise DataError(
            f"compare.matching is 'training_time', but the trainings ran on {hardware}; delete results/ on one machine "
            "and run make run there, or set another compare.matching"
        )


def _check_metric(metric: str, classes: Sequence[str], labels: npt.NDArray[np.integer[Any]]) -> None:
    """Refuses a ROC AUC that is undefined; no other metric takes its place."""
    absent = [name for index, name in enumerate(classes) if not (labels == index).any()]
    if metric == "roc_auc" and (absent or len(classes) < 2):
        reason = f"the test split has no document of class {absent[0]!r}" if absent else "the data have only one class"
        allowed = ", ".join(key for key in DECISIVE if key != metric)
        raise ParamsError(f"compare.metric is {metric!r}, but {reason}; allowed here: {allowed}")


def _data_name(params: Params, card: Mapping[str, Any]) -> str:
    """The name of the data set; for a custom one that of its file."""
    if card["name"] != "custom":
        return str(card["name"])
    source = str(params.data.source)
    return PurePosixPath(urlsplit(source).path if is_address(source) else source).stem or "custom"


def read_table(path: Path, made_by: str) -> pa.Table:
    """The table in the Parquet or Arrow file `path`, which the stage `made_by` writes.

    Raises:
        DataError: the file is missing or broken.
    """
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


def ids_by_fold(experiment: Experiment) -> list[pa.ChunkedArray]:
    """The ids of the test documents of each fold, or of all without folds."""
    ids = document_ids(experiment)
    if experiment.folds is None:
        return [ids]
    return [ids.take(np.flatnonzero(experiment.folds == fold)) for fold in range(int(experiment.folds.max()) + 1)]


def document_ids(experiment: Experiment) -> pa.ChunkedArray:
    """The ids of the test documents, in their order."""
    return pa.chunked_array([pa.array([document.id for document in experiment.documents], pa.string())])


def _read_probabilities(path: Path, ids: pa.ChunkedArray, made_by: str) -> npt.NDArray[np.float32]:
    """The predictions in the file `path` for the test documents `ids`, (n, classes)."""
    table = read_table(path, made_by=made_by)
    flat = table["probabilities"].combine_chunks().flatten().to_numpy()
    return np.asarray(flat.reshape(table.num_rows, -1)[_order(path, table["id"], ids)])


def _read_lengths(path: Path, ids: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """The number of tokens of each of the test documents `ids`, (n,)."""
    table = read_table(path, made_by="tokenize").select(["id", "length"])
    return np.asarray(table["length"].to_numpy()[_order(path, table["id"], ids)])


def _test_splits(folds: int | None) -> list[str]:
    return fold_names(folds) if folds else ["test"]


def _by_repetition(seeds: Sequence[int], folds: int | None) -> list[int]:
    """The seeds in the order of the folds, one repetition of the cross-validation after another."""
    if folds is None:
        return list(seeds)
    of_fold: list[list[int]] = [[seed for seed in seeds if fold_of(seed, folds) == fold] for fold in range(folds)]
    return [seed for repetition in zip(*of_fold, strict=True) for seed in repetition]


def read_repetitions(
    files: Sequence[Path], parts: Sequence[pa.ChunkedArray], made_by: str
) -> list[npt.NDArray[np.float32]]:
    """A variant's predictions for all test documents under each seed, or in each repetition of a cross-validation.

    Args:
        files: of its trainings, one repetition after another
        parts: the ids of the test documents, by fold
        made_by: the stage that makes the files
    """
    count = len(parts)
    return [
        np.concatenate([_read_probabilities(path, ids, made_by) for path, ids in zip(group, parts, strict=True)])
        for group in (files[start : start + count] for start in range(0, len(files), count))
    ]


def _read_test_lengths(parts: Sequence[pa.Table], tokens: Mapping[str, Any]) -> npt.NDArray[np.int32]:
    folds = tokens["data"].get("folds")
    files = [f"{name}.arrow" for name in _test_splits(folds)]
    pairs = zip(files, parts, strict=True)
    return np.concatenate([_read_lengths(token_file(file, tokens["checksums"]), part["id"]) for file, part in pairs])


def _order(path: Path, present: pa.ChunkedArray, ids: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """The position of each of the test documents `ids` among those `present` in the file `path`, (n,)."""
    positions = pc.index_in(ids, value_set=present)
    if len(present) != len(ids) or positions.null_count:
        raise DataError(f"{path} does not have the documents of {RAW / 'test.parquet'}; run dvc repro")
    return np.asarray(positions.to_numpy())
