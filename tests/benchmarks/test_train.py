"""Candidates that read the same batches read the same documents, so that their padding is the same."""

import pytest

from benchmarks import predict, train
from benchmarks.shape import Shape

SAME_BATCHES = ("project", "project-bf16", "tuned", "tuned-bf16", "compiled", "compiled-bf16")


@pytest.mark.parametrize("hidden", [32, 64, 128, 256, 512])
def test_candidates_with_the_same_batches_train_on_the_same_documents(hidden: int) -> None:
    shape = Shape(bidirectional=True, hidden=hidden)
    (documents,) = {train.documents_for(candidate, shape) for candidate in SAME_BATCHES}
    assert documents >= 1024


def test_candidates_with_the_same_batches_predict_the_same_documents() -> None:
    assert len({predict.DOCUMENTS[candidate] for candidate in SAME_BATCHES if candidate in predict.DOCUMENTS}) == 1
