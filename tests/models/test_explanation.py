"""What is told of a reading is true of the model: sums, derivatives and predictions agree with it."""

from typing import Any

import numpy as np
import pytest
import torch

from models.classifier import TextClassifier
from models.inside.reading import Reading
from models.inside.trace import explain, log_odds
from tests.models.plain import plain_classifier

UNKNOWN = 0
VARIANTS: list[dict[str, Any]] = [
    {"cell": "lstm"},
    {"cell": "lstm", "bidirectional": True, "layers": 2, "pooling": "max"},
    {"cell": "gru", "bidirectional": True, "pooling": "attention"},
    {"cell": "gru", "layers": 2, "pooling": "mean"},
    {"cell": "rnn", "bidirectional": True},
]


def model(variant: dict[str, Any], classes: int = 3) -> TextClassifier:
    torch.manual_seed(4)
    return plain_classifier(50, classes, hidden_size=6, embedding_size=7, **variant).double()


def text(length: int = 9) -> torch.Tensor:
    torch.manual_seed(5)
    return torch.randint(2, 50, (length,))


def predicted(classifier: TextClassifier, tokens: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = classifier.eval()(tokens.unsqueeze(0), torch.tensor([len(tokens)]))[0]
    return logits


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("classes", [2, 5])
def test_every_prefix_and_every_left_out_token_is_what_the_model_says_of_that_text(
    variant: dict[str, Any], classes: int
) -> None:
    classifier, tokens = model(variant, classes), text()
    reading = explain(classifier, tokens, UNKNOWN)
    score = log_odds(predicted(classifier, tokens), reading.chosen)
    assert reading.probabilities == pytest.approx(predicted(classifier, tokens).softmax(0).numpy())
    for t in range(len(tokens)):
        prefix = predicted(classifier, tokens[: t + 1]).softmax(0).numpy()
        assert reading.prefixes[t] == pytest.approx(prefix)
        without = torch.cat([tokens[:t], tokens[t + 1 :]])
        change = score - log_odds(predicted(classifier, without), reading.chosen)
        assert reading.leave_one_out[t] == pytest.approx(float(change), abs=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradient_times_input_is_the_slope_of_the_score_as_a_token_fades(variant: dict[str, Any]) -> None:
    classifier, tokens = model(variant), text()
    reading = explain(classifier, tokens, UNKNOWN)
    length = torch.tensor([len(tokens)])
    for t in range(len(tokens)):

        def score(size: float, t: int = t) -> float:
            embedded = classifier.embedding(tokens).detach().clone()
            embedded[t] *= size
            states = classifier.encoder(embedded.unsqueeze(0), length)
            return float(log_odds(classifier.head(classifier.pooling(states, length))[0], reading.chosen).detach())

        slope = (score(1 + 1e-6) - score(1 - 1e-6)) / 2e-6
        assert reading.gradient_input[t] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_left_of_all_tokens_adds_up_to_the_final_memory(variant: dict[str, Any]) -> None:
    reading = explain(model(variant), text(), UNKNOWN)
    for passage in reading.passages:
        if reading.cell == "rnn":
            assert passage.written is None
            assert passage.left is None
            continue
        memory = passage.values["C" if reading.cell == "lstm" else "h"]
        keep = passage.values["f" if reading.cell == "lstm" else "z"]
        wrote = (
            passage.values["i"] * passage.values["g"]
            if reading.cell == "lstm"
            else (1 - passage.values["z"]) * passage.values["n"]
        )
        order = range(9) if passage.direction == "forward" else range(8, -1, -1)
        left = np.zeros((9, 6))
        for t in order:
            left *= keep[t]
            left[t] = wrote[t]
        assert left.sum(axis=0) == pytest.approx(memory[order[-1]])
        assert passage.left == pytest.approx(left)
        assert passage.written == pytest.approx(wrote)


@pytest.mark.parametrize("variant", VARIANTS)
def test_passages_cover_each_layer_and_direction_with_a_gradient_for_every_token(variant: dict[str, Any]) -> None:
    reading = explain(model(variant), text(), UNKNOWN)
    directions = 2 if variant.get("bidirectional") else 1
    assert len(reading.passages) == variant.get("layers", 1) * directions
    assert reading.bidirectional == (directions == 2)
    for passage in reading.passages:
        assert set(passage.gradients) == ({"C", "h"} if reading.cell == "lstm" else {"h"})
        for norms in passage.gradients.values():
            assert norms.shape == (9,)
            assert (norms > 0).any()


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_followed_cell_is_the_one_on_which_the_decision_hangs(cell: str) -> None:
    classifier = model({"cell": cell, "bidirectional": True})
    with torch.no_grad():
        for name, weights in classifier.encoder.named_parameters():
            if "weight_hh" in name:
                weights.zero_()  # no cell tells another one anything
        classifier.head.weight[:, [number for number in range(12) if number not in (3, 6 + 4)]] = 0
    forward, backward = explain(classifier, text(), UNKNOWN).passages
    assert (forward.followed, backward.followed) == (3, 4)


def test_the_gradient_at_the_last_state_is_the_heads_own() -> None:
    classifier = model({"cell": "rnn"}, classes=2)
    reading = explain(classifier, text(), UNKNOWN)
    weights = classifier.head.weight
    expected = (weights[0] - weights[1]).norm().item()
    assert reading.passages[0].gradients["h"][-1] == pytest.approx(expected)


def test_a_text_of_one_token_is_explained_against_an_unknown_one() -> None:
    classifier = model({"cell": "lstm", "bidirectional": True})
    reading = explain(classifier, torch.tensor([7]), UNKNOWN)
    without = log_odds(predicted(classifier, torch.tensor([UNKNOWN])), reading.chosen)
    whole = log_odds(predicted(classifier, torch.tensor([7])), reading.chosen)
    assert reading.leave_one_out == pytest.approx([float(whole - without)])


def test_explaining_leaves_the_model_as_it_was() -> None:
    classifier = plain_classifier(50, 2, cell="lstm", hidden_size=6)
    before = {name: weights.clone() for name, weights in classifier.state_dict().items()}
    reading: Reading = explain(classifier, text(), UNKNOWN)
    assert all(torch.equal(before[name], weights) for name, weights in classifier.state_dict().items())
    assert reading.probabilities.sum() == pytest.approx(1)
