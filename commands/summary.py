"""Shows a variant's layers, their output shapes and parameters. `python -m commands.summary --variant bilstm`.

Reads params.yaml and, for vocabulary and classes, data/tokens/summary.json; builds no weights.
"""

from typing import NamedTuple

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import nn

from config.params import Params, load
from config.settings import value_shown
from config.variants import VariantParams
from core import command_line
from core.errors import ParamsError
from models.classifier import TextClassifier
from models.textbook import GATES
from outputs.token_files import read_summary
from pipelines.match import resolve


class Layer(NamedTuple):
    """One line of the table; the shape is that of its output."""

    name: str
    shape: tuple[int | str, ...]
    parameters: int


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("--variant", required=True, help="a name of params.yaml's variants")
    command_line.run(lambda namespace: Console().print(summary(load(), namespace.variant)), arguments)


def summary(params: Params, name: str) -> Table:
    """The table of the variant `name`, for the present data/tokens.

    Raises:
        ParamsError: there is no such variant.
        DataError: data/tokens is missing.
    """
    if name not in params.variants:
        raise ParamsError(f"--variant is {name!r}; allowed: {', '.join(params.variants)}")
    tokens = read_summary()
    vocabulary_size, classes = tokens["vocabulary_size"], len(tokens["labels"])
    variant = resolve(params, name, vocabulary_size, classes)
    rows = layers(variant, vocabulary_size, classes, tokens["tokenize"]["max_tokens"])
    total = sum(layer.parameters for layer in rows)
    caption = f"The vocabulary of {vocabulary_size:,}: {vocabulary_size - 2:,} tokens, <unk> and <pad>. "
    table = Table(title=name, title_justify="left", caption=caption + _of_biases(variant), caption_justify="left")
    table.add_column("layer")
    table.add_column("output shape")
    table.add_column("parameters", justify="right")
    for layer in rows:
        table.add_row(escape(layer.name), f"({', '.join(map(str, layer.shape))})", f"{layer.parameters:,}")
    table.add_section()
    table.add_row("total", "", f"{total:,}", style="bold")
    return table


def layers(variant: VariantParams, vocabulary_size: int, classes: int, time: int) -> list[Layer]:
    """The classifier's layers in the order in which a document of `time` tokens passes them."""
    with torch.device("meta"):  # shapes without memory
        model = TextClassifier(vocabulary_size, classes, **variant.model_dump())

    def count(part: nn.Module) -> int:
        return sum(weights.numel() for weights in part.parameters() if weights not in model.encoder.frozen_biases)

    cell = f"{variant.cell.upper()}({variant.hidden_size})"
    recurrent = f"Bidirectional({cell})" if variant.bidirectional else cell
    size = model.encoder.output_size
    return [
        Layer(
            f"Embedding({vocabulary_size}, {variant.embedding_size})",
            ("batch", time, variant.embedding_size),
            count(model.embedding),
        ),
        *(Layer(recurrent, ("batch", time, size), count(layer)) for layer in model.encoder.layers),
        Layer(f"pooling: {value_shown(variant.pooling)}", ("batch", model.document_size), count(model.pooling)),
        *(
            Layer(f"Dense({hidden.out_features}, relu)", ("batch", hidden.out_features), count(hidden))
            for hidden in [model.head_hidden]
            if hidden is not None
        ),
        Layer(f"Dense({classes}, softmax)", ("batch", classes), count(model.head)),
        *([Layer("plus words and word pairs", ("batch", classes), count(model.ngrams))] if model.ngrams else []),
    ]


def _of_biases(variant: VariantParams) -> str:
    if variant.single_bias:
        return (
            "One bias vector a gate, as in Keras' LSTM; PyTorch's second one stays 0, is not trained and not counted."
        )
    more = len(GATES[variant.cell]) * variant.hidden_size * (2 if variant.bidirectional else 1) * variant.layers
    return (
        f"PyTorch adds two bias vectors for each gate where Keras' LSTM has one: "
        f"{more:,} parameters more; single_bias: true leaves them out."
    )


if __name__ == "__main__":
    main()
