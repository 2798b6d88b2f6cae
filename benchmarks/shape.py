"""The model that all candidates of a work train or predict with."""

import argparse
from typing import NamedTuple


class Shape(NamedTuple):
    """Embedding → LSTM → pooling (last or max) → two classes."""

    bidirectional: bool
    hidden: int = 64
    embedding: int = 128
    pooling: str = "last"


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """The options that `shape_of` reads."""
    arguments.add_argument("--variant", choices=["lstm", "bilstm"], required=True)
    arguments.add_argument("--hidden", type=int, default=64)
    arguments.add_argument("--embedding", type=int, default=128)
    arguments.add_argument("--pooling", choices=["last", "max"], default="last")


def shape_of(chosen: argparse.Namespace) -> Shape:
    """The model that the command line describes."""
    return Shape(chosen.variant == "bilstm", chosen.hidden, chosen.embedding, chosen.pooling)
