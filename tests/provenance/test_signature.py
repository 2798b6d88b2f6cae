"""A training resumes from a checkpoint if everything that decides its result is the same; otherwise it starts anew."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numba
import pytest
import torch
from safetensors.numpy import save_file

from config.params import load
from core.errors import DataError, ParamsError
from core.file_io import read_json
from core.paths import TOKENS, VARIANTS
from outputs.training_config import resolve
from pipelines.evaluate import evaluate
from pipelines.match import match
from pipelines.tokenize import make_tokens
from pipelines.train import train
from provenance import source_code
from tests.pipelines.prepared import prepare
from tests.pipelines.project import change_params, enter, install, make_own
from tests.tracking.connected import find_run

RESULTS = Path("results/lstm/seed-1")
FILES = ("config.json", "history.json", "model.safetensors")


def write_vectors(path: Path, factor: float) -> None:
    path.parent.mkdir(exist_ok=True)
    words = ("dull", "film", "brilliant", "seen")
    lines = [f"{word} {number * factor} 0.5 -1 {factor}" for number, word in enumerate(words)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_reviews(path: Path, last: str) -> None:
    rows = [f"{('dull', 'brilliant')[number % 2]} film seen {number},{number % 2}" for number in range(59)]
    path.write_text("\n".join(["text,label", *rows, f"{last},1"]) + "\n", encoding="utf-8")


def run_stages() -> dict[str, bytes]:
    """Everything up to the training, as DVC would; what the training writes, by file."""
    train(prepare(), "lstm", 1)
    return {name: (RESULTS / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with a training of which DVC has not recorded the outputs: its checkpoints are still there."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("trained")
        variants = {"lstm": {"cell": "lstm", "hidden_size": 4, "embedding_size": 4}}
        compare = {"variants": ["lstm"], "seeds": [1], "baseline": "lstm"}
        own = {"data.name": "custom", "data.source": "reviews.csv", "tokenize.vectors": "a/glove.txt"}
        make_own(folder, {**own, "variants": variants, "train.epochs": 2, "compare": compare}, patch)
        patch.setenv("DVC_STAGE", "train@lstm-1")
        write_reviews(Path("reviews.csv"), "brilliant film")
        write_vectors(Path("a/glove.txt"), 1)
        write_vectors(Path("b/glove.txt"), 2)
        run_stages()
        yield folder


@pytest.fixture(autouse=True)
def project(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of its own."""
    folder = Path(shutil.copytree(trained, tmp_path / "project"))
    enter(folder, monkeypatch)
    monkeypatch.setenv("DVC_STAGE", "train@lstm-1")
    return folder


def signature() -> str:
    result: str = read_json(RESULTS / "config.json", made_by="train")["signature"]
    return result


def vectors_of_the_same_name_elsewhere() -> None:
    change_params(Path(), {"tokenize.vectors": "b/glove.txt"})


def edited_vectors() -> None:
    write_vectors(Path("a/glove.txt"), 2)


def an_edited_source() -> None:
    write_reviews(Path("reviews.csv"), "brilliant seen")  # in whichever split


def another_tokenization() -> None:
    change_params(Path(), {"tokenize.truncation": "tail", "tokenize.max_tokens": 2})


def another_batch_size() -> None:
    change_params(Path(), {"train.batch_size": 16})


@pytest.mark.parametrize(
    "change",
    [
        vectors_of_the_same_name_elsewhere,
        edited_vectors,
        an_edited_source,
        another_tokenization,
        another_batch_size,
    ],
)
def test_after_a_change_of_params_or_files_a_training_starts_anew(
    change: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    before = signature()
    change()
    beside_old_checkpoints = run_stages()
    assert "resuming after step" not in capsys.readouterr().out
    assert signature() != before
    shutil.rmtree("checkpoints")
    assert run_stages() == beside_old_checkpoints


def test_a_training_gets_its_variant_from_the_stage_match_alone() -> None:
    change_params(Path(), {"variants.lstm.hidden_size": 5})
    params = load()
    before = resolve(params, "lstm", 1, Path())
    assert (before["variant"]["hidden_size"], before["signature"]) == (4, signature())
    match(params)
    after = resolve(params, "lstm", 1, Path())
    assert after["variant"] == params.variants["lstm"].model_dump()
    assert after["signature"] != before["signature"]


def test_a_training_of_a_variant_that_is_not_compared_or_not_matched_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"^--variant is 'lsmt'; allowed: lstm \(compare.variants\)$"):
        train(load(), "lsmt", 1)
    (VARIANTS / "lstm.json").unlink()
    with pytest.raises(DataError, match=r"^data/variants/lstm.json is missing; the stage match makes it: dvc repro$"):
        train(load(), "lstm", 1)


