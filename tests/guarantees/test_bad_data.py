"""Data as bad as people have them: one line that says what is wrong, or a right result (docs/guarantees.md)."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.choices import TokenizerName
from config.data import DataParams
from config.tokenize import TokenizeParams
from core import paths
from core.errors import DataError, ParamsError, UserError
from pipelines.download import download
from pipelines.tokenize import make_tokens
from tests.guarantees.project import Project, stage_of_lstm
from text.tokenizing.token_file import TokenizedDocuments

Rows = list[tuple[str, str]]

LONG = " ".join(
    f"word{number}" for number in range(50_000)
)  # 0.5 MB; sentencepiece takes minutes for one word 100,000 times
VERY_LONG = "word " * 2_000_000
STRANGE = [
    "",
    "   \t ",
    "a\x00b\x00",
    '"quoted", "twice ""over""',
    "line one\r\nline two\n\nline four",
    "\ufefffirst after a byte order mark",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
    "\u05e9\u05dc\u05d5\u05dd \u202eright to left\u202c \u0645\u0631\u062d\u0628\u0627",
    "e\u0301 combining, \ufdfa one character that is a sentence, \U0001d54f",
    "<script>alert(1)</script> & {{ 7 * 7 }} ${PATH} $(touch x)",
    "\u2028\u2029\x85\x0b\x0c\x1c line ends of other sorts",
    "=1+1",
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, rows: Rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def folder_of(**splits: Rows) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        for name, rows in splits.items():
            write(folder / "data" / f"{name}.csv", rows)
        return folder / "data"

    return make


def file_of(rows: Rows) -> Callable[[Path], Path]:
    return lambda folder: write(folder / "data.csv", rows)


def bytes_of(content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "data.csv").write_bytes(content)
        return folder / "data.csv"

    return make


BOTH = [("good film", "1"), ("bad film", "0")]
MANY = [(f"{text} {n}", label) for n in range(20) for text, label in BOTH]
REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "an empty file": (bytes_of(b""), "holds no rows"),
    "a header alone": (bytes_of(b"text,label\n"), "holds no rows"),
    "NUL bytes alone": (bytes_of(bytes(1000)), "data.csv has no columns"),
    "one class": (file_of([(f"text {n}", "x") for n in range(50)]), "only one class (x)"),
    "no label anywhere": (file_of([("a", "")] * 50), "none of 50 rows has both a text and a label"),
    "a class without training documents, of most of the test split": (
        folder_of(train=MANY, test=[*BOTH, ("so so", "2"), ("fair", "2"), ("fine", "2")]),
        "the class '2'",
    ),
    "no rows to test": (folder_of(train=BOTH, test=[]), "holds no rows"),
    "ids as labels": (file_of([(f"text {n}", f"{n}") for n in range(60)]), "as many different labels as documents (60"),
    "ids as labels of two splits": (
        folder_of(**{split: [(f"{split} {n}", f"{n}") for n in range(60)] for split in ("train", "test")}),
        "as many different labels as documents (60",
    ),
    "scores as labels": (
        file_of([(f"text {n}", f"{n / 61:.3f}") for n in range(60)]),
        "does data.label_column hold scores",
    ),
    "six texts": (
        file_of([(f"airline {n % 6}", str(n % 3)) for n in range(14136)]),
        "only 6 different texts in 14,136",
    ),
    "six texts in few rows": (
        file_of([(f"airline {n % 6}", "xy"[n % 2]) for n in range(90)]),
        "there are 6 different texts in 2 classes",
    ),
    "columns mixed up": (
        file_of([(label, text) for text, label in MANY]),
        "data.text_column and data.label_column mixed up?",
    ),
    "many columns mixed up": (
        file_of([("xy"[n % 2], f"text {n}") for n in range(2000)]),
        "data.text_column and data.label_column mixed up?",
    ),
    "several labels": (
        file_of([(f"text {n}", ["1", "2", "1,2"][n % 3]) for n in range(60)]),
        "data.label_column looks multi-label",
    ),
    "a class in two cases": (
        folder_of(train=[(text, f"is {label}") for text, label in MANY], test=[("x", "Is 1")]),
        "(did you mean 'is 1'",
    ),
    "a million labels": (file_of([(f"text {n}", f"label {n}") for n in range(1_000_000)]), "more than 1000 classes"),
    "two rows": (file_of(BOTH), "can be spared"),
    "invalid UTF-8": (bytes_of(b"text,label\na\xff\xfeb,1\n"), "is not UTF-8 text"),
    "half a UTF-16 character": (bytes_of("text,label\na,1\n".encode("utf-16") + b"x"), "not valid UTF-16"),
    "columns of the same name": (bytes_of(b"text,text,label\na,b,1\n"), "has 2 columns of that name"),
    "an open quote": (bytes_of(b'text,label\n"a,1\nb,2\n'), "is not valid CSV"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_data_that_cannot_be_used_are_refused_in_one_line(case: str, tmp_path: Path) -> None:
    make, message = REFUSED[case]
    with pytest.raises(DataError) as raised:
        download(DataParams(name="custom", source=str(make(tmp_path))))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not paths.RAW.exists()


def strange_rows() -> Rows:
    """Every strange text twice in each class, and a long one."""
    return [(f"{text} {n}" if text.strip() else text, str(n % 2)) for n in range(4) for text in STRANGE] + [(LONG, "1")]


@pytest.mark.parametrize("tokenizer", get_args(TokenizerName))
def test_strange_texts_keep_every_character_and_get_tokens(tokenizer: Any, tmp_path: Path) -> None:
    rows = strange_rows()
    source = folder_of(train=rows, test=[("unheard of", "0"), *rows])(tmp_path)
    card = download(DataParams(name="custom", source=str(source)))
    assert card["labels"] == ["0", "1"]
    assert sum(split["rows"] for split in card["splits"].values()) == 2 * len(rows) + 1
    assert pq.read_table(paths.RAW / "test.parquet")["text"].to_pylist() == ["unheard of", *(row[0] for row in rows)]
    summary = make_tokens(TokenizeParams(tokenizer=tokenizer, max_tokens=50, max_size=300))
    test_split = TokenizedDocuments.open(paths.TOKENS / "test.arrow")
    assert len(test_split) == len(rows) + 1
    assert test_split.lengths.min() >= 1
    assert test_split.lengths.max() == 50
    assert all(test_split.tokens(index).max() < summary["vocabulary_size"] for index in range(len(test_split)))


def test_texts_without_any_token_are_named(tmp_path: Path) -> None:
    download(DataParams(name="custom", source=str(file_of([(" " * n, str(n % 2)) for n in range(50)])(tmp_path))))
    with pytest.raises(ParamsError, match=r"no token of the training split"):
        make_tokens(TokenizeParams())
    with pytest.raises(DataError, match=r"the training split holds no text"):
        make_tokens(TokenizeParams(tokenizer="sentencepiece"))


def check_any_bytes(folder: Path, content: bytes, suffix: str, tokenizer: TokenizerName) -> None:
    """Whether bytes become tokens, or an error of one line."""
    path = folder / f"any{suffix}"
    path.write_bytes(content)
    try:
        download(DataParams(name="custom", source=str(path)))
        summary = make_tokens(TokenizeParams(tokenizer=tokenizer, max_size=50))
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert summary["splits"]["train"]["documents"] > 0


def test_a_line_that_breaks_off_outside_quotes_is_no_bug(here: Path) -> None:
    rows = [b'"",0'] * 8
    check_any_bytes(
        here, b"\n".join([b"text,label", *rows, b'"a sentence",0\x00"\r",0', *rows]), ".csv", "basic_english"
    )


TEXTS = st.one_of(st.text(max_size=30), st.sampled_from(STRANGE))


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, str]:
    """A file that is nearly right: rows of strange texts, with some bytes of it changed."""
    rows = draw(st.lists(st.tuples(TEXTS, st.sampled_from(["0", "1", "", "x"])), min_size=8, max_size=30))
    suffix = draw(st.sampled_from([".csv", ".tsv", ".jsonl"]))
    if suffix == ".jsonl":
        lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    else:
        between = "," if suffix == ".csv" else "\t"
        lines = [f"text{between}label", *('"' + text.replace('"', '""') + f'"{between}{label}' for text, label in rows)]
    content = bytearray("\n".join(lines).encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 2))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content), suffix


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(file=files(), tokenizer=st.sampled_from(get_args(TokenizerName)))
def test_nearly_right_files_become_tokens_or_one_line(here: Path, file: tuple[bytes, str], tokenizer: Any) -> None:
    check_any_bytes(here, *file, tokenizer)


def test_strange_texts_go_through_training_evaluation_and_comparison(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    write(project.folder / "data.csv", [*strange_rows(), (VERY_LONG, "0")])
    project.change_params({"data": {"name": "custom", "source": "data.csv"}, "train.epochs": 1})
    for stage in ("download", "tokenize", "pretrain", "match", "tune", "train", "evaluate", "reference", "compare"):
        done = project.run(f"pipelines.{stage}", DVC_STAGE=stage_of_lstm(stage))
        assert done.returncode == 0, done.stderr
    page = (project.folder / "reports/comparison.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert not (project.folder / "x").exists()


def test_a_model_that_no_memory_holds_is_refused_before_any_is_taken(project: Project) -> None:
    huge = {"cell": "lstm", "hidden_size": 65536, "embedding_size": 65536, "layers": 64}
    project.change_params({"variants": {"lstm": huge}})
    for stage in ("match", "tune", "train"):
        done = project.run(f"pipelines.{stage}", DVC_STAGE=stage_of_lstm(stage))
    assert done.returncode == 1
    assert "error: variants.lstm has 2," in done.stderr
    assert "GiB" in done.stderr
