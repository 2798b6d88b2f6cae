"""One recurrent layer on the CPU: PyTorch's autograd around the compiled loops of models/cpu/loops.py."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from config.choices import Cell
from models.cpu import embedding_loops, loops
from models.cpu.parts import Part, all_positions, distinct, parts_of
from models.cpu.threads import in_parallel
from models.embedding import IndexedVectors, Vectors
from models.pieces import padded_time
from models.weights import Weights, weights_of

# Unused numbers after each document's gates. Without them the gates' gradients would lie a multiple of 4 KiB away,
# which processors take for the same address, so that reading the gates would wait for writing their gradients.
_GAP = 16


def read_layer(
    cell: Cell,
    layer: nn.RNNBase,
    inputs: Vectors,
    lengths: Tensor,
    last_only: bool = False,
    segment: int | None = None,
    weight_drop: float = 0.0,
) -> Tensor:
    """See models/backend.py; differentiable once, or not at all if the inputs have products."""
    if isinstance(inputs, Tensor):  # each position has a vector of its own
        inputs = IndexedVectors(inputs.flatten(0, 1), all_positions(*inputs.shape[:2]))
    if segment is not None:
        more = padded_time(inputs.rows.shape[1], segment) - inputs.rows.shape[1]
        inputs = inputs._replace(rows=torch.nn.functional.pad(inputs.rows, (0, more)))  # with any row
        segment = min(segment, inputs.rows.shape[1])
    batch, time = inputs.rows.shape
    parts = parts_of(inputs.rows, lengths, bidirectional=layer.bidirectional, last_only=last_only, segment=segment)
    rows = batch + len(parts) if last_only else batch * time
    states = _read(cell, inputs, parts, weights_of(layer, weight_drop), rows)  # (rows, directions·h)
    return states[:batch] if last_only else states.view(batch, time, -1)


def kept_per_token(cell: Cell, hidden_size: int) -> int:
    """See models/backend.py: the state in the order of the steps, the memory and the gates."""
    return hidden_size * (1 + loops.CELLS[cell].memory) + _gates_width(cell, hidden_size)


def project(cell: Cell, inputs: Tensor, weights: Weights, dtype: torch.dtype) -> Tensor:
    """x W_x with the biases of all gates, to which a step adds its h W_h: (rows, gates·h) for (rows, input_size).

    The product is computed in `dtype`, the recurrence in the type of the inputs.
    """
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    inner = len(_inner_bias(cell, weight_hh, bias_hh))
    bias = bias_ih + bias_hh
    bias[len(bias) - inner :] = bias_ih[len(bias) - inner :]
    product = torch.nn.functional.linear(inputs.to(dtype), weight_ih.to(dtype), bias.to(dtype))
    return product.to(inputs.dtype)


def _read(cell: Cell, inputs: IndexedVectors, parts: Sequence[Part], weights: Sequence[Weights], rows: int) -> Tensor:
    if inputs.products is not None:
        output = _output(parts, weights, rows)
        in_parallel(
            *(partial(_recur, cell, False, p, p.reads, inputs.products[p.direction], weights, output) for p in parts)
        )
        return output
    # Asked here, since no gradient is ever enabled within the function, and weights always need theirs.
    training = torch.is_grad_enabled()
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else inputs.vectors.dtype
    flat = [tensor for direction in weights for tensor in direction]
    states: Tensor = _Layer.apply(cell, training, dtype, parts, rows, inputs.vectors, *flat)  # type: ignore[no-untyped-call]
    return states


class _Saved(NamedTuple):
    """What the backward pass of a part needs; `rows` are those of the layer's inputs that a half reads."""

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
        training: bool,
        dtype: torch.dtype,
        parts: Sequence[Part],
        rows: int,
        inputs: Tensor,
        *flat: Tensor,
    ) -> Tensor:
        weights = _by_direction(flat)
        output = _output(parts, weights, rows)
        saved = in_parallel(
            *(partial(_forward, cell, training, dtype, part, inputs, weights, output) for part in parts)
        )
        context.cell, context.dtype, context.parts, context.rows = cell, dtype, parts, len(inputs)
        context.save_for_backward(*flat, *(tensor for of_part in saved for tensor in of_part))
        return output

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_output: Tensor) -> Any:
        parts, tensors, inputs_learn = context.parts, context.saved_tensors, context.needs_input_grad[5]
        size = len(_Saved._fields)
        flat, rest = tensors[: -size * len(parts)], tensors[-size * len(parts) :]
        saved = [_Saved(*rest[start : start + size]) for start in range(0, len(rest), size)]
        weights, d_output = _by_direction(flat), d_output.contiguous()
        gradients = in_parallel(
            *(
                partial(_backward, context.cell, inputs_learn, context.dtype, part, of_part, weights, d_output)
                for part, of_part in zip(parts, saved, strict=True)
            )
        )
        d_parts = [d_part for d_part, _ in gradients if d_part is not None]
        d_inputs = None
        if d_parts and parts[0].half:
            d_inputs = d_output.new_zeros(context.rows, saved[0].inputs.shape[1])
            for d_part, of_part in zip(d_parts, saved, strict=True):
                embedding_loops.add_rows(d_inputs.numpy(), of_part.rows.numpy(), d_part.numpy())
        elif d_parts:
            d_inputs = sum(d_parts[1:], d_parts[0])
        d_flat: list[Tensor] = []
        for direction in range(len(weights)):
            of_direction = [
                d_weights for part, (_, d_weights) in zip(parts, gradients, strict=True) if part.direction == direction
            ]
            d_flat += [sum(tensors[1:], tensors[0]) for tensors in zip(*of_direction, strict=True)]
        return None, None, None, None, None, d_inputs, *d_flat


