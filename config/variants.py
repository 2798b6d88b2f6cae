"""The section variants of params.yaml: the models that can be compared, by name."""

from typing import Annotated, Any, get_args

from pydantic import Field, PlainValidator, model_validator

from config.choices import Cell, EmbeddingNormalization, Initialization, Pooling, PoolingName, RecurrentInit, Start
from config.section import Count, Section, shown

Dropout = Annotated[float, Field(ge=0, lt=1)]
Bias = Annotated[float, Field(ge=-100, le=100)]
POOLINGS: tuple[PoolingName, ...] = get_args(PoolingName)


def _pooling(value: Any) -> Pooling:
    names = value if isinstance(value, list) else [value]
    for name in names:
        if name not in POOLINGS:
            raise ValueError(f" is {shown(name)}; allowed: {', '.join(POOLINGS)}, or a list of some of them")
    if not names or len(set(names)) < len(names):
        raise ValueError(f" is {shown(value)}; allowed: different ones of {', '.join(POOLINGS)}")
    pooling: Pooling = value
    return pooling


class VariantParams(Section):
    """One model to compare."""

    cell: Cell
    bidirectional: bool = False
    layers: Annotated[int, Field(ge=1, le=64)] = 1
    hidden_size: Annotated[int, Field(ge=1, le=65536)] = 64
    embedding_size: Annotated[int, Field(ge=1, le=65536)] = 128
    segment: Count | None = None
    pooling: Annotated[Pooling, PlainValidator(_pooling)] = "max"
    head_size: Annotated[int, Field(ge=1, le=65536)] | None = None
    word_dropout: Dropout = 0.0
    embedding_dropout: Dropout = 0.0
    layer_dropout: Dropout = 0.0
    locked_dropout: bool = False
    weight_drop: Dropout = 0.0
    head_dropout: Dropout = 0.0
    freeze_embedding: bool = False
    embedding_normalization: EmbeddingNormalization = "none"
    single_bias: bool = False
    initialization: Initialization = "keras"
    forget_bias: Bias | None = None
    input_bias: Bias | None = None
    recurrent_init: RecurrentInit = "uniform"
    ngrams: bool = False
    start: Start = "random"

    @model_validator(mode="after")
    def _check(self) -> "VariantParams":
        for gate in ("forget", "input"):
            if (bias := getattr(self, f"{gate}_bias")) is not None and self.cell != "lstm":
                raise ValueError(
                    f"{gate}_bias is {bias}, but cell is {self.cell!r}, which has no {gate} gate; allowed: null"
                )
        if self.initialization == "keras":
            for key, default in (("forget_bias", None), ("input_bias", None), ("recurrent_init", "uniform")):
                if (value := getattr(self, key)) != default:
                    raise ValueError(
                        f"{key} is {shown(value)}, but initialization is 'keras', which has its own; "
                        f"allowed with it: {default or 'null'}; initialization: pytorch lets you choose"
                    )
        if self.layer_dropout and self.layers == 1:
            raise ValueError(f"layer_dropout is {self.layer_dropout}, but layers is 1; it needs layers of 2 or more")
        if self.segment is not None and "last" in (self.pooling if isinstance(self.pooling, list) else [self.pooling]):
            raise ValueError(
                f"pooling is {shown(self.pooling)}, but segment is {self.segment}: the last state would have read the "
                f"last piece alone; allowed with it: {', '.join(name for name in POOLINGS if name != 'last')}"
            )
        return self
