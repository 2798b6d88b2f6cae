"""The section pretrain of params.yaml: what the embedding and the first recurrent layer may start from."""

from typing import Annotated

from pydantic import Field

from config.choices import Cell, Objective, PretrainDirection, Softmax
from config.section import Section, Seed

Size = Annotated[int, Field(ge=1, le=65536)]


class PretrainParams(Section):
    """Pretraining on the texts of the training and unlabelled documents."""

    objective: Objective = "none"
    direction: PretrainDirection = "both"
    cell: Cell = "lstm"
    hidden_size: Size = 64
    embedding_size: Size = 128
    softmax: Softmax = "sampled"
    epochs: Annotated[int, Field(ge=1, le=10**6)] = 5
    batch_size: Annotated[int, Field(ge=1, le=10**6)] = 32
    bptt: Annotated[int, Field(ge=1, le=10**6)] = 64
    learning_rate: Annotated[float, Field(gt=0, le=1e3)] = 0.003
    seed: Seed = 1

    def directions(self) -> tuple[str, ...]:
        """The reading directions of the language model.

        >>> PretrainParams().directions()
        ('forward', 'backward')
        """
        return ("forward", "backward") if self.direction == "both" else (self.direction,)
