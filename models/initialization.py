"""Initial weights other than PyTorch's default.

PyTorch draws embeddings from N(0, 1), recurrent weights and biases uniformly within ±1/√hidden_size, and those of a
linear layer within ±1/√in_features.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

EMBEDDING = "embedding.weight"


def start_as_keras(module: nn.Module) -> None:
    """Draws a module's own weights as the layer of that name in Keras 3 does by default; for `nn.Module.apply`.

    Embedding: uniform within ±0.05. Dense, and W_x of recurrent layers: Glorot & Bengio's uniform (AISTATS 2010). W_h:
    orthogonal, all gates in one (h×gates·h) matrix, so each gate's block shrinks vectors. Biases: 0, but 1 in an LSTM's
    forget gate. The padding's vector stays 0: no document reads it here.
    """
    match module:
        case nn.Embedding():
            nn.init.uniform_(module.weight, -0.05, 0.05)
            if module.padding_idx is not None:
                nn.init.zeros_(module.weight[module.padding_idx])
        case nn.Linear():
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        case nn.RNNBase():
            for name, weights in module.named_parameters():
                if name.startswith("weight_ih"):  # (gates·h, K)
                    nn.init.xavier_uniform_(weights)
                elif name.startswith("weight_hh"):  # (gates·h, h)
                    nn.init.orthogonal_(weights)
                else:
                    nn.init.zeros_(weights)
            if isinstance(module, nn.LSTM):
                set_forget_bias(module, 1.0)


def start_from_vectors(embedding: nn.Embedding, vectors: Tensor) -> None:
    """Gives the words pretrained `vectors` (words, size); rows of NaN stand for words without a vector.

    Words without one start from normal random numbers with the root mean square of all pretrained numbers, so that
    their vectors are about as long (Kim 2014 draws them with the same variance); padding starts from 0. If no word has
    a vector, nothing changes.
    """
    weights, known = embedding.weight.data, ~vectors.isnan().any(dim=1)
    if known.any():
        nn.init.normal_(weights, std=float(vectors[known].square().mean().sqrt()))
        if embedding.padding_idx is not None:
            weights[embedding.padding_idx] = 0
        weights[known] = vectors[known].to(weights)


def start_from_pretraining(embedding: nn.Embedding, layer: nn.RNNBase, weights: Mapping[str, Tensor]) -> None:
    """Gives the embedding and the first recurrent `layer` the weights that pretraining made for them.

    Args:
        embedding: starts as `start_from_vectors` says.
        layer: with one direction or two, each of which starts from the language model that reads as it does.
        weights: EMBEDDING; of a language model also forward.<name> and backward.<name> for each weight of a layer with
            one direction.
    """
    start_from_vectors(embedding, weights[EMBEDDING])
    if len(weights) == 1:
        return
    with torch.no_grad():
        for name, tensor in layer.named_parameters():
            own = name.removesuffix("_reverse")
            tensor.copy_(weights[f"{'forward' if own == name else 'backward'}.{own}"])


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
    """Sets the bias of an LSTM's forget gate; a large one makes a new LSTM keep its memory (Gers et al. 2000)."""
    _set_bias(layer, 1, value)


def set_input_bias(layer: nn.Module, value: float) -> None:
    """Sets the bias of an LSTM's input gate to `value`.

    A negative value protects the memory from early writes: Hochreiter & Schmidhuber 1997, section 5.6, use −2, −4 and
    −6.
    """
    _set_bias(layer, 0, value)


def _set_bias(layer: nn.Module, gate: int, value: float) -> None:
    # PyTorch has two bias vectors, which add: one gets the value, the other 0.
    with torch.no_grad():
        for name, biases in layer.named_parameters():
            if name.startswith("bias"):
                chosen = biases.chunk(4)[gate]  # input, forget, candidate, output gate: (h,) each
                chosen.fill_(value if name.startswith("bias_ih") else 0.0)
