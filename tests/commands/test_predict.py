"""The command predict on real trainings: each input, each output, what it says, and what it refuses."""

import csv
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import count, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from analysis.comparison.metrics import classification_metrics
from commands import predict
from core.paths import RAW, RESULTS
from predictor import texts
from predictor.files import find_training
from predictor.predictor import Predictions, Predictor
from predictor.scores import Scores
from predictor.texts import Row
from predictor.winner import winner
from tests.predictor.project import ROOT, copy_of_registered
from tests.predictor.project import call as call_module

LABELS = ["dull", "fair", "fine"]
CHOSEN = ("--variant", "bilstm", "--seed", "1")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with copy_of_registered(tmp_path_factory) as folder:
        yield folder


@pytest.fixture(autouse=True)
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


def call(*arguments: str, stdin: bytes = b"") -> Any:
    return call_module(predict, *arguments, stdin=stdin)


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def expected(texts: Sequence[str]) -> Predictions:
    return Predictor([find_training("bilstm", 1)])(texts)


def probabilities_of(rows: Sequence[dict[str, Any]]) -> NDArray[np.float32]:
    return np.array([[float(row[f"probability_{label}"]) for label in LABELS] for row in rows], np.float32)


def test_texts_of_the_command_line_are_classified(capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["What a lovely surprise", 'with "quotes"\nand a line break, 영화']
    assert call(*CHOSEN, *texts) == 0
    shown = capsys.readouterr()
    rows, predictions = lines_of(shown.out), expected(texts)
    assert [row["text"] for row in rows] == texts
    assert [row["row"] for row in rows] == [1, 2]
    assert [row["label"] for row in rows] == predictions.labels
    assert probabilities_of(rows).tobytes() == predictions.probabilities.tobytes()
    assert "2 texts" in shown.err


def test_a_reader_that_leaves_early_is_no_error(project: Path) -> None:
    command = [sys.executable, "-m", "commands.predict", *CHOSEN]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=project, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin and process.stdout and process.stderr
    process.stdout.close()
    process.stdin.write(b"A tedious film\n" * 5000)
    process.stdin.close()
    assert process.wait() == 0
    assert b"Traceback" not in process.stderr.read()


def test_each_line_of_standard_input_is_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*CHOSEN, stdin="A tedious film\r\n\nécole\n".encode()) == 0
    shown = capsys.readouterr()
    assert [row["text"] for row in lines_of(shown.out)] == ["A tedious film", "", "école"]
    assert "3 texts; 1 without tokens, classified as one unknown word" in shown.err


def test_lines_in_another_encoding_are_refused_with_their_number() -> None:
    assert str(call(*CHOSEN, stdin=b"fine\n\xe9cole\n")).startswith("error: line 2 of standard input is not UTF-8 text")


TEXTS = ["What a lovely surprise", "", None, "so " * 30, 'a "quote", and\nmore']


def write_input(path: Path) -> None:
    """TEXTS with labels, as their tools write them; CSV and TSV know no missing text."""
    labels = ["fine", "dull", "fair", "well", ""]
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"review": TEXTS, "stars": labels}), path)
    elif path.suffix == ".jsonl":
        lines = [json.dumps({"review": text, "stars": label}) for text, label in zip(TEXTS, labels, strict=True)]
        path.write_text("\n".join(lines), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ";")
            writer.writerows([("review", "stars"), *zip(TEXTS, labels, strict=True)])


