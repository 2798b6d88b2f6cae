"""The n-gram branch adds what a document's words and pairs of neighbours weigh."""

from itertools import pairwise

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ngrams import BUCKETS, FACTOR, NgramBranch
from models.prediction import predict
from tests.models.plain import plain_classifier
from tests.models.toy import MemoryDocuments

WORDS, CLASSES = 50, 3


BRANCH = NgramBranch(WORDS, CLASSES).double()
torch.nn.init.normal_(BRANCH.weight, generator=torch.Generator().manual_seed(0))


def naive(document: list[int]) -> torch.Tensor:
    """The sum, term by term."""
    rows = [*document, *(WORDS + (a * FACTOR + b) % BUCKETS for a, b in pairwise(document))]
    total: torch.Tensor = torch.stack([BRANCH.weight[row] for row in rows]).sum(dim=0)
    return total / float(len(rows) ** 0.5)


def padded(documents: list[list[int]], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    time = max(map(len, documents))
    tokens = torch.tensor([document + [padding] * (time - len(document)) for document in documents])
    return tokens, torch.tensor([len(document) for document in documents])


document = st.lists(st.integers(0, WORDS - 1), min_size=1, max_size=8)


@settings(deadline=None)  # slow beside other work
@given(st.lists(document, min_size=1, max_size=5), st.integers(0, WORDS - 1))
def test_it_is_the_sum_over_words_and_pairs_whatever_stands_in_the_padding(
    documents: list[list[int]], padding: int
) -> None:
    logits = BRANCH(*padded(documents, padding))

    expected = torch.stack([naive(document) for document in documents])
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-12)


def test_the_gradient_reaches_the_rows_of_the_documents_terms_alone() -> None:
    branch = NgramBranch(WORDS, CLASSES).double()
    tokens, lengths = padded([[3, 4], [5]], padding=7)

    branch(tokens, lengths).sum().backward()

    assert branch.weight.grad is not None
    rows = torch.nonzero(branch.weight.grad.abs().sum(dim=1))[:, 0].tolist()
    assert rows == [3, 4, 5, WORDS + (3 * FACTOR + 4) % BUCKETS]


def test_it_starts_without_an_opinion_and_tells_order_apart() -> None:
    branch = NgramBranch(WORDS, CLASSES)
    tokens, lengths = padded([[1, 2], [2, 1]], padding=0)
    assert not branch(tokens, lengths).any()

    torch.nn.init.normal_(branch.weight)
    there, back = branch(tokens, lengths)
    assert (there != back).all()


def test_a_classifier_adds_it_in_training_and_in_prediction() -> None:
    torch.manual_seed(0)
    classifier = plain_classifier(WORDS, CLASSES, hidden_size=4, embedding_size=3, ngrams=True).eval()
    assert classifier.ngrams is not None
    tokens, lengths = padded([[3, 4, 3], [5]], padding=0)
    alone = classifier(tokens, lengths)

    torch.nn.init.normal_(classifier.ngrams.weight)
    with torch.no_grad():
        expected = (alone + classifier.ngrams(tokens, lengths)).softmax(dim=1)
    arrays = [np.array(document, np.int32) for document in ([3, 4, 3], [5])]
    store = MemoryDocuments(arrays, np.zeros(2, np.int32))
    torch.testing.assert_close(classifier(tokens, lengths).softmax(dim=1), expected)
    torch.testing.assert_close(torch.from_numpy(predict(classifier, store, torch.device("cpu"))), expected)
