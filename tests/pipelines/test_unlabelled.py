"""Training with unlabelled documents: what it reads, and that no text of the validation or test split is among it."""

import io
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from config.params import load
from config.train import AdversarialParams
from core.errors import DataError
from core.paths import RAW, TOKENS
from models.training.module import ClassifierModule
from outputs.trained_model import load_classifier, read_config
from pipelines.download import download
from pipelines.match import match
from pipelines.tokenize import make_tokens
from pipelines.train import train
from pipelines.trial import Plan, resolve
from pipelines.tune import tune
from tests.pipelines.project import make_own
from text.token_counts import token_counts
from text.tokenizing.token_file import TokenizedDocuments

CHANGES: dict[str, Any] = {
    "data.name": "imdb",
    "data.unlabelled": True,
    "data.validation_share": 0.25,
    "tokenize.min_freq": 1,
    "variants": {
        "lstm": {"cell": "lstm", "hidden_size": 4, "embedding_size": 4, "embedding_normalization": "frequency"}
    },
    "train.epochs": 2,
    "train.batch_size": 8,
    "train.adversarial.kind": "both",
    "train.adversarial.unlabelled_batch": 3,
    "train.entropy_weight": 0.1,
    "compare.variants": ["lstm"],
    "compare.seeds": [1],
}


def write_archive(path: Path) -> None:
    """IMDB's layout. The unlabelled reviews also hold each test review and each labelled training review."""
    texts = {f"{part}/{kind}": [f"{part} {kind} {word} film" for word in "abcdefghij"]
             for part in ("train", "test") for kind in ("neg", "pos")}  # fmt: skip
    texts["train/unsup"] = [f"unsup {number} film" for number in range(12)] + [t for of in texts.values() for t in of]
    with tarfile.open(path, "w:gz") as archive:
        for folder, contents in texts.items():
            for number, text in enumerate(contents):
                entry = tarfile.TarInfo(f"aclImdb/{folder}/{number}_{number % 10}.txt")
                entry.size = len(text.encode())
                archive.addfile(entry, io.BytesIO(text.encode()))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_archive(tmp_path / "aclImdb_v1.tar.gz")
    make_own(tmp_path, CHANGES | {"data.source": str(tmp_path / "aclImdb_v1.tar.gz")}, monkeypatch)
    params = load()
    download(params.data)
    make_tokens(params.tokenize)
    match(params)
    tune(params, "lstm")  # no trials
    return tmp_path


def texts_of(split: str) -> set[str]:
    return set(pq.read_table(RAW / f"{split}.parquet")["text"].to_pylist())


def test_no_text_of_the_validation_or_test_split_is_learned_from(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = texts_of("validation") | texts_of("test")
    assert len(held_out) == 5 + 20
    assert not texts_of("unlabelled") & held_out
    assert len(texts_of("unlabelled")) == 12 + 15  # also the 15 training reviews, which are no secret
    documents = {split: TokenizedDocuments.open(TOKENS / f"{split}.arrow") for split in ("train", "unlabelled")}
    monkeypatch.delattr(TokenizedDocuments, "ids")  # nothing else tells documents apart
    (TOKENS / "test.arrow").unlink()  # a training opens it nowhere
    read: dict[str, set[int]] = {"train": set(), "unlabelled": set()}
    take_step = ClassifierModule.step_loss

    def recorded(self: Any, batch: Any, unlabelled: Any = None, processes: int = 1) -> Any:
        if self._trainer is not None:  # not the step of the warm-up, which reads a labelled batch twice
            for split, own in (("train", batch), ("unlabelled", unlabelled)):
                for index, tokens, length in zip(own.indices, own.tokens, own.lengths, strict=True):
                    assert tokens[:length].tolist() == documents[split].tokens(int(index)).tolist()
                    read[split].add(int(index))
        return take_step(self, batch, unlabelled, processes)

    monkeypatch.setattr(ClassifierModule, "step_loss", recorded)
    train(load(), "lstm", 1)
    assert read["train"] == set(range(15))
    assert len(read["unlabelled"]) == 2 * 2 * 3  # epochs, steps, documents; none twice in the first of its own epochs

    folder = Path("results/lstm/seed-1")
    shares = load_classifier(read_config(folder), folder / "model.safetensors").embedding.shares
    assert shares is not None
    counts = token_counts(documents["train"], len(shares))
    assert shares.tolist() == pytest.approx((counts / counts.sum()).tolist(), rel=1e-6)


def test_a_trial_may_open_the_unlabelled_documents_if_it_reads_them_and_never_the_test_split(project: Path) -> None:
    params = load()
    with_them = resolve(params, Plan("lstm", {}, seed=1), Path())
    train_section = params.train.model_copy(update={"adversarial": AdversarialParams()})
    without = params.model_copy(update={"train": train_section})
    assert set(with_them["tokens"]) == {"train.arrow", "validation.arrow", "unlabelled.arrow"}
    assert set(resolve(without, Plan("lstm", {}, seed=1), Path())["tokens"]) == {"train.arrow", "validation.arrow"}


def test_a_training_without_the_file_says_so(project: Path) -> None:
    (TOKENS / "unlabelled.arrow").unlink()
    with pytest.raises(DataError, match=r"unlabelled\.arrow is missing"):
        train(load(), "lstm", 1)
