"""Stage download: fetches, reads and splits the data set. `python -m pipelines.download`.

Reads the section data of params.yaml; writes data/raw/<split>.parquet and data/raw/card.json, and prints the card.
"""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from config.data import DataParams
from config.params import load
from core import command_line, file_io
from core.errors import ParamsError
from core.paths import RAW
from provenance.stage import run_as_command
from text.sources import card, class_names, corpus, custom, look, look_page, splits, unseen
from text.sources.catalogue import CATALOGUE
from text.sources.column_choice import Unclear
from text.sources.fetch import default_cache, fetch
from text.synthetic import sequences


def main() -> None:
    """The command line."""
    run_as_command(lambda _: Console().print(card.table(download(load().data))), command_line.parser(__doc__))


def download(data: DataParams, folder: Path = RAW) -> dict[str, Any]:
    """Writes `folder` anew, whole or not at all; returns the data card.

    Raises:
        DataError: the data set cannot be fetched, read, split or written.
        ParamsError: a key does not fit the data set.
    """
    entry = CATALOGUE[data.name]
    _check(data)
    with file_io.whole_folder(folder) as made, TemporaryDirectory(dir=made) as spool:
        notes: list[str] = []
        source = _look_at_source(data) if data.name == "custom" else None
        batches = corpus.batches(custom.documents(source, notes, data.bins), data.clean) if source else _official(data)
        collected, label_names = corpus.collect(batches, Path(spool), data.seed)
        if source and data.bins is None:
            label_names, remarks = class_names.named(label_names, source.class_names)
            notes += remarks
        if source:
            notes += custom.check(collected, label_names, by_number=isinstance(data.label_column, int))
        dropped = unseen.unseen(collected, label_names) if source else {}
        notes += unseen.notes(dropped)
        learned = set(label_names).difference(*dropped.values())
        labels = entry.label_names() or custom.sorted_labels(learned)
        corpus.relabel(collected, label_names, labels)
        if data.folds is None:
            parts = splits.plan(collected, data.validation_share, data.test_share)
        else:
            parts = splits.fold_plan(collected, data.folds)
        if data.deduplicate != "none":
            parts, repeated = splits.deduplicated(parts, data.deduplicate)
            notes += [f"documents dropped by data.deduplicate, {split}: {count:,}" for split, count in repeated.items()]
        parts, held_out = splits.without_held_out(parts)
        if held_out:
            notes.append(f"unlabelled documents dropped because their text is in a held-out split: {held_out:,}")
        splits.check(parts, labels) if data.folds is None else splits.check_folds(parts, labels)
        content = hashlib.sha256()
        for split, (documents, rows) in parts.items():
            corpus.write(made, split, documents, rows, labels, content)
        result = card.card(
            name=data.name,
            licence=entry.licence,
            citation=entry.citation,
            labels=labels,
            columns=next(iter(parts.values()))[0].columns,
            parts=parts,
            notes=notes,
            digest=f"sha256:{content.hexdigest()}",
        )
        if data.folds is not None:
            result["folds"] = data.folds
        if data.clean:
            result["clean"] = data.clean  # trained models clean their texts in the same way
        file_io.write_json(made / "card.json", result)
    return result


def _look_at_source(data: DataParams) -> look.Look:
    """Looks at the user's source, and prints which files are ignored and why.

    Raises:
        Unclear: the user must set a column; the page of `commands.look`, with a proposal, has been printed.
        DataError: the files are no data set, or cannot be read.
    """
    console = Console(stderr=True)
    [path] = _fetched(data)
    try:
        source = look.look(path, look_page.layout_of(data))
    except Unclear:
        console.print(look_page.page(path, data), markup=False, highlight=False, soft_wrap=True)
        raise
    for line in look.ignored_by_reason(source.arrangement):
        console.print(f"ignored: {line}", markup=False, highlight=False)
    return source


def _check(data: DataParams) -> None:
    """Refuses keys that do not fit the data set."""
    with_unlabelled = [name for name, entry in CATALOGUE.items() if corpus.UNLABELLED in entry.splits]
    if data.unlabelled and data.name not in with_unlabelled:
        allowed = ", ".join(with_unlabelled)
        raise ParamsError(
            f"data.unlabelled is true, but {data.name} has no unlabelled documents; allowed for {allowed}"
        )
    if data.checksum is not None and data.source is None:
        raise ParamsError("data.checksum is given, but data.source is null; allowed with a source of your own")


def _fetched(data: DataParams) -> list[Path]:
    """The files of the data set, on this machine."""
    files = CATALOGUE[data.name].sources(data.source, data.checksum)
    return [fetch(file.address, default_cache(), file.checksum) for file in files]


def _official(data: DataParams) -> corpus.Batches:
    """The documents of a data set of the catalogue, generated or fetched."""
    match data.name:
        case "synthetic_reviews":
            from text.synthetic import reviews  # imports torch, which no other data set needs

            tables = reviews.generate(seed=data.seed, **data.synthetic_reviews.model_dump())
            return corpus.table_batches(tables, reviews.LABELS)
        case "temporal_order":
            tables = sequences.temporal_order(seed=data.seed, **data.temporal_order.model_dump())
            return corpus.table_batches(tables, sequences.CLASSES[data.temporal_order.task])
        case "first_token":
            tables = sequences.first_token(seed=data.seed, **data.first_token.model_dump())
            return corpus.table_batches(tables, sequences.RELEVANT)
    return corpus.batches(CATALOGUE[data.name].parse(_fetched(data), data.unlabelled), data.clean)


if __name__ == "__main__":
    main()
