"""The ONNX graph gives the classifier's probabilities for any batch of unequal lengths."""

from functools import cache
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.classifier import TextClassifier
from predictor.onnx_graph import onnx_model

WORDS = 23
POOLINGS: tuple[Any, ...] = ("last", "max", "mean", "attention", ("last", "max"), ("max", "mean", "attention"))
Shape = tuple[str, bool, int, Any, int | None, int | None] | tuple[str, bool, int, Any, int | None, int | None, bool]


@cache
def classifier_and_session(
    cell: str,
    bidirectional: bool,
    layers: int,
    pooling: Any,
    segment: int | None,
    head_size: int | None,
    ngrams: bool = False,
) -> tuple[TextClassifier, Any]:
    torch.manual_seed(layers)
    settings: dict[str, Any] = {
        "cell": cell, "bidirectional": bidirectional, "layers": layers, "hidden_size": 5, "embedding_size": 7,
        "segment": segment, "pooling": list(pooling) if isinstance(pooling, tuple) else pooling, "head_size": head_size,
        "word_dropout": 0.5, "embedding_dropout": 0.5, "layer_dropout": 0.5 if layers > 1 else 0.0,
        "locked_dropout": False, "weight_drop": 0.5, "head_dropout": 0.5, "freeze_embedding": False,
        "single_bias": layers == 2, "initialization": "pytorch", "forget_bias": None, "input_bias": None,
        "recurrent_init": "uniform", "ngrams": ngrams, "start": "random",
        "embedding_normalization": "frequency" if layers == 2 else "none",
    }  # fmt: skip
    classifier = TextClassifier(WORDS, 3, **settings).eval()
    classifier.embedding.count(torch.arange(WORDS))
    with torch.no_grad():  # large weights and biases, so that a gate in the wrong place shows
        for weights in classifier.parameters():
            if weights not in classifier.encoder.frozen_biases:
                weights.mul_(2).add_(0.1 * torch.randn_like(weights))
    return classifier, onnxruntime.InferenceSession(onnx_model(classifier).SerializeToString())


def both(shape: Shape, tokens: NDArray[np.int32], lengths: NDArray[np.int32]) -> Any:
    classifier, session = classifier_and_session(*shape)
    with torch.inference_mode():
        logits = classifier(torch.from_numpy(tokens), torch.from_numpy(lengths.astype(np.int64)))
    (exported,) = session.run(None, {"tokens": tokens, "lengths": lengths})
    return exported, logits.softmax(dim=1).numpy()


def shapes(poolings: Any, segments: Any) -> st.SearchStrategy[Shape]:
    cells = st.sampled_from(["rnn", "gru", "lstm"])
    heads = st.sampled_from([None, 6])
    return st.tuples(
        cells, st.booleans(), st.integers(1, 3), st.sampled_from(poolings), st.sampled_from(segments), heads
    )


SHAPES = shapes(POOLINGS, [None]) | shapes([each for each in POOLINGS if "last" not in each], [1, 4, 50])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shape=SHAPES, data=st.data())
def test_any_batch_gets_the_classifiers_probabilities(shape: Shape, data: st.DataObject) -> None:
    lengths = np.array(data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=6)), np.int32)
    time = int(lengths.max()) + data.draw(st.integers(0, 2))
    word = st.integers(0, WORDS - 1)  # also in the padding, which must not count
    row = st.lists(word, min_size=time, max_size=time)
    tokens = np.array(data.draw(st.lists(row, min_size=len(lengths), max_size=len(lengths))), np.int32)
    exported, expected = both(shape, tokens, lengths)
    np.testing.assert_allclose(exported, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS, ids=str)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_every_shape_is_exported(cell: str, bidirectional: bool, layers: int, pooling: Any) -> None:
    tokens = np.random.default_rng(1).integers(0, WORDS, (5, 40)).astype(np.int32)
    lengths = np.array([40, 1, 17, 39, 2], np.int32)
    exported, expected = both((cell, bidirectional, layers, pooling, None, None), tokens, lengths)
    np.testing.assert_allclose(exported, expected, rtol=0, atol=1e-5)
    assert np.abs(expected - expected.mean(axis=0)).max() > 0.01  # the documents are told apart


def test_words_and_pairs_are_added_to_the_network() -> None:
    tokens = np.random.default_rng(2).integers(0, WORDS, (4, 9)).astype(np.int32)
    lengths = np.array([9, 1, 2, 5], np.int32)
    exported, expected = both(("lstm", True, 1, "max", None, None, True), tokens, lengths)
    np.testing.assert_allclose(exported, expected, rtol=0, atol=1e-5)
    alone, _ = both(("lstm", True, 1, "max", None, None), tokens, lengths)
    assert np.abs(exported - alone).max() > 0.01
