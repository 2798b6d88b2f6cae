"""The one place that reads params.yaml, typed.

Defaults stand here and in data_params.py, and nowhere else in the code. The shipped params.yaml shows each of them, for
its readers; tests/config/test_params.py holds both together.

Unknown keys, wrong types, values out of range and combinations that cannot run end in a `ParamsError` of one line that
names the key, what was found, and what is allowed.
"""

import difflib
import math
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, PlainValidator, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from config.choices import (
    Cell,
    ClassWeight,
    Initialization,
    Monitor,
    PoolingName,
    RecurrentInit,
    Schedule,
    TokenizerName,
    Truncation,
)
from config.data import DataParams
from config.section import Count, Section, Seed, cut, shown
from core.errors import ParamsError

PARAMS_FILE = Path("params.yaml")

MOST_MERGED = 100_000  # keys, which take half a second

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Dropout = Annotated[float, Field(ge=0, lt=1)]

# epochs: auto. Chosen by measurement: docs/defaults.md.
STEPS = 600
FEWEST_EPOCHS, MOST_EPOCHS = 2, 30


def _epochs(value: object) -> object:
    if value == "auto" or (type(value) is int and 1 <= value <= 10**6):
        return value
    raise ValueError(f"train.epochs is {shown(value)}; allowed: auto, or an integer from 1 to 1000000")


class TokenizeParams(Section):
    """How documents become token numbers."""

    tokenizer: Literal["auto", TokenizerName] = "auto"
    max_tokens: Count = 400
    truncation: Truncation = "head"
    max_size: Count = 20000
    min_freq: Count = 2
    vectors: str | None = None


class VariantParams(Section):
    """One model to be compared."""

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
    forget_bias: Annotated[float, Field(ge=-100, le=100)] | None = None
    input_bias: Annotated[float, Field(ge=-100, le=100)] | None = None
    recurrent_init: RecurrentInit = "uniform"

    @model_validator(mode="after")
    def _check(self) -> "VariantParams":
        for gate in ("forget", "input"):
            if (bias := getattr(self, f"{gate}_bias")) is not None and self.cell != "lstm":
                raise ValueError(
                    f"{gate}_bias is {bias}, but cell is {self.cell!r}, which has no {gate} gate; allowed: null"
                )
        if self.initialization == "keras":
            for key, free in (("forget_bias", None), ("input_bias", None), ("recurrent_init", "uniform")):
                if (found := getattr(self, key)) != free:
                    raise ValueError(
                        f"{key} is {shown(found)}, but initialization is 'keras', which has its own; "
                        f"allowed with it: {free or 'null'}; initialization: pytorch lets you choose"
                    )
        if self.layer_dropout and self.layers == 1:
            raise ValueError(f"layer_dropout is {self.layer_dropout}, but layers is 1; it needs layers of 2 or more")
        return self