def _forward(
    cell: Cell,
    training: bool,
    dtype: torch.dtype,
    part: Part,
    inputs: Tensor,
    weights: Sequence[Weights],
    output: Tensor,
) -> _Saved:
    rows, reads = part.reads[:0], part.reads
    if part.half:
        rows, reads = distinct(part.reads, len(inputs))
        inputs = inputs.index_select(0, rows)
    projected = project(cell, inputs, weights[part.direction], dtype)
    return _Saved(inputs, rows, reads, *_recur(cell, training, part, reads, projected, weights, output))


def _recur(
    cell: Cell,
    training: bool,
    part: Part,
    reads: Tensor,
    projected: Tensor,
    weights: Sequence[Weights],
    output: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Writes the part's states to `output`, and returns what its steps keep: states, memory and gates."""
    _, weight_hh, _, bias_hh = weights[part.direction]
    (time, batch), h = reads.shape, weight_hh.shape[1]
    # Without a backward pass two rows suffice; one would not: compilers do not vectorize a loop that reads and writes
    # the same row.
    states = projected.new_empty(time + 1 if training else 2, batch, h)
    memory = projected.new_empty(len(states) if loops.CELLS[cell].memory else 0, batch, h)
    gates = projected.new_empty(time if training else 1, batch, _gates_width(cell, h))
    loops.CELLS[cell].forward(
        *_arrays(projected, reads, part.places),
        part.direction * h,
        *_arrays(weight_hh.t(), _inner_bias(cell, weight_hh, bias_hh), output, states, memory, gates),
    )
    return states, memory, gates


def _backward(
    cell: Cell,
    inputs_learn: bool,
    dtype: torch.dtype,
    part: Part,
    saved: _Saved,
    weights: Sequence[Weights],
    d_output: Tensor,
) -> tuple[Tensor | None, list[Tensor]]:
    """The gradients of the part's inputs, if `inputs_learn`, and of its direction's weights."""
    weight_ih, weight_hh, _, bias_hh = weights[part.direction]
    d_projected = saved.states.new_zeros(len(saved.inputs), len(weight_hh))  # (rows, gates·h)
    d_weight_hh, d_inner_bias = torch.zeros_like(weight_hh), torch.zeros_like(_inner_bias(cell, weight_hh, bias_hh))
    loops.CELLS[cell].backward(
        *_arrays(d_output, saved.reads, part.places),
        part.direction * weight_hh.shape[1],
        *_arrays(weight_hh, saved.states, saved.memory, saved.gates, d_projected, d_weight_hh, d_inner_bias),
    )
    d_bias_ih = d_projected.sum(dim=0)
    d_bias_hh = d_bias_ih.clone()
    d_bias_hh[len(d_bias_hh) - len(d_inner_bias) :] = d_inner_bias
    rough = d_projected.to(dtype)
    d_inputs = (rough @ weight_ih.to(dtype)).to(weight_ih.dtype) if inputs_learn else None
    d_weight_ih = (rough.t() @ saved.inputs.to(dtype)).to(weight_ih.dtype)
    return d_inputs, [d_weight_ih, d_weight_hh, d_bias_ih, d_bias_hh]


def _gates_width(cell: Cell, hidden_size: int) -> int:
    """Numbers of a step's gates for one document."""
    gates = loops.CELLS[cell].gates
    return gates * hidden_size + _GAP if gates else 0


def _inner_bias(cell: Cell, weight_hh: Tensor, bias_hh: Tensor) -> Tensor:
    """The bias within a gate's recurrent product, as the GRU's candidate has one: (h,); of other cells (0,)."""
    size = weight_hh.shape[1] if loops.CELLS[cell].inner_bias else 0
    return bias_hh[len(bias_hh) - size :]


def _output(parts: Sequence[Part], weights: Sequence[Weights], rows: int) -> Tensor:
    """Room for the states of all parts: (rows, directions·h); zeros where no part writes, between last pieces."""
    output = weights[0][1].new_empty(rows, len(weights) * weights[0][1].shape[1])
    written = sum(part.places.numel() for part in parts if part.direction == 0)
    return output if written >= rows else output.zero_()


def _by_direction(flat: Sequence[Tensor]) -> list[Weights]:
    return [(flat[k], flat[k + 1], flat[k + 2], flat[k + 3]) for k in range(0, len(flat), 4)]


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]
