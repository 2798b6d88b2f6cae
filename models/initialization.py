"""What recurrent weights start from, where it is not PyTorch's default: uniform within ±1/√hidden_size, biases too."""

from typing import Literal

import torch
from torch import nn

RecurrentInit = Literal["uniform", "orthogonal"]


def orthogonal_recurrent_weights(layer: nn.Module) -> None:
    """Makes each gate's W_h (h×h) orthogonal, drawn from PyTorch's global generator.

    All singular values are 1, so that W_h by itself neither shrinks nor grows a gradient on its way back through time;
    those of uniform weights have a root mean square of 0.58 (Saxe, McClelland & Ganguli, ICLR 2014).
    """
    for name, weights in layer.named_parameters():
        if name.startswith("weight_hh"):  # (gates·h, h)
            for gate in weights.data.chunk(len(weights) // weights.shape[1]):
                nn.init.orthogonal_(gate)


def set_forget_bias(layer: nn.Module, value: float) -> None:
    """Makes the bias of an LSTM's forget gate `value`, so that at first the memory is kept (Gers et al. 2000).

    PyTorch has two bias vectors, which add: one gets the value, the other 0.
    """
    with torch.no_grad():
        for name, biases in layer.named_parameters():
            if name.startswith("bias"):
                forget = biases.chunk(4)[1]  # input, forget, candidate, output gate: (h,) each
                forget.fill_(value if name.startswith("bias_ih") else 0.0)