@pytest.mark.parametrize("name", ["texts.csv", "texts.tsv", "texts.jsonl", "texts.parquet"])
def test_every_format_that_data_reads_is_read(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_input(tmp_path / name)
    columns = ["--text-column", "review", "--label-column", "stars"]
    assert call(*CHOSEN, "--file", str(tmp_path / name), *columns) == 0
    shown = capsys.readouterr()
    rows = lines_of(shown.out)
    missing = name.endswith((".jsonl", ".parquet"))
    texts = [text if text is not None or missing else "" for text in TEXTS]
    assert [row["text"] for row in rows] == texts
    present = [row for row in rows if row["text"] is not None]
    predictions = expected([row["text"] for row in present])
    assert probabilities_of(present).tobytes() == predictions.probabilities.tobytes()
    empty = "1 missing, without a prediction; 1" if missing else "2"
    assert f"5 texts; {empty} without tokens, classified as one unknown word; 1 truncated to 20 tokens" in shown.err
    if missing:
        assert rows[2] == {"row": 3, "text": None, "label": None} | {f"probability_{label}": None for label in LABELS}
    assert "1 text without a label not scored" in shown.err
    assert "1 text with labels that the model does not know, such as 'well'" in shown.err
    assert f"on {2 if missing else 3} labelled texts: accuracy" in shown.err


def test_a_file_without_labels_needs_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = "a text longer than any label may be, " * 20
    (tmp_path / "texts.csv").write_text(f'text\n"{long}"\n"two\nlines"\n', encoding="utf-8")
    assert call(*CHOSEN, "--file", str(tmp_path / "texts.csv")) == 0
    assert [row["text"] for row in lines_of(capsys.readouterr().out)] == [long, "two\nlines"]


def test_columns_of_a_file_without_header_have_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "texts.csv").write_text("fine;A lovely surprise\ndull;A tedious film\n", encoding="utf-8")
    columns = ["--text-column", "2", "--label-column", "1"]
    assert call(*CHOSEN, "--file", str(tmp_path / "texts.csv"), *columns) == 0
    shown = capsys.readouterr()
    assert [row["text"] for row in lines_of(shown.out)] == ["A lovely surprise", "A tedious film"]
    assert "on 2 labelled texts" in shown.err
    message = call(*CHOSEN, "--file", str(tmp_path / "texts.csv"), "--text-column", "2", "--label-column", "stars")
    assert "--text-column is 2 and --label-column 'stars'; allowed: two names or two numbers" in message


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_every_output_format_holds_the_same_rows(name: str, tmp_path: Path) -> None:
    write_input(tmp_path / "in.jsonl")
    output = tmp_path / name
    arguments = ["--file", str(tmp_path / "in.jsonl"), "--text-column", "review", "--output", str(output)]
    assert call(*CHOSEN, *arguments) == 0
    if output.suffix == ".parquet":
        rows = pq.read_table(output).to_pylist()
    elif output.suffix == ".jsonl":
        rows = lines_of(output.read_text(encoding="utf-8"))
    else:
        nulls = pyarrow.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
        newlines = pyarrow.csv.ParseOptions(newlines_in_values=True)
        rows = pyarrow.csv.read_csv(output, convert_options=nulls, parse_options=newlines).to_pylist()
    assert list(rows[0]) == ["row", "text", "label", *(f"probability_{label}" for label in LABELS)]
    assert [row["text"] for row in rows] == TEXTS
    present = [row for row in rows if row["text"] is not None]
    predictions = expected([row["text"] for row in present])
    assert [row["label"] for row in present] == predictions.labels
    assert probabilities_of(present).tobytes() == predictions.probabilities.tobytes()


def test_chunks_change_no_prediction_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(predict, "CHUNK_TEXTS", 7)
    assert call(*CHOSEN, "--file", str(RAW / "test.parquet")) == 0
    table = pq.read_table(RESULTS / "bilstm" / "seed-1" / "predictions.parquet")
    evaluated = np.array(table["probabilities"].to_pylist(), np.float32)
    shown = probabilities_of(lines_of(capsys.readouterr().out))
    np.testing.assert_allclose(shown, evaluated, rtol=0, atol=1e-6)


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "CHUNK_TEXTS", 100)
    peaks = []
    for rows in (200, 200, 2000):  # the first call loads what stays
        lines = [f"{number},a film number {number} {'of many words ' * 20},fine" for number in range(rows)]
        (tmp_path / "in.csv").write_text("id,text,label\n" + "\n".join(lines), encoding="utf-8")
        arguments = ["--file", str(tmp_path / "in.csv"), "--output", str(tmp_path / "out.csv")]
        tracemalloc.start()
        assert call(*CHOSEN, *arguments, "--label-column", "label") == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]


def test_rows_without_end_come_in_chunks_that_few_long_texts_end_early() -> None:
    endless = (Row(number, text) for number, text in zip(count(1), repeat("x" * 2**22)))
    assert [row.number for row in next(texts.chunks(endless))] == [1, 2, 3]


def test_without_a_variant_the_best_of_the_comparison_is_taken_with_its_doubts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    best = winner()
    summary = json.loads(Path("reports/comparison.json").read_text(encoding="utf-8"))
    means = {variant: scores["accuracy"]["mean"] for variant, scores in summary["variants"].items()}
    assert means[best.variant] == max(means.values())
    assert call("A tedious film") == 0
    shown = capsys.readouterr()
    assert f"{best.variant} has the best test accuracy of reports/comparison.json: " in shown.err
    assert f"{best.variant}: the mean of 2 trainings, seeds 1, 2" in shown.err
    assert "warning: the comparison has warnings" in shown.err  # 150 documents and one epoch teach nothing
    models = [find_training(best.variant, seed) for seed in (1, 2)]
    assert lines_of(shown.out)[0]["label"] == Predictor(models)(["A tedious film"]).labels[0]


def write_comparison(monkeypatch: pytest.MonkeyPatch, folder: Path, **changes: Any) -> None:
    """The project's comparison with other numbers, where `winner` reads it."""
    summary = json.loads(Path("reports/comparison.json").read_text(encoding="utf-8"))
    summary |= {"soundness": {kind: [] for kind in summary["soundness"]}, "warnings": []}
    monkeypatch.chdir(folder)
    Path("reports").mkdir()
    Path("reports/comparison.json").write_text(json.dumps(summary | changes), encoding="utf-8")


