"""The data card: the content of data/raw, as JSON for programs and as a table for people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from text.sources.corpus import Split

Part = tuple[Split, NDArray[np.bool_]]  # a split as read, and which of its documents belong to the part

QUANTILES = {"min": 0.0, "p05": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99, "max": 1.0}
LABELS_SHOWN = 12


def card(
    *,
    name: str,
    licence: str,
    citation: str,
    labels: Sequence[str],
    columns: Sequence[str],
    parts: Mapping[str, Part],
    notes: Sequence[str],
    digest: str,
) -> dict[str, Any]:
    """The card's content, the same for the same data.

    Duplicates are documents whose text occurs earlier in the split (`within`) or in both of two splits (`across`);
    texts with several labels are `conflicting`. `missing` rows count for the split of their file, or for the training
    split or the first fold if the file is split here. `notes` say how a user's files were read.
    """
    return {
        "name": name,
        "licence": licence,
        "citation": citation,
        "labels": list(labels),
        "columns": list(columns),
        "splits": {split: _split(split, *part, labels) for split, part in parts.items()},
        "duplicates": {
            "within": {split: _within(*_texts(part)) for split, part in parts.items()},
            "across": {
                f"{a}/{b}": _across(_texts(parts[a]), _texts(parts[b]))
                for a, b in combinations(parts, 2)
                if not a.startswith("fold-")  # equal texts are in the same fold
            },
        },
        "notes": list(notes),
        "digest": digest,
    }


def _split(name: str, source: Split, rows: NDArray[np.bool_], labels: Sequence[str]) -> dict[str, Any]:
    lengths = source.lengths[rows]
    result: dict[str, Any] = {"rows": len(lengths)}
    if source.labelled:
        counts = np.bincount(source.labels[rows], minlength=len(labels)).tolist()
        result["labels"] = dict(zip(labels, counts, strict=True))
    quantiles = np.quantile(lengths, list(QUANTILES.values()), method="inverted_cdf").tolist()
    result["length"] = dict(zip(QUANTILES, quantiles, strict=True)) | {"mean": round(float(lengths.mean()), 2)}
    result["empty"] = int((lengths == 0).sum())
    result["missing"] = source.missing if name in ("train", "fold-1", source.path.stem) else 0
    return result


Texts = tuple[NDArray[np.uint64], NDArray[np.int32]]  # keys and labels


def _texts(part: Part) -> Texts:
    source, rows = part
    return source.keys[rows], source.labels[rows]


def _within(keys: NDArray[np.uint64], labels: NDArray[np.int32]) -> dict[str, int]:
    return {"rows": len(keys) - len(np.unique(keys)), "conflicting": _conflicting(keys, labels)}


def _across(one: Texts, other: Texts) -> dict[str, int]:
    shared = np.intersect1d(one[0], other[0])
    keys, labels = np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]])
    both = np.isin(keys, shared)
    return {
        "texts": len(shared),
        "rows": int(np.isin(other[0], shared).sum()),
        "conflicting": _conflicting(keys[both], labels[both]),
    }


def _conflicting(keys: NDArray[np.uint64], labels: NDArray[np.int32]) -> int:
    """The number of texts with more than one label; missing labels do not count."""
    pairs = np.unique(np.rec.fromarrays([keys[labels >= 0], labels[labels >= 0]]))
    return int((np.unique(pairs["f0"], return_counts=True)[1] > 1).sum())


def table(content: Mapping[str, Any]) -> RenderableType:
    """The card for the terminal: a column for each split."""
    splits, within = content["splits"], content["duplicates"]["within"]
    result = Table(title=f"{content['name']} · licence: {content['licence']}", title_justify="left")
    result.add_column()
    for split in splits:
        result.add_column(split, justify="right")

    def add(name: str, values: Iterable[int], last: bool = False) -> None:
        result.add_row(name, *(f"{value:,}" for value in values), end_section=last)

    add("documents", (facts["rows"] for facts in splits.values()), last=True)
    for label, shares in _shares(content):
        # As Text, since rich reads brackets in a string as markup.
        result.add_row(Text(label[:40]), *shares)
    result.add_section()
    for quantile, name in {"median": "median length", "p95": "95th percentile", "max": "longest"}.items():
        add(name, (facts["length"][quantile] for facts in splits.values()), last=quantile == "max")
    add("empty texts", (facts["empty"] for facts in splits.values()))
    add("missing, dropped", (facts["missing"] for facts in splits.values()))
    add("duplicates", (within[split]["rows"] for split in splits))
    add("texts with several labels", (within[split]["conflicting"] for split in splits))
    return Group(result, *_notes(content))


def _shares(content: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Each label's share of each split; of many labels only the most frequent."""
    splits = list(content["splits"].values())
    names = content["labels"]
    if len(names) > LABELS_SHOWN:
        names = sorted(names, key=lambda name: -splits[0]["labels"][name])[:LABELS_SHOWN]
    for name in names:
        yield name, [f"{split['labels'][name] / split['rows']:.1%}" if "labels" in split else "" for split in splits]
    if more := len(content["labels"]) - len(names):
        yield f"{more:,} rarer labels", []


def _notes(content: Mapping[str, Any]) -> Iterator[RenderableType]:
    for pair, counts in content["duplicates"]["across"].items():
        if counts["texts"]:
            conflicting = f", {counts['conflicting']:,} of them with several labels" if counts["conflicting"] else ""
            yield f"texts that occur in both {pair.replace('/', ' and ')}: {counts['texts']:,}{conflicting}"
    for note in content["notes"]:
        yield Text(f"note: {note}")
    yield f"digest {content['digest']}"
