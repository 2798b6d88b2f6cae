"""A trained classifier as an ONNX graph, written node by node: PyTorch's exporter has no packed recurrent layers.

    tokens (batch, time), lengths (batch,) → Gather → RNN, GRU or LSTM, layer by layer → pooling → Gemm → Softmax

Comments give the shapes of the values. In ONNX the input of a recurrent layer is (time, batch, size). With
`sequence_lens` the layer reads each document only up to its end, and the backward direction starts there. A model with
a `segment` gets the pieces of documents as its batch; their states are joined into documents again before pooling.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from config.choices import Cell
from models.classifier import TextClassifier
from models.encoder import RecurrentEncoder
from models.ngrams import BUCKETS, FACTOR, NgramBranch
from models.pooling import AttentionPooling, JoinedPooling, LastPooling, MaxPooling, MeanPooling

OPSET = 18
IR_VERSION = 9  # what onnxruntime 1.16 and later read

# Which of PyTorch's gates stands at each of ONNX's places: ONNX has i o f c and z r h, PyTorch i f g o and r z n.
GATES: dict[Cell, list[int]] = {"rnn": [0], "gru": [1, 0, 2], "lstm": [0, 3, 1, 2]}


class _Graph:
    """Nodes and weights so far; each method adds a node and returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[TensorProto] = []

    def constant(self, name: str, value: Tensor | NDArray[Any]) -> str:
        array = value.detach().cpu().float().numpy() if isinstance(value, Tensor) else value
        self.weights.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        name = f"integers_{'_'.join(map(str, values)).replace('-', 'minus')}"
        if all(known.name != name for known in self.weights):
            self.constant(name, np.array(values, np.int64))
        return name

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=f"node_{name}", **attributes))
        return name

    def recurrent(self, cell: Cell, inputs: Sequence[str], name: str, **attributes: Any) -> tuple[str, str]:
        """The names of Y, all states (time, directions, batch, h), and Y_h, the final ones (directions, batch, h)."""
        outputs = (f"{name}_states", f"{name}_final")
        self.nodes.append(helper.make_node(cell.upper(), inputs, outputs, name=name, **attributes))
        return outputs


def onnx_model(classifier: TextClassifier) -> onnx.ModelProto:
    """The graph with the classifier's weights, in float32, without dropout.

    Inputs: tokens int32 (batch, time), right-padded with any numbers of the vocabulary; lengths int32 (batch,), each
    from 1 to time. Output: probabilities float32 (batch, classes).
    """
    graph = _Graph()
    segment = classifier.encoder.segment
    tokens, lengths = ("tokens", "lengths") if segment is None else _pieces(graph, segment)
    embedded = graph.add("Gather", graph.constant("embedding", classifier.embedding.table()), tokens, axis=0)
    inputs = graph.add("Transpose", embedded, perm=[1, 0, 2])
    states, final = _encode(graph, classifier.encoder, inputs, lengths)
    if segment is not None:
        states = _together(graph, states, classifier.encoder.output_size)
    documents = _pool(graph, classifier.pooling, states, final)  # (batch, size)
    if classifier.head_hidden is not None:
        documents = graph.add("Relu", _linear(graph, "hidden", classifier.head_hidden, documents))  # (batch, head_size)
    logits = _linear(graph, "head", classifier.head, documents)  # (batch, classes)
    if classifier.ngrams is not None:
        logits = graph.add("Add", logits, _ngrams(graph, classifier.ngrams))
    graph.add("Softmax", logits, axis=1, name="probabilities")
    inputs_info = [
        helper.make_tensor_value_info("tokens", TensorProto.INT32, ["batch", "time"]),
        helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"]),
    ]
    classes = classifier.head.out_features
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", classes])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "classifier", inputs_info, [output], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="lstm-vs-bilstm",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _pieces(graph: _Graph, segment: int) -> tuple[str, str]:
    """The tokens (pieces, segment) and lengths (pieces,) of all pieces; a piece of padding alone has length 1."""
    whole = graph.constant("whole", np.array(segment, np.int64))
    time = graph.add("Squeeze", graph.add("Shape", "tokens", start=1, end=2), graph.integers(0))
    missing = graph.add("Mod", graph.add("Sub", whole, graph.add("Mod", time, whole)), whole)
    more = graph.add("Concat", graph.integers(0, 0, 0), graph.add("Unsqueeze", missing, graph.integers(0)), axis=0)
    padded = graph.add("Pad", "tokens", more)  # with 0: (batch, a multiple of segment)
    starts = graph.add("Range", graph.constant("start", np.array(0, np.int64)), graph.add("Add", time, missing), whole)
    left = graph.add("Sub", graph.add("Unsqueeze", "lengths", graph.integers(1)), _int32(graph, starts))
    least, most = (graph.constant(name, np.array(value, np.int32)) for name, value in (("least", 1), ("most", segment)))
    lengths = graph.add("Reshape", graph.add("Clip", left, least, most), graph.integers(-1))
    return graph.add("Reshape", padded, graph.integers(-1, segment)), lengths


