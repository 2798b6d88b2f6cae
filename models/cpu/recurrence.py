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
    own = isinstance(inputs, Tensor)  # whether each position has a vector of its own
    if isinstance(inputs, Tensor):
        inputs = IndexedVectors(inputs.flatten(0, 1), all_positions(*inputs.shape[:2]))
    parts = parts_of(inputs.rows, lengths, bidirectional=layer.bidirectional, last_only=last_only, segment=segment)
    batch, time = len(inputs.rows), padded_time(inputs.rows.shape[1], segment)
    rows = batch + len(parts) if last_only else batch * time
    states = _read(cell, inputs, own, parts, weights_of(layer, weight_drop), rows)  # (rows, directions·h)
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


def _read(
    cell: Cell, inputs: IndexedVectors, own: bool, parts: Sequence[Part], weights: Sequence[Weights], rows: int
) -> Tensor:
    if inputs.products is not None:
        output = _output(parts, weights, rows)
        in_parallel(
            *(
                partial(
                    _recur,
                    cell,
                    False,
                    part,
                    _steps(inputs.products[part.direction], part.reads, weights[part.direction]),
                    weights[part.direction],
                    output,
                )
                for part in parts
            )
        )
        return output
    # Asked here, since no gradient is ever enabled within the function, and weights always need theirs.
    training = torch.is_grad_enabled()
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else inputs.vectors.dtype
    joined = own and dtype == inputs.vectors.dtype and not loops.CELLS[cell].inner_bias
    flat = [tensor for direction in weights for tensor in direction]
    layer = _Settings(cell, training, dtype, joined, rows)
    states: Tensor = _Layer.apply(layer, parts, inputs.vectors, *flat)  # type: ignore[no-untyped-call]
    return states


class _Settings(NamedTuple):
    """How a layer is computed.

    Attributes:
        cell: its loops.
        training: whether there will be a backward pass.
        dtype: the type of the product x W_x.
        joined: whether x W_x and h W_h are one product, so that x W_x is never written to memory. It costs more where
            positions share their vectors, and so their x W_x.
        rows: of the output.
    """

    cell: Cell
    training: bool
    dtype: torch.dtype
    joined: bool
    rows: int


class _Steps(NamedTuple):
    """What the steps of a part read, as in models/cpu/loops.py; `which` is the index of `projected`."""

    projected: Tensor
    which: Tensor
    inputs: Tensor
    reads: Tensor
    weight: Tensor


class _Saved(NamedTuple):
    """What the backward pass of a part needs besides its weights.

    `inputs` are those that were multiplied by W_x, none if `joined`; `rows` says which of the layer's they are.
    """

    inputs: Tensor
    rows: Tensor
    which: Tensor
    reads: Tensor
    weight: Tensor
    states: Tensor
    memory: Tensor
    gates: Tensor


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, layer: _Settings, parts: Sequence[Part], inputs: Tensor, *flat: Tensor) -> Tensor:
        weights = _by_direction(flat)
        output = _output(parts, weights, layer.rows)
        saved = in_parallel(
            *(partial(_forward, layer, part, inputs, weights[part.direction], output) for part in parts)
        )
        context.layer, context.parts, context.inputs = layer, parts, inputs.shape
        context.save_for_backward(*flat, *(tensor for of_part in saved for tensor in of_part))
        return output

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_output: Tensor) -> Any:
        layer, parts, tensors = context.layer, context.parts, context.saved_tensors
        size = len(_Saved._fields)
        flat, rest = tensors[: -size * len(parts)], tensors[-size * len(parts) :]
        saved = [_Saved(*rest[start : start + size]) for start in range(0, len(rest), size)]
        weights, d_output = _by_direction(flat), d_output.contiguous()
        # Two halves read different positions, so they add to the same array; two directions read the same ones.
        d_joined = [d_output.new_zeros(context.inputs if layer.joined else (0, 0)) for _ in range(len(weights))]
        gradients = in_parallel(
            *(
                partial(
                    _backward,
                    layer,
                    context.needs_input_grad[2],
                    part,
                    of_part,
                    weights[part.direction],
                    d_output,
                    d_joined[part.direction],
                )
                for part, of_part in zip(parts, saved, strict=True)
            )
        )
        d_parts = d_joined if layer.joined else [d_part for d_part, _ in gradients if d_part is not None]
        d_inputs = None
        if d_parts and parts[0].half and not layer.joined:
            d_inputs = d_output.new_zeros(context.inputs)
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
        return None, None, d_inputs, *d_flat


