"""The section variants of params.yaml: the models that can be compared, by name."""

from typing import Annotated

from pydantic import Field, model_validator

from config.choices import Cell, Initialization, PoolingName, RecurrentInit, Start
from config.section import Section, shown

Dropout = Annotated[float, Field(ge=0, lt=1)]
Bias = Annotated[float, Field(ge=-100, le=100)]


class VariantParams(Section):
    """One model to compare."""

    cell: Cell
    bidirectional: bool = False
    layers: Annotated[int, Field(ge=1, le=64)] = 1
    hidden_size: Annotated[int, Field(ge=1, le=65536)] = 64
    embedding_size: Annotated[int, Field(ge=1, le=65536)] = 128
    pooling: PoolingName = "max"
    embedding_dropout: Dropout = 0.0
    layer_dropout: Dropout = 0.0
    head_dropout: Dropout = 0.0
    freeze_embedding: bool = False
    single_bias: bool = False
    initialization: Initialization = "keras"
    forget_bias: Bias | None = None
    input_bias: Bias | None = None
    recurrent_init: RecurrentInit = "uniform"
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
        return self