def _together(graph: _Graph, states: str, size: int) -> str:
    """States (time, batch, size) of documents from those of their pieces (segment, pieces, size)."""
    batch = graph.add("Shape", "lengths")
    shape = graph.add("Concat", batch, graph.integers(-1, size), axis=0)
    by_document = graph.add("Reshape", graph.add("Transpose", states, perm=[1, 0, 2]), shape)  # (batch, time, size)
    return graph.add("Transpose", by_document, perm=[1, 0, 2])


def _linear(graph: _Graph, name: str, layer: nn.Linear, inputs: str) -> str:
    weights = [graph.constant(f"{name}_weight", layer.weight), graph.constant(f"{name}_bias", layer.bias)]
    return graph.add("Gemm", inputs, *weights, transB=1)


def _int32(graph: _Graph, values: str) -> str:
    return graph.add("Cast", values, to=TensorProto.INT32)


def _encode(graph: _Graph, encoder: RecurrentEncoder, inputs: str, lengths: str) -> tuple[str, str]:
    """The states of the last layer (time, batch, size), and the last state that each direction read (batch, size)."""
    cell, h = encoder.cell, encoder.hidden_size
    directions = ["", "_reverse"] if encoder.bidirectional else [""]
    attributes: dict[str, Any] = {"hidden_size": h, "direction": "bidirectional" if directions[1:] else "forward"}
    if cell == "gru":
        attributes["linear_before_reset"] = 1  # the reset gate stands after the recurrent product and its bias
    states, final = inputs, ""
    for depth, layer in enumerate(encoder.layers):
        name = f"layer_{depth}"
        weights = [
            graph.constant(f"{name}_{part}", np.stack([_stacked(layer, cell, part, end) for end in directions]))
            for part in ("input", "recurrent", "bias")
        ]
        every, last = graph.recurrent(cell, [states, *weights, lengths], name, **attributes)
        side_by_side = graph.add("Transpose", every, perm=[0, 2, 1, 3])  # (time, batch, directions, h)
        states = graph.add("Reshape", side_by_side, graph.integers(0, 0, len(directions) * h))
        final = graph.add(
            "Reshape", graph.add("Transpose", last, perm=[1, 0, 2]), graph.integers(0, len(directions) * h)
        )
    return states, final


def _stacked(layer: nn.Module, cell: Cell, part: str, end: str) -> NDArray[np.float32]:
    """One direction's weights in ONNX's order of gates: (gates·h, input), (gates·h, h), or both biases (2·gates·h,)."""
    names = {"input": ["weight_ih"], "recurrent": ["weight_hh"], "bias": ["bias_ih", "bias_hh"]}[part]
    ordered = []
    for name in names:
        gates = getattr(layer, f"{name}_l0{end}").detach().cpu().float().chunk(len(GATES[cell]))
        ordered += [gates[place].numpy() for place in GATES[cell]]
    return np.concatenate(ordered)


