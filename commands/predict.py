"""Classifies texts with trained models. `python -m commands.predict "A film to remember."`.

Texts come from the command line, from a table (--file), or line by line from standard input. Predictions go to standard
output as JSON lines, or to --output; all else goes to standard error. docs/use.md has examples.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, track

from config.compare import CompareParams
from config.data import DataParams
from config.params import load
from core import command_line
from core.errors import ParamsError
from predictor import prediction_tables, texts
from predictor.files import ModelFiles, find_model
from predictor.prediction_tables import Write
from predictor.predictor import Predictor
from predictor.scores import Scores
from predictor.selection import select
from predictor.texts import CHUNK_TEXTS, Row, TableFile
from text.sources.encodings import AUTO


@dataclass
class Counts:
    """How many texts there were, and how many of each special kind."""

    texts: int = 0
    missing: int = 0
    empty: int = 0
    cut: int = 0


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("texts", nargs="*", metavar="TEXT", help="a text to classify; none: lines of standard input")
    arguments.add_argument("--file", type=Path, help="a file with a text in each row, in any format of docs/data.md")
    arguments.add_argument(
        "--text-column",
        help="the column of texts: its name, or its number if there is no header; a name that is a number: '\"2019\"'",
    )
    arguments.add_argument("--label-column", help="the column of true labels, likewise; also prints metrics")
    arguments.add_argument("--output", type=Path, help="a .jsonl, .csv or .parquet file (default: JSON lines, shown)")
    arguments.add_argument("--variant", help="a trained variant (default: the best of the comparison)")
    arguments.add_argument("--seed", type=int, help="one training of the variant (default: the mean of all trainings)")
    arguments.add_argument("--model", type=Path, help="a folder that commands.export wrote, instead of a variant")
    command_line.run(_command, arguments)


def _command(chosen: argparse.Namespace) -> None:
    _check(chosen)
    console = Console(stderr=True)
    params = load()
    rows, total = _rows(chosen, params.data, console)
    predictor = Predictor(_models(chosen, params.compare, console))
    scores = Scores(predictor.labels) if chosen.label_column else None
    at_once = 1 if total is None and sys.stdin.isatty() else CHUNK_TEXTS
    try:
        quiet = chosen.output is None and sys.stdout.isatty()  # the predictions themselves show the progress there
        with _output(chosen.output, predictor) as write, Progress(console=console, disable=quiet) as progress:
            task = progress.add_task("predicting", total=total)
            counts = Counts()
            for chunk in texts.chunks(rows, at_once):
                _predict(predictor, chunk, write, counts, scores)
                progress.advance(task, len(chunk))
    except BrokenPipeError:  # as of `| head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    _say(console, _count_sentence(counts, predictor))
    if scores:
        for line in _metrics(scores):
            _say(console, line)


def _check(chosen: argparse.Namespace) -> None:
    if chosen.texts and chosen.file:
        raise ParamsError("--file and texts are both given; allowed: one of them")
    if not chosen.file and (chosen.text_column or chosen.label_column):
        raise ParamsError("--text-column and --label-column need --file")
    if chosen.model and (chosen.variant or chosen.seed is not None):
        raise ParamsError("--model is given with --variant or --seed; allowed: --model alone")
    if chosen.seed is not None and not chosen.variant:
        raise ParamsError("--seed needs --variant")
    if chosen.output:
        prediction_tables.check_name(chosen.output)
    if chosen.file and chosen.output and _same(chosen.file, chosen.output):
        raise ParamsError(f"--file and --output are the same file, '{chosen.output}'; allowed: two files")


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:  # one of them does not exist
        return False


def _rows(chosen: argparse.Namespace, data: DataParams, console: Console) -> tuple[Iterable[Row], int | None]:
    """The texts, and their number if it is known. A table is read to its end first, so bad ones fail at once."""
    if chosen.texts:
        return texts.given(chosen.texts), len(chosen.texts)
    if not chosen.file:
        if sys.stdin.isatty():
            _say(console, "Enter one text per line; Ctrl-D ends the input.")
        return texts.lines(sys.stdin.buffer, "utf-8" if data.encoding == AUTO else data.encoding), None
    text = _column(chosen.text_column) if chosen.text_column else data.text_column or "text"
    label = _column(chosen.label_column) if chosen.label_column else None
    table = TableFile(chosen.file, tuple(text) if isinstance(text, list) else text, label, data.encoding)
    total = sum(1 for _ in track(table.rows(), "checking the file", console=console, transient=True))
    for note in table.notes:
        _say(console, note)
    return table.rows(), total


def _column(name: str) -> str | int:
    """A column by name, or by its number from 1 in a file without a header; a name in quotes may be a number."""
    if len(name) > 2 and name[0] == name[-1] == '"':
        return name[1:-1]
    return int(name) if name.isdecimal() and int(name) > 0 else name


def _models(chosen: argparse.Namespace, compare: CompareParams, console: Console) -> list[ModelFiles]:
    if chosen.model:
        return [find_model(chosen.model)]
    return select(chosen.variant, chosen.seed, compare, lambda line: _say(console, line))


@contextmanager
def _output(path: Path | None, predictor: Predictor) -> Iterator[Write]:
    if path is None:
        yield prediction_tables.jsonl(sys.stdout)
        return
    with prediction_tables.open_file(path, prediction_tables.schema(predictor.labels)) as write:
        yield write


def _predict(predictor: Predictor, chunk: list[Row], write: Write, counts: Counts, scores: Scores | None) -> None:
    present = [row for row in chunk if row.text is not None]
    predictions = predictor([row.text or "" for row in present])
    write(prediction_tables.table(chunk, predictions, predictor.labels))
    counts.texts += len(chunk)
    counts.missing += len(chunk) - len(present)
    counts.empty += int((predictions.lengths == 0).sum())
    counts.cut += int((predictions.lengths > predictor.max_tokens).sum())
    if scores:
        scores.add([row.label for row in present], predictions)


def _count_sentence(counts: Counts, predictor: Predictor) -> str:
    parts = [_texts(counts.texts)]
    if counts.missing:
        parts.append(f"{counts.missing:,} missing, without a prediction")
    if counts.empty:
        parts.append(f"{counts.empty:,} without tokens, classified as one unknown word")
    if counts.cut:
        parts.append(f"{counts.cut:,} truncated to {predictor.max_tokens} tokens, as in training")
    return "; ".join(parts)


def _metrics(scores: Scores) -> Iterator[str]:
    if scores.without_label:
        yield f"{_texts(scores.without_label)} without a label not scored"
    if scores.unknown:
        names = ", ".join(repr(name[:40]) for name in scores.unknown_labels)
        yield f"warning: {_texts(scores.unknown)} with labels that the model does not know, such as {names}"
    if not scores.scored:
        yield "warning: no text has a label that the model knows; there are no metrics"
        return
    shown = [f"{name.replace('_', ' ')} {value:.4f}" for name, value in scores.metrics().items()]
    yield f"on {_texts(scores.scored, 'labelled ')}: {', '.join(shown)}"


def _texts(number: int, kind: str = "") -> str:
    """Such as "1 text"."""
    return f"{number:,} {kind}text{'s' if number != 1 else ''}"


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
