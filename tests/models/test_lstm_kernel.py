"""The GPU's LSTM kernel gives PyTorch's states and gradients; without a GPU Triton interprets it."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests import needs

pytestmark = needs.triton

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")  # which interprets


def stacked(layers: list[nn.LSTM]) -> list[Tensor]:
    """weight_ih, weight_hh and the sum of both biases of all layers, as models/gpu/lstm.py takes them."""
    rows = [[torch.stack(weights) for weights in zip(*layer.all_weights, strict=True)] for layer in layers]
    w_ih, w_hh, b_ih, b_hh = (torch.stack(weights).detach().to(DEVICE) for weights in zip(*rows, strict=True))
    return [tensor.requires_grad_() for tensor in (w_ih, w_hh, b_ih + b_hh)]


def gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad


@settings(deadline=None, max_examples=6)
@given(
    models=st.integers(1, 2),
    bidirectional=st.booleans(),
    hidden=st.sampled_from([3, 16, 20]),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    last_only=st.booleans(),
)
def test_states_and_gradients_equal_those_of_packed_sequences(
    models: int, bidirectional: bool, hidden: int, lengths: list[int], last_only: bool
) -> None:
    from models.gpu import lstm

    torch.manual_seed(1)
    layers = [nn.LSTM(4, hidden, batch_first=True, bidirectional=bidirectional) for _ in range(models)]
    of_model = torch.tensor([lengths, lengths[::-1]][:models])
    time = max(lengths) + 1
    inputs = torch.randn(models, len(lengths), time, 4)
    weights = stacked(layers)
    read_inputs = inputs.clone().to(DEVICE).requires_grad_()
    states = lstm.read(read_inputs, of_model.int().to(DEVICE), *weights, last_only=last_only)
    factors = torch.randn(states.shape)
    torch.autograd.backward((states * factors.to(DEVICE)).sum())  # padding is 0 and has no gradient
    for model, layer in enumerate(layers):
        own = inputs[model].clone().requires_grad_()
        packed = pack_padded_sequence(own, of_model[model], batch_first=True, enforce_sorted=False)
        output, (last, _) = layer(packed)
        expected = pad_packed_sequence(output, batch_first=True, total_length=time)[0]
        expected = last.transpose(0, 1).flatten(1) if last_only else expected
        torch.autograd.backward((expected * factors[model]).sum())
        results = [states[model], *(gradient(tensor)[model] for tensor in (read_inputs, *weights))]
        of_layer = [torch.stack([gradient(w) for w in group]) for group in zip(*layer.all_weights, strict=True)]
        for result, correct in zip(results, [expected, gradient(own), *of_layer[:3]], strict=True):
            torch.testing.assert_close(result.cpu(), correct, rtol=1e-5, atol=2e-6)


def test_padding_may_hold_anything() -> None:
    from models.gpu import lstm

    torch.manual_seed(1)
    weights = stacked([nn.LSTM(3, 16, batch_first=True, bidirectional=True)])
    inputs = torch.randn(1, 2, 4, 3, device=DEVICE)
    lengths = torch.tensor([[4, 2]], dtype=torch.int32, device=DEVICE)
    results = []
    for padding in (0.0, 1e6):
        inputs[0, 1, 2:] = padding
        states = lstm.read(inputs, lengths, *weights)
        results.append([states, *torch.autograd.grad(states.square().sum(), weights)])
        assert states[0, 1, 2:].abs().sum() == 0
    for clean, dirty in zip(*results, strict=True):
        assert torch.equal(clean, dirty)