def _pool(graph: _Graph, pooling: nn.Module, states: str, final: str) -> str:
    """Pools states (time, batch, size) to (batch, size), as models/pooling.py does."""
    match pooling:
        case JoinedPooling():
            return graph.add("Concat", *(_pool(graph, part, states, final) for part in pooling.parts), axis=1)
        case LastPooling():
            return final
        case MaxPooling():
            lowest = graph.constant("lowest", np.array(np.finfo(np.float32).min, np.float32))
            real = graph.add("Where", _is_real(graph, states), states, lowest)
            return graph.add("ReduceMax", real, graph.integers(0), keepdims=0)
        case MeanPooling():
            total = graph.add("ReduceSum", _without_padding(graph, states), graph.integers(0), keepdims=0)
            counts = graph.add("Unsqueeze", graph.add("Cast", "lengths", to=TensorProto.FLOAT), graph.integers(1))
            return graph.add("Div", total, counts)
        case AttentionPooling():
            weights = [
                graph.constant("attention_weight", pooling.hidden.weight.t()),
                graph.constant("attention_bias", pooling.hidden.bias),
                graph.constant("attention_context", pooling.context.weight.t()),
            ]
            hidden = graph.add("Tanh", graph.add("Add", graph.add("MatMul", states, weights[0]), weights[1]))
            scores = graph.add("MatMul", hidden, weights[2])  # (time, batch, 1)
            never = graph.constant("never", np.array(-np.inf, np.float32))
            shares = graph.add("Softmax", graph.add("Where", _is_real(graph, states), scores, never), axis=0)
            weighted = graph.add("Mul", shares, _without_padding(graph, states))
            return graph.add("ReduceSum", weighted, graph.integers(0), keepdims=0)
    raise NotImplementedError(f"no ONNX graph for {type(pooling).__name__}")


def _ngrams(graph: _Graph, branch: NgramBranch) -> str:
    """The n-grams' contribution to the logits (batch, classes), computed as in models/ngrams.py."""
    tokens = graph.add("Cast", "tokens", to=TensorProto.INT64)  # (batch, time)
    time = graph.add("Shape", "tokens", start=1, end=2)
    ahead = graph.add("Slice", tokens, graph.integers(1), time, graph.integers(1))  # (batch, time - 1)
    before = graph.add("Slice", tokens, graph.integers(0), graph.integers(-1), graph.integers(1))
    mixed = graph.add("Add", graph.add("Mul", before, graph.integers(FACTOR)), ahead)
    bucket = graph.add("Mod", mixed, graph.integers(BUCKETS))
    pairs = graph.add("Add", bucket, graph.integers(branch.vocabulary_size))
    rows = graph.add("Gather", graph.constant("ngrams", branch.weight), graph.add("Concat", tokens, pairs, axis=1))
    zero, one = (graph.constant(f"place_{name}", np.array(value, np.int32)) for name, value in (("0", 0), ("1", 1)))
    end = graph.add("Cast", graph.add("Squeeze", time), to=TensorProto.INT32)
    lengths = graph.add("Unsqueeze", "lengths", graph.integers(1))  # (batch, 1)
    singles, doubles = (
        graph.add("Less", graph.add("Unsqueeze", graph.add("Range", first, end, one), graph.integers(0)), lengths)
        for first in (zero, one)
    )  # (batch, time), (batch, time - 1)
    is_term = graph.add("Cast", graph.add("Concat", singles, doubles, axis=1), to=TensorProto.FLOAT)
    real = graph.add("Mul", rows, graph.add("Unsqueeze", is_term, graph.integers(2)))  # (batch, 2·time - 1, classes)
    total = graph.add("ReduceSum", real, graph.integers(1), keepdims=0)
    number = graph.add("Sub", graph.add("Add", lengths, lengths), one)
    return graph.add("Div", total, graph.add("Sqrt", graph.add("Cast", number, to=TensorProto.FLOAT)))


def _without_padding(graph: _Graph, states: str) -> str:
    """The states, 0 in the padding."""
    known = "without_padding"
    if all(known not in node.output for node in graph.nodes):
        zero = graph.constant("zero", np.array(0, np.float32))
        graph.add("Where", _is_real(graph, states), states, zero, name=known)
    return known


def _is_real(graph: _Graph, states: str) -> str:
    """(time, batch, 1): false in the padding."""
    known = "is_real"
    if all(known not in node.output for node in graph.nodes):
        zero, one = (graph.constant(name, np.array(value, np.int32)) for name, value in (("first", 0), ("step", 1)))
        time = graph.add("Squeeze", graph.add("Shape", states, start=0, end=1), graph.integers(0))
        positions = graph.add("Range", zero, _int32(graph, time), one)  # (time,)
        before_end = graph.add("Less", graph.add("Unsqueeze", positions, graph.integers(1)), "lengths")  # (time, batch)
        graph.add("Unsqueeze", before_end, graph.integers(2), name=known)
    return known
