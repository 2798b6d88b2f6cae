"""What all sections of params.yaml have in common: strictness, shared types, how a message shows a value."""

import reprlib
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Count = Annotated[int, Field(ge=1, le=10**9)]


class Section(BaseModel):
    """A section of params.yaml: strict types, no unknown keys, no changes after reading."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


# Through YAML's aliases a small file can hold a value that would not fit into memory when written out.
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 3, 80, 80, 80


def shown(value: Any) -> str:
    """The value as a message shows it, cut to 80 characters."""
    try:
        text = _SHORT.repr(value)
    except ValueError:  # Python does not print a number with so many digits
        return "a number with thousands of digits"
    return cut(text)


def cut(text: str) -> str:
    """The text, cut to 80 characters."""
    return text if len(text) <= 80 else text[:77] + "..."