class TrainParams(Section):
    """How every variant is trained."""

    epochs: Annotated[Literal["auto"] | int, PlainValidator(_epochs)] = "auto"
    batch_size: Annotated[int, Field(ge=1, le=10**6)] = 32
    learning_rate: Annotated[float, Field(gt=0, le=1e3)] = 0.003
    weight_decay: Annotated[float, Field(ge=0, le=1e3)] = 0.0
    schedule: Schedule = "linear"
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    gradient_clip: Annotated[float, Field(gt=0)] | None = 1.0
    early_stopping: Count | None = None
    monitor: Monitor = "validation_loss"
    class_weight: ClassWeight = "none"
    accelerator: Literal["cpu", "gpu", "auto"] = "cpu"
    devices: Annotated[int, Field(ge=1, le=1024)] = 1
    num_nodes: Annotated[int, Field(ge=1, le=1024)] = 1
    strategy: Literal["auto", "ddp"] = "auto"
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "64-true"] = "32-true"
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    max_seconds: Annotated[float, Field(gt=0, le=10**8)] | None = None
    checkpoint_steps: Count | None = None
    checkpoint_minutes: Annotated[float, Field(gt=0, le=10**6)] | None = None

    def epochs_for(self, documents: int) -> int:
        """`epochs`, where it is auto for so many training documents: about 600 steps, within limits.

        Where `max_seconds` ends the training, it is given all the epochs that it has time for.

        >>> [TrainParams().epochs_for(documents) for documents in (300, 3_000, 30_000)]
        [30, 6, 2]
        """
        if self.epochs != "auto":
            return self.epochs
        if self.max_seconds is not None:
            return 10**6
        steps = -(-documents // (self.batch_size * self.devices * self.num_nodes))  # of an epoch
        return min(max(round(STEPS / steps), FEWEST_EPOCHS), MOST_EPOCHS)

    @model_validator(mode="after")
    def _check(self) -> "TrainParams":
        if self.max_seconds is not None and self.schedule != "constant":
            raise ValueError(
                f"train.schedule is {self.schedule!r}, which needs a known number of steps; "
                "allowed with train.max_seconds: constant"
            )
        if self.precision == "16-mixed" and self.accelerator == "cpu":
            raise ValueError(
                "train.precision is '16-mixed', which needs a GPU, but train.accelerator is 'cpu'; "
                "allowed there: 32-true, bf16-mixed, 64-true"
            )
        return self


class CompareParams(Section):
    """What is compared with what."""

    variants: Annotated[list[Name], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    baseline: Name
    metric: Literal["accuracy", "macro_f1", "balanced_accuracy", "roc_auc", "loss"] = "accuracy"
    matching: Literal["hidden_size", "parameters", "training_time"] = "hidden_size"


class TrackingParams(Section):
    """What MLflow is told."""

    experiment: Annotated[str, StringConstraints(pattern=r"^[^/\x00-\x1f]{1,200}$")] = "lstm-vs-bilstm"


class Params(Section):
    """The whole of params.yaml."""

    data: DataParams
    tokenize: TokenizeParams = TokenizeParams()
    variants: dict[Name, VariantParams]
    train: TrainParams = TrainParams()
    compare: CompareParams
    tracking: TrackingParams = TrackingParams()

    @model_validator(mode="after")
    def _check(self) -> "Params":
        for index, name in enumerate(self.compare.variants):
            if name not in self.variants:
                raise ValueError(f"compare.variants[{index}] is {name!r}; allowed: {', '.join(self.variants)}")
        self._check_sequences()
        if self.compare.baseline not in self.compare.variants:
            raise ValueError(
                f"compare.baseline is {self.compare.baseline!r}; allowed: {', '.join(self.compare.variants)}"
            )
        if (self.train.max_seconds is None) == (self.compare.matching == "training_time"):
            raise ValueError(
                f"train.max_seconds is {self.train.max_seconds or 'null'}, but compare.matching is "
                f"{self.compare.matching!r}; max_seconds belongs to training_time, and to that alone"
            )
        lists: dict[str, list[Any]] = {"variants": self.compare.variants, "seeds": self.compare.seeds}
        for key, values in lists.items():
            if repeated := [value for value, times in Counter(values).items() if times > 1]:
                raise ValueError(f"compare.{key} names {repeated[0]!r} more than once; each may stand there once")
        return self

    def _check_sequences(self) -> None:
        """Whether the symbols of a generated sequence stay what they are, and all of them."""
        if (longest := self.data.longest_sequence()) is None:
            return
        if self.tokenize.tokenizer not in ("auto", "whitespace"):
            raise ValueError(
                f"tokenize.tokenizer is {self.tokenize.tokenizer!r}; "
                f"allowed with data.name {self.data.name}: auto, whitespace"
            )
        if self.tokenize.max_tokens < longest:
            raise ValueError(
                f"tokenize.max_tokens is {self.tokenize.max_tokens}, but data.{self.data.name} has sequences of "
                f"{longest} symbols; allowed: {longest} or more"
            )


def load(path: Path = PARAMS_FILE) -> Params:
    """The checked content of `path`.

    Raises:
        ParamsError: one line about the first mistake (and how many more there are).
    """
    try:
        yaml = YAML(typ="safe", pure=True)
        tree = yaml.compose(path.read_text(encoding="utf-8"))
        _Merged(path).keys(tree)
        content = yaml.constructor.construct_document(tree) if tree else None
    except FileNotFoundError:
        raise ParamsError(f"{path} is missing; run this in the project's folder") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} cannot be read: {error}") from None
    except (YAMLError, ValueError) as error:
        raise ParamsError(f"{path} is no valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ParamsError(f"{path} is no valid YAML: brackets or keys within one another, too many of them") from None
    return parse(content, path)


class _Merged:
    """Counts the keys that YAML's merge keys (<<) stand for, before they are written out.

    With merge keys within merge keys a short file can stand for more than could ever be written out. Each node is
    looked at once, in however many places aliases put it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[int, float] = {}
        self._total = 0.0

    def keys(self, node: Node | None) -> float:
        """How many keys a mapping has, or the mappings of a list have together.

        Raises:
            ParamsError: all merge keys together stand for too many.
        """
        if id(node) not in self._known:
            self._known[id(node)] = math.inf  # for who is within itself
            self._known[id(node)] = self._count(node)
        return self._known[id(node)]

    def _count(self, node: Node | None) -> float:
        if isinstance(node, SequenceNode):
            return sum(map(self.keys, node.value), 0.0)
        if not isinstance(node, MappingNode):
            return 0.0
        own = merged = 0.0
        for key, value in node.value:
            self.keys(key)
            found = self.keys(value)
            if key.tag == "tag:yaml.org,2002:merge":
                merged += found
            else:
                own += 1
        self._total += merged
        if self._total > MOST_MERGED:
            raise ParamsError(
                f"{self._path} has merge keys (<<) that stand for too many keys; allowed: {MOST_MERGED:,} in all"
            )
        return own + merged


def parse(content: Any, path: Path = PARAMS_FILE) -> Params:
    """`content` of the file `path`, checked.

    Raises:
        ParamsError: as `load`.
    """
    if not isinstance(content, dict):
        sections = ", ".join(Params.model_fields)
        raise ParamsError(f"{path} holds no sections; it must have {sections}")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise ParamsError(_one_line(path, error)) from None


def _one_line(path: Path, error: ValidationError) -> str:
    first, *others = error.errors(include_url=False)
    more = f" (and {len(others)} more)" if others else ""
    return f"{path}: {_describe(first)}{more}"


def _describe(detail: ErrorDetails) -> str:
    where = cut("".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip("."))
    found, context = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return _describe_unknown_key(detail["loc"])
        case "missing":
            return f"{where} is missing"
        case "model_type":
            keys = ", ".join(_section(list(map(str, detail["loc"]))).model_fields)
            return f"{where} is {shown(found)}; allowed: the keys {keys}"
        case "too_short":
            return f"{where} is {shown(found)}; allowed: at least {context['min_length']} item"
        case "value_error":
            message = str(context["error"])
            return message if message.startswith(tuple(Params.model_fields)) else f"{where}.{message}"
        case "literal_error":
            return (
                f"{where} is {shown(found)}; allowed: {context['expected'].replace(chr(39), '').replace(' or ', ', ')}"
            )
    if where.endswith(".[key]"):
        return f"{where.removesuffix('.[key]')} has the name {shown(found)}; allowed: {_PATTERNS[NAME_PATTERN]}"
    if detail["type"] == "string_pattern_mismatch":
        return f"{where} is {shown(found)}; allowed: {_PATTERNS.get(context['pattern'], context['pattern'])}"
    expected = detail["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return f"{where} is {shown(found)}; allowed: {expected[0].lower()}{expected[1:]}"


_PATTERNS = {
    NAME_PATTERN: "letters, digits, _ and -, a letter first, at most 64",
    r"^sha256:[0-9a-f]{64}$": "null or sha256:<64 hex digits>",
    r"^[^/\x00-\x1f]{1,200}$": "1 to 200 characters, no slash",
}


def _describe_unknown_key(location: tuple[int | str, ...]) -> str:
    *parents, key = map(str, location)
    allowed = list(_section(parents).model_fields)
    close = difflib.get_close_matches(key[:80], allowed, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{cut('.'.join([*parents, key]))} is an unknown key; {hint}allowed: {', '.join(allowed)}"


def _section(path: list[str]) -> type[Section]:
    """The model that declares the keys at `path`, such as VariantParams for ["variants", "lstm"]."""
    section: type[Section] = Params
    for key in path:
        if key in section.model_fields:
            annotation = section.model_fields[key].annotation
            candidates = [annotation, *get_args(annotation)]
            section = next(c for c in candidates if isinstance(c, type) and issubclass(c, Section))
    return section
