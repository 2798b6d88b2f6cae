"""The stage pretrain: what it may see, what it leaves, that it repeats and resumes, and who starts from it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from mlflow.tracking import MlflowClient
from safetensors.torch import load_file

from config.params import Params, load
from core.errors import DataError, DivergenceError, ParamsError
from core.file_io import read_json, write_json
from core.paths import PRETRAINED, RAW, TOKENS, VARIANTS
from models.pretraining.module import LanguageModelModule
from models.pretraining.softmax import SampledSoftmax
from models.training.building import build_classifier
from outputs.token_files import open_splits, read_summary
from outputs.training_config import resolve
from outputs.training_data import open_training_data
from pipelines import pretrain as stage
from pipelines.download import download
from pipelines.evaluate import evaluate
from pipelines.match import match
from pipelines.pretrain import pretrain
from pipelines.tokenize import make_tokens
from pipelines.train import train
from pipelines.trial import Plan
from pipelines.trial import resolve as resolve_trial
from pipelines.tune import tune
from tests.pipelines.project import SMALL, change_params, enter, make_own
from tracking import pretraining_from_outputs
from tracking.connection import connect

TINY: dict[str, Any] = {"cell": "lstm", "hidden_size": 4, "embedding_size": 4}
VARIANTS_HERE: dict[str, Any] = {
    "lstm": {**TINY, "start": "pretrain"},
    "bilstm": {**TINY, "bidirectional": True, "start": "pretrain"},
    "plain": dict(TINY),
}
LM = {"objective": "lm", "hidden_size": 4, "embedding_size": 4, "epochs": 2, "batch_size": 4, "bptt": 32}


def add_unlabelled(folder: Path) -> None:
    """Gives the data set a split of documents without labels, which the generated ones lack."""
    table = pq.read_table(folder / "train.parquet").slice(0, 20).drop_columns(["label"])
    ids = pa.array([f"unlabelled/{number}" for number in range(len(table))])
    table = table.set_column(table.schema.get_field_index("id"), "id", ids)
    pq.write_table(table, folder / "unlabelled.parquet")
    card = read_json(folder / "card.json", made_by="download")
    card["splits"]["unlabelled"] = card["splits"]["train"]
    write_json(folder / "card.json", card)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose language model is trained."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("pretrained")
        changes: dict[str, Any] = {"variants": VARIANTS_HERE, "compare.variants": list(VARIANTS_HERE)}
        changes |= {f"pretrain.{key}": value for key, value in LM.items()}
        make_own(folder, {**SMALL, **changes, "train.epochs": 1}, patch)
        params = load()
        download(params.data)
        add_unlabelled(RAW)
        make_tokens(params.tokenize)
        pretrain(params)
        match(params)
        tune(params, "lstm")
        tune(params, "plain")
        yield folder


@pytest.fixture(autouse=True)
def project(pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of its own."""
    folder = Path(shutil.copytree(pretrained, tmp_path / "project"))
    enter(folder, monkeypatch)
    return folder


def written() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(PRETRAINED.iterdir())}


def forget() -> None:
    """As DVC does before a stage runs, and as a machine without its checkpoints."""
    shutil.rmtree(PRETRAINED)
    shutil.rmtree("checkpoints")


def changed(**values: Any) -> Params:
    change_params(Path(), {name.replace("__", "."): value for name, value in values.items()})
    return load()


def description() -> dict[str, Any]:
    pretraining: dict[str, Any] = json.loads(written()["pretrained.json"])
    return pretraining


def test_a_language_model_leaves_weights_and_what_it_reached_on_held_out_texts() -> None:
    pretraining = description()
    first, last = pretraining["history"]
    assert pretraining["perplexity"] == {name: last[f"perplexity_{name}"] for name in ("forward", "backward")}
    assert (first["epoch"], last["epoch"]) == (1, 2)
    assert last["perplexity_forward"] < first["perplexity_forward"] < read_summary()["vocabulary_size"]
    assert (pretraining["documents"], pretraining["held_out"], pretraining["unlabelled"]) == (82, 2, True)
    weights = load_file(PRETRAINED / "weights.safetensors")
    assert weights["embedding.weight"].shape == (read_summary()["vocabulary_size"], 4)
    assert weights["backward.weight_hh_l0"].shape == (16, 4)
    assert not any(weights[f"{direction}.bias_hh_l0"].any() for direction in ("forward", "backward"))


