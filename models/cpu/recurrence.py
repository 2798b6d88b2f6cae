"""One recurrent layer on the CPU: PyTorch's autograd around the loops of models/cpu/loops.py.

What is read comes as the different inputs and an index, since a word that occurs ten times in a batch has to be
multiplied by W_x once only: of the 7,430 tokens of an average batch of IMDB 1,750 are different.

Two parts of a layer's work wait only for themselves, and are done at the same time: its two directions, or with one
direction the two halves of the documents.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.cpu.threads import in_parallel

Cell = Literal["rnn", "gru", "lstm"]
Weights = tuple[Tensor, Tensor, Tensor, Tensor]
"""weight_ih (gates·h, input_size), weight_hh (gates·h, h), bias_ih and bias_hh (gates·h,), as PyTorch stacks them."""

_KEPT: dict[Cell, int] = {"rnn": 0, "gru": 4, "lstm": 4}  # numbers a step keeps for the backward pass, by h
# After each document's gates, unused: else their gradients lie a multiple of 4 KiB away, which processors take for the
# same place, so that reading the ones waits for writing the others.
_GAP = 16


class Part(NamedTuple):
    """What one thread reads of a layer.

    Attributes:
        reads: int32 (time, documents), the input that is read at each step.
        places: int32 (time, documents), the row of the layer's output to which a step's state goes.
        direction: whose weights read it, 0 or 1.
        some: whether it reads only some of the documents, and so maybe of the inputs.
    """

    reads: Tensor
    places: Tensor
    direction: int
    some: bool


def parts(index: Tensor, order: Tensor | None) -> list[Part]:
    """How a layer's work is divided.

    Args:
        index: int32 (batch, time), the input that stands at each position.
        order: int32 (batch·time,), at which position a backward direction reads when, in a layer that has one.
    """
    places = torch.arange(index.numel(), dtype=torch.int32).view_as(index)
    if order is not None:
        turned = index.flatten().index_select(0, order).view_as(index)
        return [
            Part(_steps(index), _steps(places), 0, False),
            Part(_steps(turned), _steps(order.view_as(index)), 1, False),
        ]
    halves = zip(index.tensor_split(2), places.tensor_split(2), strict=True)
    return [Part(_steps(half), _steps(where), 0, True) for half, where in halves if half.numel()]


def only_ends(layer: Sequence[Part], lengths: Tensor) -> list[Part]:
    """The same parts, with a row of output for the last state that is read of each document.

    All other states go to one row behind those, each part's own, where they are lost. So nothing else is written to
    memory, nor read from there in the backward pass.

    Args:
        layer: its parts, as `parts` gives them.
        lengths: (batch,) of the documents, each from 1 to time.
    """
    found = []
    for number, part in enumerate(layer):
        time, count = part.places.shape
        documents = (part.places[0] // time).long()  # whatever the direction, a document's places lie together
        places = torch.full_like(part.places, len(lengths) + number)
        places[lengths[documents] - 1, torch.arange(count)] = documents.int()
        found.append(part._replace(places=places))
    return found


def _steps(values: Tensor) -> Tensor:
    """(batch, time) -> (time, batch), in this order in memory, too."""
    return values.t().contiguous()


def read(cell: Cell, inputs: Tensor, layer: Sequence[Part], weights: Sequence[Weights]) -> Tensor:
    """The states of a layer; differentiable once.

    Args:
        cell: rnn, gru or lstm.
        inputs: (rows, input_size), the different ones.
        layer: its parts.
        weights: of each direction.

    Returns:
        (batch·time, directions·h), or with `only_ends` (batch + parts, directions·h)
    """
    # Asked for here: within the function no gradient is ever enabled, and weights always need theirs.
    trains = torch.is_grad_enabled()
    autocast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else inputs.dtype
    flat = [tensor for direction in weights for tensor in direction]
    states: Tensor = _Layer.apply(cell, trains, autocast, layer, inputs, *flat)  # type: ignore[no-untyped-call]
    return states


def read_tables(cell: Cell, tables: Sequence[Tensor], layer: Sequence[Part], weights: Sequence[Weights]) -> Tensor:
    """The same without gradient, where each direction's x W_x is known: (rows, gates·h), as `project` gives it."""
    output = _output(layer, weights)
    in_parallel(
        *(partial(_recur, cell, False, part, part.reads, tables[part.direction], weights, output) for part in layer)
    )
    return output


