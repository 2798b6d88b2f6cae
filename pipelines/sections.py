"""What all sections of params.yaml have in common: strictness, shared types, how a wrong value is shown."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Count = Annotated[int, Field(ge=1, le=10**9)]


class Section(BaseModel):
    """A section of params.yaml: strict types, no unknown keys, no changes after reading."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


def shown(value: Any) -> str:
    """The value in a message, cut where it is long."""
    return repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "..."
