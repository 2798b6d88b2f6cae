"""The section data of params.yaml: the data set, its source, its splits, and the options of generated data sets."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints, ValidationInfo, model_validator

import core.mixed_encoding  # noqa: F401  # makes an encoding known
from config.bins import Bins
from config.choices import CleaningName, TemporalOrderTask
from config.section import Count, Section, Seed, shown
from core.folds import FEWEST as FEWEST_FOLDS

MOST_TOKENS = 2 * 10**8  # of generated data, which are made in memory
MOST_COLUMNS = 10**6
Share = Annotated[float, Field(gt=0, lt=1)]
Rule = Literal["negation", "contrast", "retraction", "expectation", "development", "preference", "choice", "hypothesis"]

# Data sets that the project generates; each has a section with its name.
Generated = Literal["synthetic_reviews", "temporal_order", "first_token"]

# Data sets with an official address (text/sources/catalogue.py).
Published = Literal[
    "imdb", "nsmc", "sst2", "sst5", "trec", "ag_news", "mr", "subj", "cr", "mpqa", "20newsgroups", "r8", "r52",
    "dbpedia", "yelp_polarity", "yelp_full", "emotion", "banking77",
]  # fmt: skip


def _is_column(value: object) -> bool:
    return isinstance(value, str) or (type(value) is int and 1 <= value <= MOST_COLUMNS)


def _column(value: object, info: ValidationInfo) -> object:
    if value is None or _is_column(value):
        return value
    joined = "; join several columns into one in the file" if isinstance(value, list) else ""
    raise ValueError(f"data.{info.field_name} is {shown(value)}; allowed: {COLUMN}{joined}")


def _columns(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, list):
        return _column(value, info)
    kinds = {type(column) for column in value if _is_column(column)}
    if len(value) == len(set(map(str, value))) and len(kinds) == 1 and all(map(_is_column, value)):
        return value
    raise ValueError(
        f"data.{info.field_name} is {shown(value)}; allowed: {COLUMN}, or a list of different ones, all names or all "
        "numbers"
    )


COLUMN = "null, a column's name or, where the files have no header, its number, counted from 1"
Column = Annotated[str | int | None, PlainValidator(_column)]
Columns = Annotated[str | int | list[str | int] | None, PlainValidator(_columns)]


def _encoding(name: str) -> str:
    """Files are read line by line, which needs an encoding that extends ASCII."""
    if name == "auto":
        return name
    ascii_bytes = bytes(range(128))
    try:
        known = ascii_bytes.decode(name) == ascii_bytes.decode("ascii")
    except (LookupError, ValueError):
        known = False
    if not known:
        raise ValueError(
            f"data.encoding is {shown(name)}; allowed: auto, utf-8, or an encoding of Python's that extends ASCII, "
            "such as cp1252, latin-1, gb18030, cp949"
        )
    return name


def check_size(rows: int, tokens: int, key: str) -> None:
    """Refuses generated data that would take minutes to make and might not fit into memory.

    Raises:
        ValueError: `rows` of `tokens` each are more than MOST_TOKENS; the message begins with `key`.
    """
    if rows * tokens > MOST_TOKENS:
        raise ValueError(
            f"{key}, in {rows} rows; allowed: {MOST_TOKENS} tokens in all, or {MOST_TOKENS // tokens} rows of "
            "this length"
        )


class PlaceWeights(Section):
    """Where the deciding opinion of a synthetic review stands: relative frequencies."""

    beginning: Annotated[int, Field(ge=0, le=100)] = 1
    middle: Annotated[int, Field(ge=0, le=100)] = 1
    end: Annotated[int, Field(ge=0, le=100)] = 1

    @model_validator(mode="after")
    def _check(self) -> "PlaceWeights":
        if not self.beginning + self.middle + self.end:
            raise ValueError("beginning, middle and end are all 0; one of them must be 1 or more")
        return self


class AttributionWeights(Section):
    """Whether the words that say whose opinion it is come before or after the opinion: relative frequencies."""

    before: Annotated[int, Field(ge=0, le=100)] = 1
    after: Annotated[int, Field(ge=0, le=100)] = 1

    @model_validator(mode="after")
    def _check(self) -> "AttributionWeights":
        if not self.before + self.after:
            raise ValueError("before and after are both 0; one of them must be 1 or more")
        return self


class SyntheticReviewsParams(Section):
    """The built-in data set (text/synthetic/reviews.py)."""

    train_rows: Count = 2880
    validation_rows: Count = 960
    test_rows: Count = 1920
    min_tokens: Count = 50
    max_tokens: Annotated[int, Field(ge=80, le=10_000)] = 90  # an opinion with a sentence on either side fits into 80
    rules: list[Rule] = Field(default=list(get_args(Rule)), min_length=1)
    places: PlaceWeights = PlaceWeights()
    attribution: AttributionWeights = AttributionWeights()
    decoys: Annotated[int, Field(ge=0, le=10)] = 3
    opposed_share: Annotated[float, Field(ge=0, le=1)] = 0.5

    @model_validator(mode="after")
    def _check(self) -> "SyntheticReviewsParams":
        if self.max_tokens < self.min_tokens + 20:  # the longest sentence between two opinions
            raise ValueError(
                f"max_tokens is {self.max_tokens}; with min_tokens of {self.min_tokens} "
                f"it must be {self.min_tokens + 20} or more"
            )
        rows = self.train_rows + self.validation_rows + self.test_rows
        check_size(rows, self.max_tokens, f"max_tokens is {self.max_tokens}")
        if repeated := [rule for rule in self.rules if self.rules.count(rule) > 1]:
            raise ValueError(f"rules names {repeated[0]!r} more than once; each may occur only once")
        return self


class TemporalOrderParams(Section):
    """Two or three relevant symbols far apart (text/synthetic/sequences.py)."""

    task: TemporalOrderTask = "6a"
    length: Annotated[int, Field(ge=10, le=10_000)] = 100  # with 10, the ranges of the relevant symbols do not overlap
    train_rows: Count = 3000
    validation_rows: Count = 2000
    test_rows: Count = 2560

    def longest(self) -> int:
        """Symbols of the longest sequence."""
        return (self.length * 11 + 5) // 10

    @model_validator(mode="after")
    def _check(self) -> "TemporalOrderParams":
        rows = self.train_rows + self.validation_rows + self.test_rows
        check_size(rows, self.longest(), f"length is {self.length}")
        return self


class FirstTokenParams(Section):
    """The class stands at the very beginning (text/synthetic/sequences.py)."""

    distractors: Annotated[int, Field(ge=1, le=10_000)] = 100
    train_rows: Count = 3000
    validation_rows: Count = 1000
    test_rows: Count = 2000

    def longest(self) -> int:
        """Symbols of each sequence."""
        return self.distractors + 1

    @model_validator(mode="after")
    def _check(self) -> "FirstTokenParams":
        rows = self.train_rows + self.validation_rows + self.test_rows
        check_size(rows, self.longest(), f"distractors is {self.distractors}")
        return self


class DataParams(Section):
    """What the download stage fetches and how it is split."""

    name: Literal[Generated, Published, "custom"]
    source: str | None = None
    checksum: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    text_column: Columns = None
    label_column: Column = None
    encoding: Annotated[str, AfterValidator(_encoding)] = "auto"
    bins: Bins = None
    clean: list[CleaningName] = Field(default=[])
    deduplicate: Literal["none", "test", "all"] = "none"
    validation_share: Share = 0.1
    test_share: Share = 0.2
    folds: Annotated[int, Field(ge=FEWEST_FOLDS, le=100)] | None = None
    unlabelled: bool = False
    seed: Seed = 1
    synthetic_reviews: SyntheticReviewsParams = SyntheticReviewsParams()
    temporal_order: TemporalOrderParams = TemporalOrderParams()
    first_token: FirstTokenParams = FirstTokenParams()

    @model_validator(mode="after")
    def _check(self) -> "DataParams":
        if self.name == "custom" and self.source is None:
            raise ValueError("data.source is null; with data.name: custom it must name a file, folder or URL")
        if self.name in get_args(Generated) and self.source is not None:
            raise ValueError(f"data.source is {shown(self.source)}, but {self.name} is generated; allowed: null")
        if self.bins is not None and self.name != "custom":
            raise ValueError(f"data.bins is set, but data.name is {self.name}; allowed for custom")
        if self.name in get_args(Generated) and self.clean:
            raise ValueError(f"data.clean is {shown(self.clean)}, but {self.name} is generated; allowed: []")
        if self.name in get_args(Generated) and self.folds is not None:
            raise ValueError(f"data.folds is {self.folds}, but {self.name} is generated with its splits; allowed: null")
        texts = self.text_columns()
        if self.label_column is not None and any(type(text) is not type(self.label_column) for text in texts):
            raise ValueError(
                f"data.label_column is {shown(self.label_column)}, but data.text_column is {shown(self.text_column)}; "
                "both must be names, or both numbers"
            )
        if self.label_column in texts:
            raise ValueError(
                f"data.label_column is {shown(self.label_column)}, which is also in data.text_column; they must differ"
            )
        return self

    def text_columns(self) -> tuple[str | int, ...]:
        """The text columns that params.yaml names; empty if they are to be detected."""
        if isinstance(self.text_column, list):
            return tuple(self.text_column)
        return () if self.text_column is None else (self.text_column,)

    def longest_sequence(self) -> int | None:
        """The length of the longest generated sequence, in symbols; None for a data set of texts."""
        match self.name:
            case "temporal_order":
                return self.temporal_order.longest()
            case "first_token":
                return self.first_token.longest()
        return None