def project(cell: Cell, inputs: Tensor, weights: Weights, autocast: torch.dtype) -> Tensor:
    """x W_x with the biases of all gates, to which a step adds its h W_h: (rows, gates·h) for (rows, input_size).

    The product is made in the type `autocast`, from which the recurrence goes on in full.
    """
    weight_ih, _, bias_ih, bias_hh = weights
    inner = len(_inner_bias(cell, bias_hh))
    bias = bias_ih + bias_hh
    bias[len(bias) - inner :] = bias_ih[len(bias) - inner :]
    product = torch.nn.functional.linear(inputs.to(autocast), weight_ih.to(autocast), bias.to(autocast))
    return product.to(inputs.dtype)


def distinct(values: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The different values (rows,), int32, of `values` (…, …) below `size`, and each one's row, as they stand.

    Example:
        >>> distinct(torch.tensor([[7, 9], [9, 8]], dtype=torch.int32), size=10)
        (tensor([7, 9, 8], dtype=torch.int32), tensor([[0, 1],
                [1, 2]], dtype=torch.int32))
    """
    from models.cpu import loops  # takes half a second, and not all that import this read anything

    different, index = np.empty(values.numel(), np.int32), np.empty(values.shape, np.int32)
    count = loops.number(values.numpy(), different, index, np.full(size, -1, np.int32))
    return torch.from_numpy(different[:count]), torch.from_numpy(index)


class _Kept(NamedTuple):
    """What the backward pass of a part needs; `rows` are those of the layer's inputs that it reads, if only some."""

    inputs: Tensor
    rows: Tensor
    reads: Tensor
    states: Tensor
    memory: Tensor
    gates: Tensor


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        cell: Cell,
        trains: bool,
        autocast: torch.dtype,
        layer: Sequence[Part],
        inputs: Tensor,
        *flat: Tensor,
    ) -> Tensor:
        weights = _by_direction(flat)
        output = _output(layer, weights)
        kept = in_parallel(
            *(partial(_forward, cell, trains, autocast, part, inputs, weights, output) for part in layer)
        )
        context.cell, context.autocast, context.layer, context.rows = cell, autocast, layer, len(inputs)
        context.save_for_backward(*flat, *(tensor for part in kept for tensor in part))
        return output

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_output: Tensor) -> Any:
        from models.cpu import loops

        layer, saved, wanted = context.layer, context.saved_tensors, context.needs_input_grad[4]
        size = len(_Kept._fields)
        flat, kept = saved[: -size * len(layer)], saved[-size * len(layer) :]
        kept = [_Kept(*kept[start : start + size]) for start in range(0, len(kept), size)]
        weights, d_output = _by_direction(flat), d_output.contiguous()
        found = in_parallel(
            *(
                partial(_backward, context.cell, wanted, context.autocast, part, of_part, weights, d_output)
                for part, of_part in zip(layer, kept, strict=True)
            )
        )
        d_parts = [d_part for d_part, _ in found if d_part is not None]
        d_inputs = None
        if d_parts and layer[0].some:
            d_inputs = d_output.new_zeros(context.rows, kept[0].inputs.shape[1])
            for d_part, of_part in zip(d_parts, kept, strict=True):
                loops.add_rows(d_inputs.numpy(), of_part.rows.numpy(), d_part.numpy())
        elif d_parts:
            d_inputs = sum(d_parts[1:], d_parts[0])
        d_flat: list[Tensor] = []
        for direction in range(len(weights)):
            of_direction = [
                d_weights for part, (_, d_weights) in zip(layer, found, strict=True) if part.direction == direction
            ]
            d_flat += [sum(tensors[1:], tensors[0]) for tensors in zip(*of_direction, strict=True)]
        return None, None, None, None, d_inputs, *d_flat


