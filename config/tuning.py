"""The section compare.tuning of params.yaml: the search for each variant's best setting."""

import sys
from itertools import combinations, product
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator

from config.mistakes import unknown_key
from config.section import Count, Section, Seed, shown
from config.settings import KEYS, SIZES, applied, changes_size, check_key
from config.train import TrainParams
from config.variants import VariantParams

INTEGERS = ("batch_size", "batch_tokens", "segment", *SIZES)
MOST_TRIALS = 10_000
SPACE = "compare.tuning.space"


class Range(Section):
    """The values from `low` to `high`; `log`: every order of magnitude is equally likely."""

    low: int | float
    high: int | float
    log: bool = False


Values = Range | tuple[Any, ...]  # a range, or a choice of values
RANGE = "a list of two or more different values, or a range {low: 1e-4, high: 1e-2, log: true}"


def _space(value: object) -> dict[str, Values]:
    if not isinstance(value, dict) or not value:
        raise ValueError(f"{SPACE} is {shown(value)}; allowed: keys of train and variants, each with its values")
    for key in value:
        check_key(key, SPACE)
    return {key: _values(key, values) for key, values in value.items()}


def _values(key: str, value: object) -> Values:
    if isinstance(value, Range):
        return value
    if isinstance(value, list | tuple):
        plain = all(item is None or isinstance(item, bool | int | float | str) or _is_names(item) for item in value)
        if plain and len(value) >= 2 and all(item not in value[:number] for number, item in enumerate(value)):
            return tuple(value)
    elif isinstance(value, dict) and {"low", "high"} <= value.keys():
        for part in value:
            if part not in Range.model_fields:
                raise ValueError(unknown_key(f"{SPACE}.{key}.{part}", list(Range.model_fields)))
        low, high, log = value["low"], value["high"], value.get("log", False)
        numbers = all(type(end) in (int, float) and abs(end) <= sys.float_info.max for end in (low, high))
        if numbers and type(log) is bool and low < high and (low > 0 or not log):
            return Range(low=low, high=high, log=log)
        raise ValueError(
            f"{SPACE}.{key} is {shown(value)}; allowed: numbers, low below high, above 0 with log, which is true or "
            "false"
        )
    raise ValueError(f"{SPACE}.{key} is {shown(value)}; allowed: {RANGE}")


def _is_names(value: object) -> bool:
    """Whether it is a list of names, as `pooling` takes it."""
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)


def _plain(space: dict[str, Values]) -> dict[str, Any]:
    return {key: values.model_dump() if isinstance(values, Range) else list(values) for key, values in space.items()}


def _epochs(value: object) -> object:
    if value is None or value == "auto" or (type(value) is int and 1 <= value <= 10**6):
        return value
    raise ValueError(f"compare.tuning.epochs is {shown(value)}; allowed: null, auto, or an integer from 1 to 1000000")


DEFAULT_SPACE: dict[str, Values] = {
    "learning_rate": Range(low=0.001, high=0.01, log=True),
    "head_dropout": (0.0, 0.3, 0.5),
    "pooling": ("last", "max", "mean"),
}


class TuningParams(Section):
    """The search for each variant's best setting; off with 0 trials."""

    trials: Annotated[int, Field(ge=0, le=MOST_TRIALS)] = 0
    space: Annotated[dict[str, Values], PlainValidator(_space), PlainSerializer(_plain)] = DEFAULT_SPACE
    sampler: Literal["random", "quasi_random", "tpe"] = "random"
    epochs: Annotated[Literal["auto"] | int | None, PlainValidator(_epochs)] = None
    documents: Count | None = None
    seed: Seed = 1
    repeats: Count = 1

    @property
    def learns(self) -> bool:
        """Whether the next setting of a search depends on the scores of earlier trials."""
        return self.sampler == "tpe"

    def ends(self) -> dict[str, tuple[Any, ...]]:
        """The values of each key of the space; of a range its ends."""
        return {
            key: (values.low, values.high) if isinstance(values, Range) else values
            for key, values in self.space.items()
        }

    def check(self, name: str, variant: VariantParams, train: TrainParams, matching: str) -> None:
        """Refuses a space that contains a setting with which the variant `name` cannot be trained.

        Every rule of the two sections concerns one key or two, so checking all pairs of values finds every conflict.
        The other keys of the space have their first value meanwhile. For a range, its ends are checked.

        Raises:
            ValueError: the space contains such a setting; the message is one line.
        """
        ends = self.ends()
        for key, values in self.space.items():
            if isinstance(values, Range) and key not in INTEGERS and not _takes_numbers(key):
                raise ValueError(f"{SPACE}.{key} is a range; allowed for this key: a list of values")
            if matching == "parameters" and any(changes_size(key, value) for value in ends[key]):
                kept = [name for name in KEYS if not changes_size(name, None)]
                raise ValueError(
                    f"{SPACE} names {key}, but compare.matching is 'parameters', which chooses the hidden size; "
                    f"allowed with it: {', '.join(kept)}, and of pooling neither attention nor a list"
                )
        first = {key: values[0] for key, values in ends.items()}
        pairs: list[tuple[str, ...]] = [*((key,) for key in ends), *combinations(ends, 2)]
        for keys in pairs:
            for values in product(*(ends[key] for key in keys)):
                try:
                    applied(first | dict(zip(keys, values, strict=True)), variant, train)
                except ValueError as error:
                    raise ValueError(f"{SPACE} has a setting that {name} cannot have: {error}") from None


def _takes_numbers(key: str) -> bool:
    """Whether the values of `key` are numbers that may have fractions."""
    numbers = ("learning_rate", "weight_decay", "warmup_share", "gradient_clip", "weight_drop", "label_smoothing")
    return key in (*numbers, "averaging_decay", "layer_rates") or key.endswith(("_dropout", "_bias"))
