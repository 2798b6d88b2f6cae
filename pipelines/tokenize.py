"""Stage tokenize: documents become token numbers. `python -m pipelines.tokenize`.

Reads data/raw; writes data/tokens/<split>.arrow, the vocabulary, the SentencePiece model and pretrained vectors (if
there are any) and summary.json. Prints the share of tokens that truncation cut, and the share of unknown tokens. The
choice of a tokenizer, the vocabulary and the SentencePiece model depend on the training split only; with data.folds
they depend on all texts.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from safetensors.numpy import save_file

from config.params import load
from config.tokenize import TokenizeParams
from core import command_line, file_io
from core.checksums import checksum
from core.errors import ParamsError
from core.paths import RAW, TOKENS
from provenance.stage import run_as_command
from text.sources.addresses import local_path
from text.sources.catalogue import SEQUENCES
from text.tokenizing import token_card
from text.tokenizing.choice import MOST_CHARACTERS, MOST_TEXTS, Choice, choose_tokenizer
from text.tokenizing.parallel import Summary, TokenizeGroups, count, row_groups, texts, tokenize, write_token_file
from text.tokenizing.tokenizers import train_sentencepiece
from text.tokenizing.vectors import read_vectors
from text.tokenizing.vocabulary import build_vocabulary, token_numbers

# Enough documents to find the pieces; more would only take memory.
MOST_TEXTS_FOR_SENTENCEPIECE = 200_000


def main() -> None:
    """The command line."""
    run_as_command(lambda _: show(make_tokens(load().tokenize)), command_line.parser(__doc__))


def make_tokens(
    params: TokenizeParams, folder: Path = TOKENS, raw: Path = RAW, run: TokenizeGroups | None = None
) -> dict[str, Any]:
    """Tokenizes the splits in `raw`, on this machine or by `run`; writes `folder` anew, whole or not at all.

    Returns the summary.
    """
    card = file_io.read_json(raw / "card.json", made_by="download")
    groups = [group for split in card["splits"] for group in row_groups(raw / f"{split}.parquet")]
    with file_io.whole_folder(folder) as made, TemporaryDirectory(dir=made) as spool:
        learned_from = ["train"] if "train" in card["splits"] else list(card["splits"])  # all folds
        chosen, model = _tokenizer(params, card["name"], [raw / f"{split}.parquet" for split in learned_from])
        if model is not None:
            (made / "sentencepiece.model").write_bytes(model)
        parts = tokenize(groups, chosen.tokenizer, model, Path(spool), run)
        by_split = {split: [part for part in parts if part.group.path.stem == split] for split in card["splits"]}
        counts = count([part for split in learned_from for part in by_split[split]])
        vocabulary = build_vocabulary(counts, params.max_size, params.min_freq)
        file_io.write_json(made / "vocabulary.json", vocabulary)
        summaries = {
            split: write_token_file(
                made / f"{split}.arrow", split_parts, vocabulary, params.max_tokens, params.truncation
            )
            for split, split_parts in by_split.items()
        }
        summary = _summary(params, chosen, card, vocabulary, summaries)
        if params.vectors is not None:
            path = local_path(params.vectors) or Path(params.vectors)
            summary["vectors"] = _write_vectors(made, path, vocabulary, counts)
        summary["warnings"] = token_card.warnings(summary)
        files = sorted(path for path in made.iterdir() if path.is_file())
        summary["checksums"] = {path.name: checksum(path) for path in files}
        file_io.write_json(made / "summary.json", summary)
    return summary


def _tokenizer(params: TokenizeParams, data: str, train: Sequence[Path]) -> tuple[Choice, bytes | None]:
    """The tokenizer that params.yaml names or, for `auto`, one that fits the texts; and its SentencePiece model."""
    chosen = _choice(params, data, train)
    if chosen.tokenizer != "sentencepiece":
        return chosen, None
    try:
        sample = _sample(train, MOST_TEXTS_FOR_SENTENCEPIECE)
        return chosen, train_sentencepiece(sample, params.max_size)
    except ParamsError:
        if params.tokenizer != "auto":
            raise
        reason = f"{chosen.reason}, and tokenize.max_size ({params.max_size}) is too small for sentencepiece"
        return Choice("characters", reason), None


def _choice(params: TokenizeParams, data: str, train: Sequence[Path]) -> Choice:
    if params.tokenizer != "auto":
        return Choice(params.tokenizer, "")
    if data in SEQUENCES:
        return Choice("whitespace", f"{data} has symbols between spaces")
    sample = [text[:MOST_CHARACTERS] for text in _sample(train, MOST_TEXTS)]
    return choose_tokenizer(sample, with_vectors=params.vectors is not None)


def _sample(files: Sequence[Path], number: int) -> Iterator[str]:
    """Up to about `number` texts, equally many from each file."""
    return chain.from_iterable(texts(file, -(-number // len(files))) for file in files)


def _summary(
    params: TokenizeParams, chosen: Choice, card: dict[str, Any], vocabulary: list[str], splits: dict[str, Summary]
) -> dict[str, Any]:
    settings = params.model_dump() | {"tokenizer": chosen.tokenizer}
    if params.vectors is not None:
        settings["vectors"] = Path(params.vectors).name  # its folder differs between machines
    return {
        "data": {key: card[key] for key in ("name", "digest", "clean", "folds") if key in card},
        "tokenize": settings,
        "tokenizer_reason": chosen.reason,  # empty: params.yaml names it
        "labels": card["labels"],
        "vocabulary_size": len(vocabulary),
        "splits": {split: summary.as_dict() for split, summary in splits.items()},
    }


def _write_vectors(folder: Path, path: Path, vocabulary: list[str], counts: Counter[str]) -> dict[str, Any]:
    numbers = token_numbers(vocabulary)
    vectors = read_vectors(path, numbers, len(vocabulary))
    save_file({"vectors": vectors.values}, folder / "vectors.safetensors")
    covered = [token for token, number in numbers.items() if not np.isnan(vectors.values[number, 0])]
    return {
        "size": vectors.values.shape[1],
        "share_of_vocabulary": round(len(covered) / len(numbers), 6),
        "share_of_training_tokens": round(sum(counts[token] for token in covered) / counts.total(), 6),
        "lines_skipped": vectors.skipped,
        "first_skipped": vectors.first_skipped,
    }


def show(summary: dict[str, Any]) -> None:
    """Prints the table of the splits, how texts became tokens, and the warnings."""
    console = Console()
    table = Table(title=f"{summary['tokenize']['tokenizer']}: the tokens of each split", title_justify="left")
    table.add_column("split")
    for column in ("documents", "empty", "tokens", "cut", "unknown"):
        table.add_column(column, justify="right")
    for split, numbers in summary["splits"].items():
        counts = [f"{numbers[key]:,}" for key in ("documents", "empty", "tokens")]
        table.add_row(split, *counts, f"{numbers['share_cut']:.1%}", f"{numbers['share_unknown']:.1%}")
    console.print(table)
    for line in token_card.sentences(summary):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    for line in summary["warnings"]:
        console.print(f"warning: {line}", highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