@pytest.mark.parametrize(
    ("metric", "means", "p_values", "best", "doubts"),
    [
        ("accuracy", {"lstm": 0.8, "bilstm": 0.9}, {"bilstm": 0.01}, "bilstm", []),
        ("accuracy", {"lstm": 0.8, "bilstm": 0.9}, {"bilstm": 0.2}, "bilstm", ["tell bilstm from lstm (p = 0.20)"]),
        ("loss", {"lstm": 0.8, "bilstm": 0.9}, {"bilstm": 0.01}, "lstm", []),
        ("accuracy", {"lstm": 0.9, "bilstm": 0.8}, {"bilstm": 0.3}, "lstm", ["tell lstm from bilstm (p = 0.30)"]),
        ("accuracy", {"lstm": 0.7, "gru": 0.8, "bilstm": 0.9}, {"gru": 0.3, "bilstm": 0.01}, "bilstm",
         ["compared with lstm alone, not with gru"]),
        ("accuracy", {"lstm": 0.7}, {}, "lstm", []),
    ],
)  # fmt: skip
def test_the_winner_has_a_doubt_for_each_variant_that_may_be_as_good(
    metric: str,
    means: dict[str, float],
    p_values: dict[str, float],
    best: str,
    doubts: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variants = {variant: {metric: {"mean": mean}} for variant, mean in means.items()}
    differences = {variant: {metric: {"p_value_corrected": p}} for variant, p in p_values.items()}
    changes: dict[str, Any] = {"variants": variants, "differences": differences, "baseline": "lstm"}
    write_comparison(monkeypatch, tmp_path, metric=metric, **changes)
    recommended = winner()
    assert recommended.variant == best
    assert [doubt for doubt, part in zip(recommended.doubts, doubts, strict=True) if part not in doubt] == []


def test_metrics_of_chunks_are_those_of_all_documents() -> None:
    generator = np.random.default_rng(1)
    truth, names = generator.integers(0, 3, 200), ["a", "b", "c", "never"]
    probabilities = generator.dirichlet(np.ones(4), 200).astype(np.float32)
    scores = Scores(names)
    for part in np.array_split(np.arange(200), 7):
        labels = [names[index] for index in truth[part]]
        scores.add(labels, Predictions(labels, probabilities[part], np.ones(len(part), np.int32)))
    whole = classification_metrics(truth, probabilities, names)
    assert scores.metrics() == pytest.approx({name: whole[name] for name in scores.metrics()}, abs=1e-12)
    unknown = [f"other {number}" for number in range(200)]
    scores.add(unknown, Predictions(names * 50, probabilities, np.ones(200, np.int32)))
    assert (scores.unknown, scores.scored, scores.unknown_labels) == (200, 200, unknown[:3])


def test_a_column_whose_name_is_a_number_can_be_named() -> None:
    assert [predict._column(name) for name in ("2", '"2019"', "stars")] == [2, "2019", "stars"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--file", "x.csv", "text"], "--file and texts are both given"),
        (["--label-column", "stars", "text"], "--text-column and --label-column need --file"),
        (["--model", ".", "--variant", "bilstm", "text"], "--model is given with --variant or --seed"),
        (["--seed", "1", "text"], "--seed needs --variant"),
        (["--output", "out.xlsx", "text"], "--output is 'out.xlsx'; allowed: a name that ends in .jsonl"),
        (["--file", "nowhere.csv"], "--file is 'nowhere.csv'; there is no such file"),
        (["--file", "."], "--file is '.'; allowed: a file"),
        (["--file", "reviews.parquet", "--text-column", "txt"], "--text-column is 'txt', but reviews.parquet has"),
        (["--file", "params.yaml"], "params.yaml holds no table"),
        (["--variant", "lstm", "text"], "--variant is 'lstm', which is not trained; allowed: bilstm, gru2"),
        (["--variant", "bilstm", "--seed", "9", "text"], "bilstm seed 9 is not trained; allowed: bilstm seed 1"),
        (["--model", "data", "text"], "data/config.json is missing"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(arguments: list[str], reason: str) -> None:
    message = str(call(*arguments))
    assert message.startswith("error: ")
    assert reason in message
    assert "\n" not in message


@pytest.mark.parametrize("link", [False, True])
def test_an_output_that_would_replace_the_file_is_refused(link: bool, tmp_path: Path) -> None:
    texts, output = tmp_path / "in.csv", tmp_path / ("out.csv" if link else "in.csv")
    texts.write_text("text\nA tedious film\n", encoding="utf-8")
    if link:
        output.symlink_to(texts)
    message = call(*CHOSEN, "--file", str(texts), "--output", str(output))
    assert message == f"error: --file and --output are the same file, '{output}'; allowed: two files"
    assert texts.read_text(encoding="utf-8") == "text\nA tedious film\n"


def test_a_broken_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('text,label\nfine,a\n"open,b\n', encoding="utf-8")
    output = tmp_path / "out.csv"
    message = str(call(*CHOSEN, "--file", str(tmp_path / "in.csv"), "--output", str(output)))
    assert "in.csv is not valid CSV at line 3" in message
    assert list(tmp_path.iterdir()) == [tmp_path / "in.csv"]
