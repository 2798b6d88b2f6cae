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
POOLINGS = ("last", "max", "mean", "attention")


@cache
def classifier_and_session(cell: str, bidirectional: bool, layers: int, pooling: str) -> tuple[TextClassifier, Any]:
    torch.manual_seed(layers)
    settings: dict[str, Any] = {
        "cell": cell, "bidirectional": bidirectional, "layers": layers, "hidden_size": 5, "embedding_size": 7,
        "pooling": pooling, "embedding_dropout": 0.5, "layer_dropout": 0.5 if layers > 1 else 0.0, "head_dropout": 0.5,
        "freeze_embedding": False, "single_bias": layers == 2, "initialization": "pytorch", "forget_bias": None,
        "input_bias": None, "recurrent_init": "uniform", "start": "random",
    }  # fmt: skip
    classifier = TextClassifier(WORDS, 3, **settings).eval()
    with torch.no_grad():  # large weights and biases, so that a gate in the wrong place shows
        for weights in classifier.parameters():
            if weights not in classifier.encoder.frozen_biases:
                weights.mul_(2).add_(0.1 * torch.randn_like(weights))
    return classifier, onnxruntime.InferenceSession(onnx_model(classifier).SerializeToString())


def both(shape: tuple[str, bool, int, str], tokens: NDArray[np.int32], lengths: NDArray[np.int32]) -> Any:
    classifier, session = classifier_and_session(*shape)
    with torch.inference_mode():
        logits = classifier(torch.from_numpy(tokens), torch.from_numpy(lengths.astype(np.int64)))
    (exported,) = session.run(None, {"tokens": tokens, "lengths": lengths})
    return exported, logits.softmax(dim=1).numpy()


SHAPES = st.tuples(st.sampled_from(["rnn", "gru", "lstm"]), st.booleans(), st.integers(1, 3), st.sampled_from(POOLINGS))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shape=SHAPES, data=st.data())
def test_any_batch_gets_the_classifiers_probabilities(shape: tuple[str, bool, int, str], data: st.DataObject) -> None:
    lengths = np.array(data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=6)), np.int32)
    time = int(lengths.max()) + data.draw(st.integers(0, 2))
    word = st.integers(0, WORDS - 1)  # also in the padding, which must not count
    row = st.lists(word, min_size=time, max_size=time)
    tokens = np.array(data.draw(st.lists(row, min_size=len(lengths), max_size=len(lengths))), np.int32)
    exported, expected = both(shape, tokens, lengths)
    np.testing.assert_allclose(exported, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_every_shape_is_exported(cell: str, bidirectional: bool, layers: int, pooling: str) -> None:
    tokens = np.random.default_rng(1).integers(0, WORDS, (5, 40)).astype(np.int32)
    lengths = np.array([40, 1, 17, 39, 2], np.int32)
    exported, expected = both((cell, bidirectional, layers, pooling), tokens, lengths)
    np.testing.assert_allclose(exported, expected, rtol=0, atol=1e-5)
    assert np.abs(expected - expected.mean(axis=0)).max() > 0.01  # the documents are told apart
