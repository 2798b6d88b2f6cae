"""The simple models beside every comparison: they are scikit-learn's, bounded, and the same each time."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from models import reference_models
from models.reference_models import LinearModel, majority
from text.tokenizing.token_file import SCHEMA, TokenizedDocuments

VOCABULARY = 40


def make_split(documents: Sequence[Sequence[int]], labels: Sequence[int], chunks: int = 2) -> TokenizedDocuments:
    lengths = [len(tokens) for tokens in documents]
    columns = [
        pa.array([f"{index}" for index in range(len(documents))]),
        pa.array([list(tokens) for tokens in documents], pa.list_(pa.int32())),
        pa.array(labels, pa.int32()),
        pa.array(lengths, pa.int32()),
    ]
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    return TokenizedDocuments(table.to_batches(max_chunksize=-(-len(documents) // chunks)))


def draw(documents: int, classes: int, random_state: int) -> tuple[list[list[int]], list[int]]:
    """Documents of 1 to 30 tokens, of which some tell the class, and some pairs do."""
    rng = np.random.default_rng(random_state)
    labels = rng.integers(0, classes, documents)
    texts = []
    for label in labels:
        tokens = rng.integers(0, VOCABULARY, rng.integers(1, 30))
        tokens[rng.random(len(tokens)) < 0.1] = 2 + label
        texts.append(tokens.tolist())
    return texts, labels.tolist()


def learn(train: TokenizedDocuments, classes: int, validation: TokenizedDocuments | None = None) -> LinearModel:
    return LinearModel(train, validation or train, VOCABULARY, classes)


def with_scikit_learn(
    train: tuple[list[list[int]], list[int]], test: list[list[int]], strength: float | None
) -> tuple[NDArray[np.float64], int]:
    """The textbook's way, with token numbers as words; and how many features it finds."""
    assert strength is not None
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+")
    features = vectorizer.fit_transform([" ".join(map(str, tokens)) for tokens in train[0]])
    model = LogisticRegression(C=strength, max_iter=1000).fit(features, train[1])
    return model.predict_proba(vectorizer.transform([" ".join(map(str, tokens)) for tokens in test])), features.shape[1]


@pytest.mark.parametrize("classes", [2, 5])
def test_the_linear_model_is_that_of_scikit_learns_vectorizer(classes: int) -> None:
    train, validation, test = draw(400, classes, 1), draw(100, classes, 3), draw(100, classes, 2)

    model = learn(make_split(*train), classes, make_split(*validation))

    expected, features = with_scikit_learn(train, test[0], model.strength)
    np.testing.assert_allclose(model.predict(make_split(*test)), expected, atol=2e-3)
    assert model.parameters == (features + 1) * (1 if classes == 2 else classes)
    assert model.documents == 400


def test_the_regularisation_has_the_lowest_loss_on_the_validation_split() -> None:
    train, validation = draw(400, 2, 1), draw(200, 2, 2)

    model = learn(make_split(*train), 2, make_split(*validation))

    losses = [
        log_loss(validation[1], with_scikit_learn(train, validation[0], strength)[0])
        for strength in reference_models.STRENGTHS
    ]
    assert model.strength == reference_models.STRENGTHS[int(np.argmin(losses))]
    assert 0 < int(np.argmin(losses)) < len(losses) - 1


def test_validation_documents_of_a_class_that_training_lacks_do_not_decide_the_regularisation() -> None:
    train, (texts, labels) = draw(400, 2, 1), draw(200, 2, 2)
    alone = learn(make_split(*train), 3, make_split(texts, labels))

    beside = learn(make_split(*train), 3, make_split([*texts, *texts[:50]], [*labels, *[2] * 50]))

    assert beside.strength == alone.strength


def test_pairs_do_not_reach_over_the_end_of_a_document() -> None:
    terms, owners = reference_models.terms_of(make_split([[3, 4], [5], [6, 7]], [0, 0, 1], chunks=1), np.arange(3), 10)

    assert terms.tolist() == [3, 4, 5, 6, 7, 10 * 4 + 4, 10 * 7 + 7]
    assert owners.tolist() == [0, 0, 1, 2, 2, 0, 2]


def test_the_order_of_two_words_counts() -> None:
    train = [[2, 3], [3, 2]] * 50
    split = make_split(train, [0, 1] * 50)

    probabilities = learn(split, 2).predict(split)

    assert (probabilities.argmax(axis=1) == split.labels).all()


def test_predictions_repeat_to_the_bit_whatever_is_counted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = make_split(*draw(300, 3, 1)), make_split(*draw(80, 3, 2))
    first = learn(train, 3).predict(test)

    assert (learn(train, 3).predict(test) == first).all()
    monkeypatch.setattr(reference_models, "TOKENS_AT_ONCE", 200)
    assert (learn(train, 3).predict(test) == first).all()


def test_only_the_most_frequent_terms_have_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_models, "MOST_WEIGHTS", 6)
    split = make_split([[9, 8, 9], [8, 9], [9, 7], [7, 9]], [0, 1, 0, 1])

    model = learn(split, 2)

    # 9 stands there five times, 8, 7 and the pair 8 9 twice, all other pairs once: the number decides among equals.
    assert model.parameters == 3 + 1
    assert model._terms.tolist() == [7, 8, 9]


def test_of_too_many_documents_evenly_spread_ones_are_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, labels = draw(300, 2, 1)
    split = make_split(texts, labels)
    monkeypatch.setattr(reference_models, "MOST_TOKENS", -(-int(split.lengths.sum()) // 3))

    model = learn(split, 2)

    expected, _ = with_scikit_learn((texts[::3], labels[::3]), texts, model.strength)
    assert model.documents == 100
    np.testing.assert_allclose(model.predict(split), expected, atol=2e-3)


def test_a_class_without_training_documents_is_never_predicted() -> None:
    texts, labels = draw(200, 2, 1)
    split = make_split(texts, [2 * label for label in labels])

    probabilities = learn(split, 3).predict(split)

    assert probabilities.shape == (200, 3)
    assert (probabilities[:, 1] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_of_one_class_alone_there_is_nothing_to_learn() -> None:
    split = make_split(*draw(20, 1, 1))

    model = learn(split, 1)

    assert (model.predict(split) == 1).all()
    assert (model.parameters, model.strength) == (0, None)


def test_the_majority_class_is_that_of_the_training_documents() -> None:
    probabilities = majority(np.array([1, 1, 0, 2], np.int32), documents=3, classes=4)

    np.testing.assert_allclose(probabilities, [[0.25, 0.5, 0.25, 0]] * 3)
