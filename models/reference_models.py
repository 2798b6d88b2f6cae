"""The simple models beside every comparison: they see no word order beyond word pairs, and train in seconds.

`majority` always answers the most frequent class. `LinearModel` is the usual baseline: TF-IDF of one and two
neighbouring tokens, and logistic regression. The validation split decides how strongly it is regularised, as it decides
which epoch of a recurrent model counts. Both read documents as the recurrent models do: as token numbers, cut to the
same length. The features are those of `TfidfVectorizer(ngram_range=(1, 2))`, counted with NumPy because its Python
loops take minutes on long documents.

Limits for large data: `MOST_TOKENS` training tokens (of evenly spread documents) and `MOST_WEIGHTS` weights (of the
most frequent terms) keep training near a minute on one core and memory below 2 GiB (docs/log.md).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from core.constants import SMALLEST_PROBABILITY
from text.tokenizing.token_file import TokenizedDocuments

MOST_TOKENS = 10_000_000  # IMDB's training split, cut to 400 tokens, has half as many
MOST_WEIGHTS = 3_000_000  # the solver keeps some 25 vectors of this size: 600 MB
# What C may be: 0.1 to 1,000. scikit-learn's default of 1 is too small for most short texts (docs/log.md).
STRENGTHS = tuple(10 ** (power / 2) for power in range(-2, 7))
MOST_ITERATIONS = 1000  # scikit-learn's default of 100 is too few on some data; a converged model stops by itself
TOKENS_AT_ONCE = 1_000_000  # counted in one go

Ints = NDArray[np.int64]
Labels = NDArray[np.int32]
Probabilities = NDArray[np.float32]


def majority(labels: Labels, documents: int, classes: int) -> Probabilities:
    """The shares of the classes among the training `labels`, for each of `documents`: (documents, classes).

    So the most probable class is always the most frequent one, and the expected loss is the entropy of the shares.
    """
    shares = np.bincount(labels, minlength=classes) / len(labels)  # (classes,)
    return np.tile(shares.astype(np.float32), (documents, 1))


class LinearModel:
    """Logistic regression on TF-IDF of one and two neighbouring tokens, trained on `train`.

    Of STRENGTHS it takes the C with the lowest loss on `validation`.

    Attributes:
        documents: on which it was trained; fewer than there are if they have more than MOST_TOKENS tokens
        parameters: weights and intercepts
        strength: the chosen C, the inverse of the L2 penalty's weight; None if one class is all there is to learn
    """

    def __init__(
        self, train: TokenizedDocuments, validation: TokenizedDocuments, vocabulary_size: int, classes: int
    ) -> None:
        chosen = _evenly_spread(train)
        self.documents = len(chosen)
        self._vocabulary_size = vocabulary_size
        self._classes = classes
        labels = train.labels[chosen]
        self._known = np.unique(labels)  # (known classes,)
        self._terms = _frequent_terms(train, chosen, vocabulary_size, MOST_WEIGHTS // len(self._known))
        self._tfidf = TfidfTransformer()
        self.parameters = 0
        self.strength: float | None = None
        features = self._tfidf.fit_transform(self._counts(train, chosen))  # (documents, terms)
        if len(self._known) > 1:
            held_out = _evenly_spread(validation)
            held_out = held_out[np.isin(validation.labels[held_out], self._known)]
            unseen = self._tfidf.transform(self._counts(validation, held_out))
            self._fit(features, labels, unseen, validation.labels[held_out])
            self.parameters = self._regression.coef_.size + self._regression.intercept_.size

    def _fit(self, features: Any, labels: Labels, unseen: Any, unseen_labels: Labels) -> None:
        """Fits with a larger C each time, until the loss on `unseen` rises.

        Each fit starts from 0: from the last weights the solver stops too early (docs/log.md).
        """
        right = np.arange(len(unseen_labels)), np.searchsorted(self._known, unseen_labels)
        lowest = np.inf
        for strength in STRENGTHS:
            regression = LogisticRegression(C=strength, max_iter=MOST_ITERATIONS)
            with threadpool_limits(1):  # more threads would add in another order, which changes the last digits
                regression.fit(features, labels)
                probabilities = regression.predict_proba(unseen)
            loss = -np.log(np.maximum(probabilities[right], SMALLEST_PROBABILITY)).sum()
            if loss >= lowest:
                break
            lowest, self.strength, self._regression = loss, strength, regression

    def predict(self, split: TokenizedDocuments) -> Probabilities:
        """The probability of each class for each document of `split`, (documents, classes)."""
        result = np.zeros((len(split), self._classes), np.float32)
        if len(self._known) == 1:
            result[:, self._known] = 1
            return result
        for part in _parts(split, np.arange(len(split))):
            features = self._tfidf.transform(self._counts(split, part))
            with threadpool_limits(1):
                result[np.ix_(part, self._known)] = self._regression.predict_proba(features)
        return result

    def _counts(self, split: TokenizedDocuments, documents: Ints) -> Any:
        """How often each known term occurs in each of the `documents`: a sparse matrix (documents, terms)."""
        rows = []
        for part in _parts(split, documents):
            terms, owners = terms_of(split, part, self._vocabulary_size)
            columns = np.searchsorted(self._terms, terms)
            columns[columns == len(self._terms)] = 0
            known = self._terms[columns] == terms
            entries = (np.ones(int(known.sum())), (owners[known], columns[known]))
            rows.append(sparse.csr_matrix(entries, shape=(len(part), len(self._terms))))
        return sparse.vstack(rows, format="csr")


def terms_of(split: TokenizedDocuments, documents: Ints, vocabulary_size: int) -> tuple[Ints, Ints]:
    """The terms of `documents`, and the number (0, 1, …) of each one's document.

    A term is a token number, or vocabulary_size * (first + 1) + second for two neighbouring tokens.
    """
    tokens = np.concatenate([np.empty(0, np.int64), *(split.tokens(index) for index in documents)])
    owners = np.repeat(np.arange(len(documents)), split.lengths[documents])
    together = owners[1:] == owners[:-1]
    pairs = vocabulary_size * (tokens[:-1][together] + 1) + tokens[1:][together]
    return np.concatenate([tokens, pairs]), np.concatenate([owners, owners[1:][together]])


def _frequent_terms(split: TokenizedDocuments, documents: Ints, vocabulary_size: int, most: int) -> Ints:
    """The `most` frequent terms of `documents`, in the order of their numbers; of equally frequent ones the first."""
    counted = [
        np.unique(terms_of(split, part, vocabulary_size)[0], return_counts=True) for part in _parts(split, documents)
    ]
    terms, index = np.unique(np.concatenate([terms for terms, _ in counted]), return_inverse=True)
    counts = np.bincount(index, weights=np.concatenate([counts for _, counts in counted]))
    if len(terms) > most:
        terms = np.sort(terms[np.argsort(-counts, kind="stable")[:most]])
    return terms


def _evenly_spread(split: TokenizedDocuments) -> Ints:
    """The documents of `split`, or every second, third, … one, so that they have about MOST_TOKENS tokens at most."""
    step = -(-int(split.lengths.sum(dtype=np.int64)) // MOST_TOKENS)
    return np.arange(0, len(split), max(step, 1))


def _parts(split: TokenizedDocuments, documents: Ints) -> Iterator[Ints]:
    """Cuts `documents` into parts of about TOKENS_AT_ONCE tokens."""
    ends = np.cumsum(split.lengths[documents], dtype=np.int64)
    cuts = np.flatnonzero(np.diff(ends // TOKENS_AT_ONCE)) + 1
    return iter(np.split(documents, cuts))
