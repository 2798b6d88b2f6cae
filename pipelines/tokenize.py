"""Stage tokenize: documents become token numbers. `python -m pipelines.tokenize`.

Reads data/raw; writes data/tokens/<split>.arrow, the vocabulary, what is needed to tokenize other texts alike, and a
summary, and shows what share of the tokens was cut and what share is unknown. The vocabulary and the SentencePiece
model see the training split only.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from pipelines import cli, outputs
from pipelines.outputs import RAW, TOKENS
from pipelines.params import TokenizeParams, load
from text.sources import local_path
from text.tokenization import Summary, count, row_groups, texts, tokenize, write_store
from text.tokenizers import train_sentencepiece
from text.vocabulary import build_vocabulary, load_vectors

# So many documents are enough to find the pieces, and keep the trainer's memory bounded.
MOST_TEXTS_FOR_SENTENCEPIECE = 200_000


def main() -> None:
    """The command line."""
    cli.run(lambda _: _print(make_tokens(load().tokenize)), cli.parser(__doc__))


def make_tokens(params: TokenizeParams, folder: Path = TOKENS) -> dict[str, Any]:
    """Makes `folder` anew, whole or not at all; returns the summary."""
    card = outputs.read_json(RAW / "card.json", made_by="download")
    groups = [group for split in card["splits"] for group in row_groups(RAW / f"{split}.parquet")]
    with outputs.whole_folder(folder) as made, TemporaryDirectory(dir=made) as spool:
        model = None
        if params.tokenizer == "sentencepiece":
            sample = texts(RAW / "train.parquet", MOST_TEXTS_FOR_SENTENCEPIECE)
            model = train_sentencepiece(sample, params.max_size)
            (made / "sentencepiece.model").write_bytes(model)
        parts = tokenize(groups, params.tokenizer, model, Path(spool))
        by_split = {split: [part for part in parts if part.group.path.stem == split] for split in card["splits"]}
        vocabulary = build_vocabulary(count(by_split["train"]), params.max_size, params.min_freq)
        outputs.write_json(made / "vocabulary.json", vocabulary)
        summaries = {
            split: write_store(made / f"{split}.arrow", found, vocabulary, params.max_tokens, params.truncation)
            for split, found in by_split.items()
        }
        summary = _summary(params, card, vocabulary, summaries)
        if params.vectors is not None:
            summary["share_with_vector"] = _write_vectors(
                made, local_path(params.vectors) or Path(params.vectors), vocabulary
            )
        files = sorted(path for path in made.iterdir() if path.is_file())
        summary["checksums"] = {path.name: outputs.checksum(path) for path in files}
        outputs.write_json(made / "summary.json", summary)
    return summary


def _summary(
    params: TokenizeParams, card: dict[str, Any], vocabulary: list[str], splits: dict[str, Summary]
) -> dict[str, Any]:
    settings = params.model_dump()
    if params.vectors is not None:
        settings["vectors"] = Path(params.vectors).name  # where it lies is this machine's affair
    return {
        "data": {"name": card["name"], "digest": card["digest"]},
        "tokenize": settings,
        "labels": card["labels"],
        "vocabulary_size": len(vocabulary),
        "splits": {split: found.as_dict() for split, found in splits.items()},
    }


def _write_vectors(folder: Path, path: Path, vocabulary: list[str]) -> float:
    from safetensors.numpy import save_file

    vectors, share = load_vectors(path, vocabulary)
    save_file({"vectors": np.ascontiguousarray(vectors)}, folder / "vectors.safetensors")
    return round(share, 6)


def _print(summary: dict[str, Any]) -> None:
    title = f"{summary['tokenize']['tokenizer']}: {summary['vocabulary_size']:,} tokens in the vocabulary"
    table = Table(title=title, title_justify="left")
    table.add_column("split")
    for column in ("documents", "empty", "tokens", "cut", "unknown"):
        table.add_column(column, justify="right")
    for split, found in summary["splits"].items():
        counts = [f"{found[key]:,}" for key in ("documents", "empty", "tokens")]
        table.add_row(split, *counts, f"{found['share_cut']:.1%}", f"{found['share_unknown']:.1%}")
    Console().print(table)
    if (share := summary.get("share_with_vector")) is not None:
        Console().print(f"{share:.1%} of the vocabulary have a pretrained vector")


if __name__ == "__main__":
    main()