def _forward(layer: _Settings, part: Part, inputs: Tensor, weights: Weights, output: Tensor) -> _Saved:
    rows, reads = part.reads[:0], part.reads
    if layer.joined:
        steps, inputs = _joined_steps(inputs, reads, weights), inputs[:0]
    else:
        if part.half:
            rows, reads = distinct(part.reads, len(inputs))
            inputs = inputs.index_select(0, rows)
        steps = _steps(project(layer.cell, inputs, weights, layer.dtype), reads, weights)
    kept = _recur(layer.cell, layer.training, part, steps, weights, output)
    return _Saved(inputs, rows, steps.which, steps.reads, steps.weight, *kept)


def _steps(projected: Tensor, index: Tensor, weights: Weights) -> _Steps:
    """Steps that read the rows `index` (time, batch) of the products `projected` (rows, gates·h)."""
    return _Steps(projected, index, projected.new_empty(0, 0), index, weights[1])


def _joined_steps(inputs: Tensor, reads: Tensor, weights: Weights) -> _Steps:
    """Steps that multiply the rows `reads` (time, batch) of `inputs` (positions, input_size) themselves."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    time, batch = reads.shape
    # A copy of the bias for each step, whose gradient is then a sum over one step: long sums in float32 are not exact.
    bias = (bias_ih + bias_hh).expand(time, -1)
    index = torch.arange(time, dtype=torch.int32).unsqueeze(1).expand(time, batch).contiguous()
    return _Steps(bias, index, inputs, reads, torch.cat([weight_ih, weight_hh], dim=1))


def _recur(
    cell: Cell, training: bool, part: Part, steps: _Steps, weights: Weights, output: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Writes the part's states to `output`, and returns what its steps keep: states, memory and gates."""
    _, weight_hh, _, bias_hh = weights
    (time, batch), h = steps.reads.shape, weight_hh.shape[1]
    # Without a backward pass two rows suffice; one would not: compilers do not vectorize a loop that reads and writes
    # the same row.
    states = output.new_empty(time + 1 if training else 2, batch, steps.weight.shape[1])
    memory = output.new_empty(len(states) if loops.CELLS[cell].memory else 0, batch, h)
    gates = output.new_empty(time if training else 1, batch, _gates_width(cell, h))
    loops.CELLS[cell].forward(
        *_arrays(steps.projected, steps.which, steps.inputs, steps.reads, part.places),
        part.direction * h,
        *_arrays(steps.weight.t(), _inner_bias(cell, weight_hh, bias_hh), output, states, memory, gates),
    )
    return states, memory, gates


def _backward(
    layer: _Settings,
    inputs_learn: bool,
    part: Part,
    saved: _Saved,
    weights: Weights,
    d_output: Tensor,
    d_joined: Tensor,
) -> tuple[Tensor | None, list[Tensor]]:
    """The gradients of the part's inputs, if `inputs_learn`, and of its direction's weights.

    If the products are joined it adds those of the inputs to `d_joined` (positions, input_size) instead.
    """
    weight_ih, weight_hh, _, bias_hh = weights
    rows = len(saved.which) if layer.joined else len(saved.inputs)
    d_projected, d_weight = d_output.new_zeros(rows, len(weight_hh)), torch.zeros_like(saved.weight)
    d_inner_bias = torch.zeros_like(_inner_bias(layer.cell, weight_hh, bias_hh))
    loops.CELLS[layer.cell].backward(
        *_arrays(d_output, saved.which, saved.reads, part.places),
        part.direction * weight_hh.shape[1],
        *_arrays(saved.weight, saved.states, saved.memory, saved.gates, d_projected, d_joined, d_weight, d_inner_bias),
    )
    d_bias_ih = d_projected.sum(dim=0)
    d_bias_hh = d_bias_ih.clone()
    d_bias_hh[len(d_bias_hh) - len(d_inner_bias) :] = d_inner_bias
    if layer.joined:
        d_weight_ih, d_weight_hh = torch.split(d_weight, [weight_ih.shape[1], weight_hh.shape[1]], dim=1)
        return None, [d_weight_ih.contiguous(), d_weight_hh.contiguous(), d_bias_ih, d_bias_hh]
    rough, dtype = d_projected.to(layer.dtype), layer.dtype
    d_inputs = (rough @ weight_ih.to(dtype)).to(weight_ih.dtype) if inputs_learn else None
    d_weight_ih = (rough.t() @ saved.inputs.to(dtype)).to(weight_ih.dtype)
    return d_inputs, [d_weight_ih, d_weight, d_bias_ih, d_bias_hh]


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