def _forward(
    cell: Cell,
    trains: bool,
    autocast: torch.dtype,
    part: Part,
    inputs: Tensor,
    weights: Sequence[Weights],
    output: Tensor,
) -> _Kept:
    rows, reads = part.reads[:0], part.reads
    if part.some:
        rows, reads = distinct(part.reads, len(inputs))
        inputs = inputs.index_select(0, rows)
    projected = project(cell, inputs, weights[part.direction], autocast)
    return _Kept(inputs, rows, reads, *_recur(cell, trains, part, reads, projected, weights, output))


def _recur(
    cell: Cell,
    trains: bool,
    part: Part,
    reads: Tensor,
    projected: Tensor,
    weights: Sequence[Weights],
    output: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Fills the part's place in `output`, and returns what its steps keep: states, memory and gates."""
    from models.cpu import loops

    _, weight_hh, _, bias_hh = weights[part.direction]
    (time, batch), h = reads.shape, weight_hh.shape[1]
    # Two rows where the backward pass wants none: a loop that reads and writes the same one is not made of vectors.
    states = projected.new_empty(time + 1 if trains else 2, batch, h)
    memory = projected.new_empty(len(states) if cell == "lstm" else 0, batch, h)
    gates = projected.new_empty(time if trains else 1, batch, _KEPT[cell] * h + _GAP)
    run: Any = {"rnn": loops.rnn_forward, "gru": loops.gru_forward, "lstm": loops.lstm_forward}[cell]
    arrays = _arrays(projected, reads, part.places)
    column = part.direction * h
    run(*arrays, column, *_arrays(weight_hh.t(), _inner_bias(cell, bias_hh), output, states, memory, gates))
    return states, memory, gates


def _backward(
    cell: Cell,
    wanted: bool,
    autocast: torch.dtype,
    part: Part,
    kept: _Kept,
    weights: Sequence[Weights],
    d_output: Tensor,
) -> tuple[Tensor | None, list[Tensor]]:
    """The gradients of the part's inputs, if `wanted`, and of its direction's weights."""
    from models.cpu import loops

    weight_ih, weight_hh, _, bias_hh = weights[part.direction]
    d_projected = kept.states.new_zeros(len(kept.inputs), len(weight_hh))  # (rows, gates·h)
    d_weight_hh, d_inner_bias = torch.zeros_like(weight_hh), torch.zeros_like(_inner_bias(cell, bias_hh))
    run: Any = {"rnn": loops.rnn_backward, "gru": loops.gru_backward, "lstm": loops.lstm_backward}[cell]
    arrays = _arrays(d_output, kept.reads, part.places)
    column = part.direction * weight_hh.shape[1]
    kept_arrays = _arrays(weight_hh, kept.states, kept.memory, kept.gates)
    run(*arrays, column, *kept_arrays, *_arrays(d_projected, d_weight_hh, d_inner_bias))
    d_bias_ih = d_projected.sum(dim=0)
    d_bias_hh = d_bias_ih.clone()
    d_bias_hh[len(d_bias_hh) - len(d_inner_bias) :] = d_inner_bias
    rough = d_projected.to(autocast)
    d_inputs = (rough @ weight_ih.to(autocast)).to(weight_ih.dtype) if wanted else None
    d_weight_ih = (rough.t() @ kept.inputs.to(autocast)).to(weight_ih.dtype)
    return d_inputs, [d_weight_ih, d_weight_hh, d_bias_ih, d_bias_hh]


def _inner_bias(cell: Cell, bias_hh: Tensor) -> Tensor:
    """The part of the bias that stands within the GRU's reset gate: its candidate's (h,); of other cells nothing."""
    return bias_hh[2 * len(bias_hh) // 3 :] if cell == "gru" else bias_hh[:0]


def _output(layer: Sequence[Part], weights: Sequence[Weights]) -> Tensor:
    """Room for the states of all parts: (rows, directions·h)."""
    rows = 1 + max(int(part.places.max()) for part in layer)
    return weights[0][1].new_empty(rows, len(weights) * weights[0][1].shape[1])


def _by_direction(flat: Sequence[Tensor]) -> list[Weights]:
    return [(flat[k], flat[k + 1], flat[k + 2], flat[k + 3]) for k in range(0, len(flat), 4)]


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]