def moved_vectors() -> None:
    Path("a/glove.txt").rename("glove.txt")
    change_params(Path(), {"tokenize.vectors": "glove.txt"})


def more_checkpoints() -> None:
    change_params(Path(), {"train.checkpoint_steps": 1})


def nothing() -> None:
    pass


@pytest.mark.parametrize("change", [nothing, moved_vectors, more_checkpoints])
def test_after_what_decides_nothing_it_resumes(change: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    before = {name: (RESULTS / name).read_bytes() for name in FILES}
    change()
    assert run_stages() == before
    assert "resuming after step" in capsys.readouterr().out


@pytest.mark.parametrize("library", ["torch", "numba", "llvmlite", "numpy", "pytorch-lightning"])
def test_a_checkpoint_from_another_version_of_a_library_is_left_alone(
    library: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signature()
    install(library, "99.1", tmp_path / "installed")
    monkeypatch.syspath_prepend(tmp_path / "installed")
    train(load(), "lstm", 1)
    assert "resuming after step" not in capsys.readouterr().out
    assert signature() != before
    assert json.loads((RESULTS / "config.json").read_text())["libraries"][library] == "99.1"
    assert len(list((project / "checkpoints").glob("*/"))) == 2


def test_a_checkpoint_from_another_processor_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signature()
    monkeypatch.setattr("llvmlite.binding.get_host_cpu_name", lambda: "another")
    train(load(), "lstm", 1)
    assert "resuming after step" not in capsys.readouterr().out
    assert signature() != before


def test_a_checkpoint_from_other_code_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = source_code.checksums("train")
    monkeypatch.setattr(source_code, "checksums", lambda stage: lines + "of another loop\n")
    train(load(), "lstm", 1)
    assert "resuming after step" not in capsys.readouterr().out


def test_configuration_and_mlflow_say_the_versions_and_the_files_that_were_read() -> None:
    config = read_json(RESULTS / "config.json", made_by="train")
    assert config["libraries"]["torch"] == torch.__version__
    assert config["libraries"]["numba"] == numba.__version__
    assert config["tokens"] == read_json(TOKENS / "summary.json", made_by="tokenize")["checksums"]
    assert {"train.arrow", "validation.arrow", "vocabulary.json", "vectors.safetensors"} <= set(config["tokens"])
    run = find_run("lstm-vs-bilstm", signature())
    assert run is not None
    params = run.mlflow.client.get_run(run.run_id).data.params
    assert params["libraries.torch"] == torch.__version__
    assert params["libraries.numba"] == numba.__version__
    assert "libraries.mlflow" not in params  # which decides nothing


def test_a_training_reads_no_file_that_its_signature_does_not_cover() -> None:
    change_params(Path(), {"tokenize.vectors": None})
    without = run_stages()
    vectors = torch.zeros(read_json(TOKENS / "summary.json", made_by="tokenize")["vocabulary_size"], 4).numpy()
    save_file({"vectors": vectors}, TOKENS / "vectors.safetensors")  # left by somebody else
    shutil.rmtree("checkpoints")
    train(load(), "lstm", 1)
    assert {name: (RESULTS / name).read_bytes() for name in FILES} == without
    shutil.copy(TOKENS / "validation.arrow", TOKENS / "train.arrow")
    with pytest.raises(DataError, match=r"data/tokens/train.arrow is damaged"):
        train(load(), "lstm", 1)


def test_a_training_is_evaluated_on_its_own_tokens_only() -> None:
    params = load()
    evaluate(params, "lstm", 1)
    write_vectors(Path("a/glove.txt"), 2)
    make_tokens(params.tokenize)
    with pytest.raises(DataError, match=r"^results/lstm/seed-1 was not trained on the tokens in data/tokens"):
        evaluate(params, "lstm", 1)
