"""The page of real trainings on a small Korean data set of three classes: what it shows, where it goes, what fails."""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By

from commands import explain
from core import file_io, paths
from core.errors import ParamsError
from core.paths import RAW, TOKENS
from tests.browser import MISSING, REASON, open_browser, set_page
from tests.pipelines.prepared import prepare, train_all
from tests.pipelines.project import make_own
from tests.tracking.connected import find_run
from text.tokenizing.token_file import TokenizedDocuments

VARIANTS = {
    "bilstm": {"cell": "lstm", "bidirectional": True, "hidden_size": 6, "embedding_size": 5},
    "gru2": {"cell": "gru", "layers": 2, "hidden_size": 4, "embedding_size": 5, "pooling": "mean", "segment": 3},
    "rnn": {"cell": "rnn", "hidden_size": 4, "embedding_size": 5},
}
WORDS = {"나쁨": "지루한 영화", "보통": "그냥 그런 영화", "좋음": "정말 멋진 영화"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("project")
        patch.delenv("DISPLAY", raising=False)
        patch.delenv("WAYLAND_DISPLAY", raising=False)
        lines = [
            f"{phrase} 봤다 {number % 7} <b>&amp;</b>,{label}"
            for number in range(20)
            for label, phrase in WORDS.items()
        ]
        (folder / "reviews.csv").write_text("text,label\n" + "\n".join(lines), encoding="utf-8")
        compare = {"variants": list(VARIANTS), "seeds": [1], "baseline": "rnn"}
        own = {"data.name": "custom", "data.source": "reviews.csv"}
        tokens = {"tokenize.tokenizer": "whitespace", "tokenize.max_tokens": 5}
        make_own(folder, {**own, **tokens, "variants": VARIANTS, "train.epochs": 1, "compare": compare}, patch)
        train_all(prepare())
        yield folder


@pytest.fixture(autouse=True)
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


def call(*arguments: str) -> Any:
    """What the command line ends with: 0, or the line of an error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["explain", *arguments])
        with pytest.raises(SystemExit) as ended:
            explain.main()
    return ended.value.code


def page_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> Path:
    assert call(*arguments) == 0
    return Path(capsys.readouterr().out.strip().splitlines()[-1])


def content_of(page: Path) -> Any:
    _, _, rest = page.read_text(encoding="utf-8").partition('id="content">')
    return json.loads(rest.partition("</script>")[0])


def document_ids() -> list[str]:
    ids: list[str] = pq.read_table(RAW / "test.parquet")["id"].to_pylist()
    return ids


def test_a_test_document_is_read_as_the_pipeline_read_it(capsys: pytest.CaptureFixture[str]) -> None:
    for name in document_ids()[:3]:
        page = page_of(capsys, "--variant", "bilstm", "--seed", "1", "--document", name, "--no-open")
        content = content_of(page)
        vocabulary = file_io.read_json(TOKENS / "vocabulary.json", made_by="tokenize")
        test_split = TokenizedDocuments.open(TOKENS / "test.arrow")
        expected = test_split.tokens(test_split.ids().index(name))
        shown = [
            "<unk>" if unknown else token for token, unknown in zip(content["tokens"], content["unknown"], strict=True)
        ]
        assert shown == [vocabulary[number] for number in expected]
        table = pq.read_table(paths.folder("bilstm", 1) / "predictions.parquet")
        predicted = table["probabilities"][table["id"].to_pylist().index(name)].as_py()
        assert content["models"][0]["prefixes"][-1] == pytest.approx(predicted, abs=1e-4)
        assert content["models"][0]["chosen"] == int(np.argmax(predicted))


def test_in_a_cross_validation_the_documents_of_the_trainings_own_fold_are_its_test_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file_io.write_json(TOKENS / "summary.json", {"data": {"folds": 3}})
    for fold in (1, 2, 3):
        RAW.mkdir(parents=True, exist_ok=True)
        table = pa.table({"id": [f"id {fold}"], "text": [f"text {fold}"], "label": pa.array([0], pa.int32())})
        pq.write_table(table, RAW / f"fold-{fold}.parquet")
    assert explain._document("id 2", 5).text == "text 2"
    with pytest.raises(ParamsError, match=r"^--document is 'id 2'; .* the 1 test documents, such as id 1"):
        explain._document("id 2", 1)


def test_several_variants_stand_side_by_side_and_the_page_is_logged_to_each_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [
        "--variant",
        "bilstm",
        "--variant",
        "gru2",
        "--variant",
        "rnn",
        "--seed",
        "1",
        "--text",
        "정말 멋진 영화",
    ]
    page = page_of(capsys, *arguments)
    assert [model["name"] for model in content_of(page)["models"]] == ["bilstm", "gru2", "rnn"]
    for variant in VARIANTS:
        config = file_io.read_json(paths.folder(variant, 1) / "config.json", made_by="train")
        run = find_run("lstm-vs-bilstm", config["signature"])
        assert run is not None
        assert f"explanations/{page.name}" in run.artifacts("explanations")


def test_the_same_text_gives_the_same_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--variant", "bilstm", "--seed", "1", "--text", "지루한 영화", "--no-open"]
    first = page_of(capsys, *arguments).read_bytes()
    assert page_of(capsys, *arguments).read_bytes() == first


def test_a_file_is_cut_as_in_training_and_the_page_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text("정말 멋진 영화 모르는말 봤다 여섯 일곱", encoding="utf-8")
    page = page_of(capsys, "--variant", "rnn", "--seed", "1", "--file", str(tmp_path / "text.txt"), "--no-open")
    content = content_of(page)
    assert content["tokens"] == ["정말", "멋진", "영화", "모르는말", "봤다"]
    assert content["unknown"] == [False, False, False, True, False]
    assert "2 more are beyond the length limit" in page.read_text(encoding="utf-8")


def test_padding_in_a_text_is_an_unknown_word(capsys: pytest.CaptureFixture[str]) -> None:
    page = page_of(capsys, "--variant", "rnn", "--seed", "1", "--text", "영화 <pad> <unk>", "--no-open")
    assert content_of(page)["tokens"] == ["영화", "<pad>", "<unk>"]
    assert content_of(page)["unknown"] == [False, True, True]


def test_a_text_cannot_break_out_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    page = page_of(capsys, "--variant", "rnn", "--seed", "1", "--text", "</script><script>alert(1)", "--no-open")
    assert content_of(page)["tokens"] == ["</script><script>alert(1)"]
    assert "<script>alert(1)" not in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--variant", "bilstm", "--seed", "7", "--text", "x"],
            "error: bilstm seed 7 is not trained; allowed: bilstm seed 1, gru2 seed 1, rnn seed 1",
        ),
        (
            ["--variant", "bilstm", "--seed", "1", "--document", "nope"],
            "error: --document is 'nope'; allowed: the ids of the ",
        ),
        (["--variant", "bilstm", "--seed", "1", "--text", " "], "error: the text has no tokens (whitespace)"),
        (
            ["--variant", "bilstm", "--seed", "1", "--file", "no.txt"],
            "error: --file is 'no.txt'; there is no such file",
        ),
        (["--variant", "bilstm", "--seed", "1", "--file", "data"], "error: --file 'data' is not a UTF-8 text file"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], message: str) -> None:
    before = set(paths.REPORTS.rglob("*"))
    ended = call(*arguments, "--no-open")
    assert message in ended
    assert "\n" not in ended
    assert set(paths.REPORTS.rglob("*")) == before


def test_a_training_on_other_tokens_is_refused() -> None:
    path = TOKENS / "summary.json"
    page_before = path.read_text(encoding="utf-8")
    try:
        summary = json.loads(page_before)
        summary["tokenize"]["max_tokens"] = 4
        path.write_text(json.dumps(summary), encoding="utf-8")
        ended = call("--variant", "rnn", "--seed", "1", "--text", "영화", "--no-open")
    finally:
        path.write_text(page_before, encoding="utf-8")
    assert "results/rnn/seed-1 was not trained on the tokens in data/tokens" in ended


def test_a_run_that_the_store_has_lost_is_rebuilt_with_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    page = page_of(capsys, "--variant", "rnn", "--seed", "1", "--text", "영화", "--no-open")
    config = file_io.read_json(paths.folder("rnn", 1) / "config.json", made_by="train")
    run = find_run("lstm-vs-bilstm", config["signature"])
    assert run is not None
    assert f"explanations/{page.name}" in run.artifacts("explanations")


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with open_browser() as opened:
        yield opened


@pytest.mark.skipif(MISSING, reason=REASON)
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_draws_every_heat_map_and_tells_the_word_that_is_pointed_at(
    dark: bool, browser: Chrome, capsys: pytest.CaptureFixture[str]
) -> None:
    text = ["--text", "정말 멋진 영화", "--no-open"]
    page = page_of(capsys, "--variant", "bilstm", "--variant", "gru2", "--seed", "1", *text)
    drawn = """return [...document.querySelectorAll("canvas")].map(canvas => canvas.getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height).data.some(byte => byte))"""
    set_page(browser, 420, 900, dark)
    browser.get(page.resolve().as_uri())
    # An LSTM shows four signals in each of two directions, a GRU three in each of two layers.
    assert browser.execute_script(drawn) == [True] * 14
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 420
    word = browser.find_element(By.CSS_SELECTOR, ".ribbon [data-t='1']")
    ActionChains(browser).move_to_element(word).perform()
    assert "“멋진” (token 2): leave one out" in browser.find_element(By.ID, "tip").text
    assert len(browser.find_elements(By.CSS_SELECTOR, ".ribbon .now")) == 4 + 4
    # The equations of one cell in each passage, two for an LSTM and one for a GRU, come true with its numbers.
    lines = [line.text for line in browser.find_elements(By.CSS_SELECTOR, "[data-equation]")]
    assert len(lines) == 2 * 2 + 2
    passages = [passage for model in content_of(page)["models"] for passage in model["passages"]]
    memories = [passage["followed"].get("C", passage["followed"]["h"])[1] for passage in passages]
    sums = [line.replace("−", "-").replace("·", "*").split(" = ") for line in lines]
    assert [float(left) for left, _ in [sums[0], sums[2], *sums[4:]]] == pytest.approx(memories, abs=6e-4)
    for left, right in sums:
        assert eval(right, {"tanh": math.tanh}) == pytest.approx(float(left), abs=3e-3)
    assert not browser.get_log("browser")  # type: ignore[no-untyped-call]
