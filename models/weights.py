"""The weights of a recurrent layer, and weight drop."""

from torch import Tensor, nn
from torch.nn.functional import dropout

Weights = tuple[Tensor, Tensor, Tensor, Tensor]
"""weight_ih (gates·h, input_size), weight_hh (gates·h, h), bias_ih and bias_hh (gates·h,), as PyTorch stacks them."""


def weights_of(layer: nn.RNNBase, weight_drop: float = 0.0) -> list[Weights]:
    """The weights of each direction of a single-layer module.

    Each number in W_h is dropped with the probability `weight_drop`, the same ones at all tokens and for all documents
    of the batch, and the others are divided by 1 − `weight_drop`: DropConnect on W_h (Merity, Keskar & Socher,
    Regularizing and Optimizing LSTM Language Models, ICLR 2018).
    """
    directions: list[Weights] = [(w_ih, w_hh, b_ih, b_hh) for w_ih, w_hh, b_ih, b_hh in layer.all_weights]
    if not weight_drop:
        return directions
    return [(w_ih, dropout(w_hh, weight_drop), b_ih, b_hh) for w_ih, w_hh, b_ih, b_hh in directions]
