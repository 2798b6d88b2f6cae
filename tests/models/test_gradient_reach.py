"""The gradient's reach: right by finite differences, blind to padding, and short for a plain RNN."""

import pytest
import torch

from core.constants import PADDING_INDEX
from models.classifier import TextClassifier
from models.inside.gradient_reach import gradient_reach
from tests.models.plain import plain_classifier


def classifier(cell: str, bidirectional: bool = False) -> TextClassifier:
    torch.manual_seed(1)
    return plain_classifier(20, 2, cell=cell, bidirectional=bidirectional, hidden_size=8, embedding_size=4)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_norms_are_those_of_finite_differences(cell: str, bidirectional: bool) -> None:
    model = classifier(cell, bidirectional).double()
    tokens, label = (
        torch.arange(2, 8).unsqueeze(0),
        torch.tensor([1]),
    )  # no token twice: a row of the embedding is a place
    reach = gradient_reach(model, tokens, torch.tensor([6]), label)

    def loss() -> float:
        with torch.no_grad():
            return torch.nn.functional.cross_entropy(model(tokens, torch.tensor([6])), label).item()

    for behind in range(6):
        slopes = []
        for number in range(4):
            weights = model.embedding.weight.data[tokens[0, 5 - behind]]
            weights[number] += 1e-5
            above = loss()
            weights[number] -= 2e-5
            slopes.append((above - loss()) / 2e-5)
            weights[number] += 1e-5
        assert reach[behind].item() == pytest.approx(torch.tensor(slopes).norm().item(), rel=1e-5)


def test_documents_of_several_lengths_are_counted_from_their_own_ends() -> None:
    model = classifier("lstm", bidirectional=True)
    tokens = torch.randint(2, 20, (2, 9))
    tokens[1, 5:] = PADDING_INDEX
    lengths, labels = torch.tensor([9, 5]), torch.tensor([0, 1])
    both = gradient_reach(model, tokens, lengths, labels)
    one = gradient_reach(model, tokens[:1], lengths[:1], labels[:1])
    other = gradient_reach(model, tokens[1:, :5], lengths[1:], labels[1:])
    assert both.shape == (5,)
    torch.testing.assert_close(both, (one[:5] + other) / 2)


def test_the_classifier_and_its_gradients_stay_as_they_are() -> None:
    model = classifier("gru")
    gradient_reach(model, torch.full((1, 5), 3), torch.tensor([5]), torch.tensor([0]))
    assert model.embedding.weight.dtype == torch.float32
    assert all(weights.grad is None for weights in model.parameters())
    assert model.training


def test_the_gradient_of_a_fresh_rnn_fades_with_every_step_and_float64_still_tells() -> None:
    reach = gradient_reach(classifier("rnn"), torch.full((1, 200), 3), torch.tensor([200]), torch.tensor([0]))
    assert reach[20] < reach[0] / 100
    assert 0 < reach[199] < 1e-20
