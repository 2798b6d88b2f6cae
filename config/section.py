"""What all sections of params.yaml have in common: strictness, shared types, how a wrong value is shown."""

import reprlib
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Count = Annotated[int, Field(ge=1, le=10**9)]


class Section(BaseModel):
    """A section of params.yaml: strict types, no unknown keys, no changes after reading."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


# YAML's aliases can make a small file mean a value that no memory would hold, were it written out.
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 3, 80, 80, 80


def shown(value: Any) -> str:
    """The value in a message, cut where it is long."""
    try:
        text = _SHORT.repr(value)
    except ValueError:  # of Python, which writes no number of so many digits
        return "a number with thousands of digits"
    return cut(text)


def cut(text: str) -> str:
    """The text, or its beginning where it is long."""
    return text if len(text) <= 80 else text[:77] + "..."
