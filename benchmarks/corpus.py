"""The documents that all candidates read: IMDB, or generated texts with its lengths; and a project to run stages in.

`DATASETS=<folder with aclImdb_v1.tar.gz>` chooses IMDB. Other frameworks read plain NumPy files, because
they do not have this project's dependencies.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "benchmarks" / ".work"
PROJECT = WORK / "project"  # a copy of this project: the corpus
GRID = WORK / "grid"  # another: the embedded data, for what DVC does
MAX_TOKENS = 400
VOCABULARY_SIZE = 20_002

# Tokens of basic_english in IMDB's training reviews: np.percentile(TokenizedDocuments.full_lengths, PERCENTILES).
PERCENTILES = [0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100]
LENGTHS = [11, 49, 76, 107, 139, 157, 176, 203, 239, 292, 376, 531, 694, 1049, 2752]


class Documents:
    """The training split as plain arrays, cut to `MAX_TOKENS`, in the form that text.batches needs."""

    def __init__(self, documents: int | None = None) -> None:
        loaded = np.load(WORK / "tokens.npz")
        self.lengths = loaded["lengths"][:documents]
        self.labels = loaded["labels"][:documents]
        self._flat = loaded["tokens"]
        self._starts = np.cumsum(loaded["lengths"]) - loaded["lengths"]

    def __len__(self) -> int:
        return len(self.lengths)

    def sequences(self) -> list[Any]:
        """Each document's token numbers."""
        return [self._flat[s : s + n] for s, n in zip(self._starts, self.lengths, strict=False)]

    def batch(self, indices: Any) -> tuple[Any, Any]:
        """Right-padded tokens (batch, longest) and lengths (batch,)."""
        lengths = self.lengths[indices]
        padded = np.ones((len(indices), lengths.max()), np.int32)
        for row, index in enumerate(indices):
            padded[row, : lengths[row]] = self._flat[self._starts[index] : self._starts[index] + lengths[row]]
        return padded, lengths


def texts(documents: int | None = None) -> list[str]:
    """The texts of the training split."""
    found: list[str] = json.loads((WORK / "texts.json").read_text(encoding="utf-8"))
    return found[:documents]


def prepare() -> str:
    """Makes the project and the plain files if they are missing; returns a description of the corpus."""
    source = Path(os.environ["DATASETS"]).resolve() / "aclImdb_v1.tar.gz" if "DATASETS" in os.environ else None
    name = "IMDB" if source else "made-up texts with IMDB's lengths"
    done = WORK / "corpus.txt"
    if not done.exists() or done.read_text() != name:
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        if source is None:
            source = WORK / "made-up"
            write_made_up(source)
        data = {"name": "imdb" if name == "IMDB" else "custom", "source": str(source)}
        copy_project(PROJECT, {"data": data, "tokenize": {"max_tokens": MAX_TOKENS}})
        run_stages("download", "tokenize", "pretrain")
        _write_plain()
        done.write_text(name)
    refresh_code(PROJECT)
    run_stages("match", "tune --variant lstm", "tune --variant bilstm")  # short, and as the current code needs them
    return name


def run_stages(*stages: str) -> None:
    """Runs these stages, with their arguments, in the project."""
    for stage in stages:
        command = [sys.executable, "-m", *f"pipelines.{stage}".split()]
        subprocess.run(command, cwd=PROJECT, check=True, stdout=sys.stderr)


def copy_project(folder: Path, changes: dict[str, dict[str, Any]]) -> None:
    """Copies the files that git tracks into a new repository, with `changes` in params.yaml; .dvc/config comes last."""
    from ruamel.yaml import YAML

    shutil.rmtree(folder, ignore_errors=True)  # what an interrupted call has left
    folder.mkdir(parents=True)
    refresh_code(folder)
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    for section, values in changes.items():
        params[section].update(values)
    yaml.dump(params, folder / "params.yaml")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--force", "--quiet"], cwd=folder, check=True)


def refresh_code(folder: Path) -> None:
    """Copies the project's current files; params.yaml stays."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        target = folder / name
        if (
            (ROOT / name).is_file()
            and not (name == "params.yaml" and target.exists())
            and not name.startswith((".dvc/", "dvc.lock"))
        ):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def write_made_up(folder: Path, documents: int = 25_000) -> None:
    """Writes Parquet files with two classes of made-up texts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    generator = np.random.default_rng(1)
    words = draw_words(generator)
    folder.mkdir(parents=True)
    for split, rows in (("train", documents), ("test", documents)):
        drawn = draw_texts(generator, words, rows)
        labels = generator.integers(0, 2, rows)
        table = {"text": drawn, "label": np.array(["neg", "pos"])[labels]}
        pq.write_table(pa.table(table), folder / f"{split}.parquet")


def write_raw(folder: Path, row_groups: Iterable[list[str]]) -> None:
    """Writes these texts as the stage download leaves them: one split, two classes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    schema = pa.schema([("id", pa.string()), ("text", pa.string()), ("label", pa.int32())])
    rows = 0
    with pq.ParquetWriter(folder / "train.parquet", schema, write_page_checksum=True) as writer:
        for texts in row_groups:
            ids = [str(rows + number) for number in range(len(texts))]
            writer.write_table(pa.table({"id": ids, "text": texts, "label": [0] * len(texts)}, schema=schema))
            rows += len(texts)
    card = {"splits": {"train": {}}, "name": "made-up", "digest": "", "labels": ["a", "b"]}
    (folder / "card.json").write_text(json.dumps(card))


def draw_words(generator: np.random.Generator) -> Any:
    """60,000 made-up words."""
    letters = np.array(list("etaoinshrdlucmfwyp"))
    return np.array(["".join(generator.choice(letters, 2 + generator.poisson(4))) for _ in range(60_000)])


def draw_texts(generator: np.random.Generator, words: Any, documents: int) -> list[str]:
    """Texts with IMDB's lengths, and word frequencies as in a language (Zipf's law)."""
    chances = 1 / (np.arange(len(words)) + 2.7)
    lengths = np.interp(generator.uniform(0, 100, documents), PERCENTILES, LENGTHS).astype(int)
    drawn = words[generator.choice(len(words), lengths.sum(), p=chances / chances.sum())]
    marks = generator.uniform(size=len(drawn))
    drawn = np.where(marks < 0.05, ".", np.where(marks < 0.1, ",", drawn))
    return [" ".join(part) for part in np.split(drawn, np.cumsum(lengths)[:-1])]


def _write_plain() -> None:
    import pyarrow.parquet as pq

    from text.tokenizing.token_file import TokenizedDocuments

    store = TokenizedDocuments.open(PROJECT / "data/tokens/train.arrow")
    order = np.random.default_rng(1).permutation(len(store))  # any first part is a fair sample
    tokens = np.concatenate([store.tokens(index) for index in order])
    np.savez(WORK / "tokens.npz", tokens=tokens, lengths=store.lengths[order], labels=store.labels[order])
    column = pq.read_table(PROJECT / "data/raw/train.parquet", columns=["text"])["text"].to_pylist()
    (WORK / "texts.json").write_text(json.dumps([column[index] for index in order]), encoding="utf-8")