@pytest.mark.parametrize("objective", ["lm", "vectors"])
def test_validation_and_test_texts_never_enter(objective: str) -> None:
    """With their files destroyed the bytes are the same, and their checksums are unknown to the stage."""
    pretrain(changed(pretrain__objective=objective))
    before = written()
    forget()
    for split in ("validation", "test"):
        for path in (TOKENS / f"{split}.arrow", RAW / f"{split}.parquet"):
            path.write_bytes(b"closed")
    pretrain(load())
    assert written() == before
    files = description()["files"]
    assert set(files) == {"train.arrow", "unlabelled.arrow"}
    for split in ("validation", "test"):
        with pytest.raises(DataError, match=f"^this training may not read the {split} split"):
            open_splits([split], files)


def test_training_and_unlabelled_texts_are_needed() -> None:
    for split in ("train", "unlabelled"):
        whole = (TOKENS / f"{split}.arrow").read_bytes()
        (TOKENS / f"{split}.arrow").write_bytes(b"closed")
        with pytest.raises(DataError, match=rf"{split}\.arrow is damaged"):
            pretrain(load())
        (TOKENS / f"{split}.arrow").write_bytes(whole)


def test_stopped_at_any_step_it_resumes_to_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    before, steps = written(), int(description()["history"][-1]["step"])
    forget()
    monkeypatch.setattr(stage, "CHECKPOINT_MINUTES", 0.0)  # after every step
    for stop in (2, steps // 2, steps // 2 + 3):  # within an epoch, between both, within the second one
        with monkeypatch.context() as patch:
            real = LanguageModelModule.training_step

            def step(self: LanguageModelModule, *arguments: Any, at: int = stop, real: Any = real) -> Any:
                if self.global_step == at:
                    raise KeyboardInterrupt
                return real(self, *arguments)

            patch.setattr(LanguageModelModule, "training_step", step)
            with pytest.raises(KeyboardInterrupt):
                pretrain(load())
        assert not PRETRAINED.exists()
    pretrain(load())
    assert written() == before


def test_it_says_an_epoch_in_a_line_and_where_it_resumes(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(PRETRAINED)
    pretrain(load())  # all is done; only the outputs are missing
    assert "resuming after step" in capsys.readouterr().out
    forget()
    pretrain(load())
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert "forward: training loss" in lines[0]
    assert "backward: training loss" in lines[0]


def test_a_loss_that_is_not_finite_ends_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    forget()
    monkeypatch.setattr("models.pretraining.fit.LARGEST_GRADIENT", float("nan"))
    with pytest.raises(DivergenceError, match=r"^the forward language model's loss is nan by step 2\d with a learning"):
        pretrain(load())
    assert not PRETRAINED.exists()


def test_a_held_out_loss_that_is_not_finite_ends_in_a_line_and_leaves_no_checkpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forget()
    monkeypatch.setattr(SampledSoftmax, "exact", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(DivergenceError, match=r"^the forward language model's loss of held-out texts is nan by step"):
        pretrain(load())
    assert not PRETRAINED.exists()
    assert not list(Path("checkpoints").rglob("*.ckpt"))


@pytest.mark.parametrize("softmax", ["full", "adaptive"])
def test_other_softmaxes_learn_too(softmax: str) -> None:
    pretrain(changed(pretrain__softmax=softmax))
    first, last = description()["history"]
    assert last["perplexity_forward"] < first["perplexity_forward"] < read_summary()["vocabulary_size"]


def test_without_an_objective_there_is_nothing_and_variants_are_as_without_the_stage() -> None:
    for name in ("lstm", "bilstm"):
        change_params(Path(), {f"variants.{name}.start": "random"})
    params = changed(pretrain__objective="none")
    pretrain(params)
    assert written() == {"pretrained.json": b'{\n  "objective": "none"\n}\n'}
    match(params)
    assert all("pretrained" not in json.loads(path.read_text()) for path in VARIANTS.iterdir())


def test_a_variant_that_does_not_start_from_it_keeps_its_file_when_the_weights_change() -> None:
    before = {path.name: path.read_bytes() for path in VARIANTS.iterdir()}
    params = changed(pretrain__seed=2)
    pretrain(params)
    match(params)
    after = {path.name: path.read_bytes() for path in VARIANTS.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"lstm.json", "bilstm.json"}


def test_trainings_start_from_the_weights_with_a_head_of_their_own() -> None:
    weights = load_file(PRETRAINED / "weights.safetensors")
    params, heads = load(), []
    for seed in (1, 2):
        change_params(Path(), {"compare.seeds": [1, 2]})
        tune(load(), "lstm")
        config = resolve(params, "lstm", seed)
        classifier = build_classifier(config, open_training_data(config))
        assert torch.equal(classifier.embedding.weight, weights["embedding.weight"])
        recurrent = classifier.encoder.layers[0].state_dict()
        assert torch.equal(recurrent["weight_hh_l0"], weights["forward.weight_hh_l0"])
        heads.append(classifier.head.weight)
    assert not torch.equal(*heads)


def test_signatures_of_trainings_and_trials_depend_on_the_weights_if_they_start_from_them() -> None:
    def signatures() -> dict[str, tuple[str, str]]:
        return {
            name: (
                resolve(load(), name, 1)["signature"],
                resolve_trial(load(), Plan(name, {}, 2**32), Path())["signature"],
            )
            for name in ("lstm", "plain")
        }

    before = signatures()
    params = changed(pretrain__seed=2)
    pretrain(params)
    match(params)
    after = signatures()
    assert after["plain"] == before["plain"]
    assert not set(after["lstm"]) & set(before["lstm"])


def test_other_weights_than_those_that_match_has_seen_are_refused() -> None:
    config = resolve(load(), "lstm", 1)
    path = PRETRAINED / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(DataError, match=r"weights\.safetensors is damaged"):
        open_training_data(config)
    path.unlink()
    with pytest.raises(DataError, match=r"weights\.safetensors is missing; the stage pretrain makes it: dvc repro"):
        open_training_data(config)


def test_a_training_and_its_evaluation_say_what_they_started_from() -> None:
    train(load(), "lstm", 1)
    evaluate(load(), "lstm", 1)
    config = json.loads(Path("results/lstm/seed-1/config.json").read_text())
    assert config["variant"]["start"] == "pretrain"
    assert config["pretrained"]["checksum"] == description()["checksum"]
    assert config["pretrained"]["perplexity"] == description()["perplexity"]


def test_in_mlflow_a_run_has_the_settings_and_the_perplexity_of_each_epoch_once() -> None:
    with connect("lstm-vs-bilstm") as mlflow:
        assert pretraining_from_outputs.complete(mlflow)
        assert not pretraining_from_outputs.complete(mlflow)
    client = MlflowClient(f"sqlite:///{Path('mlflow.db').resolve()}")
    (run,) = client.search_runs(["1"], "tags.kind = 'pretraining'")
    assert run.info.status == "FINISHED"
    assert run.data.params["pretrain.objective"] == "lm"
    points = client.get_metric_history(run.info.run_id, "perplexity_backward")
    assert [point.value for point in points] == [line["perplexity_backward"] for line in description()["history"]]


def test_vectors_have_a_row_for_each_word_and_only_the_embedding() -> None:
    pretrain(changed(pretrain__objective="vectors"))
    weights = load_file(PRETRAINED / "weights.safetensors")
    assert {name: tuple(tensor.shape) for name, tensor in weights.items()} == {
        "embedding.weight": (read_summary()["vocabulary_size"], 4)
    }
    match(load())
    train(load(), "lstm", 1)
    assert "perplexity" not in json.loads(Path("results/lstm/seed-1/config.json").read_text())["pretrained"]


def test_vectors_with_more_numbers_than_there_are_words_are_refused() -> None:
    words = read_summary()["vocabulary_size"]
    params = load()
    settings = params.pretrain.model_copy(update={"objective": "vectors", "embedding_size": words})
    line = rf"^pretrain\.embedding_size is {words}, but the vocabulary has {words} tokens; .*: 1 to {words - 1}$"
    with pytest.raises(ParamsError, match=line):
        pretrain(params.model_copy(update={"pretrain": settings}))
