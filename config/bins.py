"""`data.bins`: classes as ranges of numbers, such as `{negative: 1-2, positive: 4-5}`."""

import re
from collections.abc import Mapping
from itertools import combinations
from typing import Annotated, NamedTuple

from pydantic import PlainValidator

from config.section import shown
from core.class_names import LONGEST_LABEL, is_class_name

NUMBER = r"-?\d+(?:\.\d+)?"
RANGE = re.compile(rf"\s*({NUMBER})(?:\s*-\s*({NUMBER}))?\s*")
ALLOWED = "null, or two classes or more, each with a number or a range (both ends belong to it), such as 1-2"


class Bin(NamedTuple):
    """The numbers from `low` to `high`; both belong to it."""

    low: float
    high: float


def _bins(value: object) -> object:
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) < 2:
        raise ValueError(f"data.bins is {shown(value)}; allowed: {ALLOWED}")
    bins: dict[str, Bin] = {}
    for name, text in value.items():
        if not is_class_name(name):
            raise ValueError(
                f"data.bins has the class {shown(name)}; allowed: a line of at most {LONGEST_LABEL} characters"
            )
        is_number = isinstance(text, int | float) and not isinstance(text, bool)
        match = RANGE.fullmatch(str(text)) if is_number or isinstance(text, str) else None
        if match is None or (match[2] and float(match[1]) > float(match[2])):
            raise ValueError(f"data.bins.{name} is {shown(text)}; allowed: a number, or a range such as 1-2")
        bins[name] = Bin(float(match[1]), float(match[2] or match[1]))
    for (one, a), (other, b) in combinations(bins.items(), 2):
        if a.low <= b.high and b.low <= a.high:
            raise ValueError(f"data.bins.{one} is {shown(value[one])} and {other} {shown(value[other])}; they overlap")
    return bins


Bins = Annotated[Mapping[str, Bin] | None, PlainValidator(_bins)]
