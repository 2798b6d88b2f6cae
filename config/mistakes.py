"""Describes a mistake in params.yaml in one line: the key, its value, and what is allowed."""

import difflib
from collections.abc import Sequence
from typing import get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.section import NAME_PATTERN, Section, cut, shown

Location = tuple[int | str, ...]

_PATTERNS = {
    NAME_PATTERN: "letters, digits, _ and -, a letter first, at most 64",
    r"^sha256:[0-9a-f]{64}$": "null or sha256:<64 hex digits>",
    r"^[^/\x00-\x1f]{1,200}$": "1 to 200 characters, no slash",
}


def describe(error: ValidationError, params: type[Section]) -> str:
    """The first mistake of `error`, and how many more there are; `params` declares all sections."""
    first, *others = error.errors(include_url=False)
    more = f" (and {len(others)} more)" if others else ""
    return f"{_describe(first, params)}{more}"


def _describe(mistake: ErrorDetails, params: type[Section]) -> str:
    location, value, context = mistake["loc"], mistake["input"], mistake.get("ctx", {})
    key = cut("".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip("."))
    match mistake["type"]:
        case "extra_forbidden":
            return _describe_unknown_key(location, params)
        case "missing":
            return f"{key} is missing"
        case "model_type":
            keys = ", ".join(_section_at(location, params).model_fields)
            return f"{key} is {shown(value)}; allowed: the keys {keys}"
        case "too_short":
            return f"{key} is {shown(value)}; allowed: at least {context['min_length']} item"
        case "value_error":  # one of our own, which names its key, with or without the section, or begins with " is"
            message = str(context["error"])
            if message.startswith(" "):
                return f"{key}{message}"
            return message if not key or message.startswith(tuple(params.model_fields)) else f"{key}.{message}"
        case "literal_error":
            choices = context["expected"].replace("'", "").replace(" or ", ", ")
            return f"{key} is {shown(value)}; allowed: {choices}"
    if key.endswith(".[key]"):
        return f"{key.removesuffix('.[key]')} has the name {shown(value)}; allowed: {_PATTERNS[NAME_PATTERN]}"
    if mistake["type"] == "string_pattern_mismatch":
        return f"{key} is {shown(value)}; allowed: {_PATTERNS[context['pattern']]}"
    expected = mistake["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return f"{key} is {shown(value)}; allowed: {expected[0].lower()}{expected[1:]}"


def _describe_unknown_key(location: Location, params: type[Section]) -> str:
    *parents, key = map(str, location)
    return unknown_key(".".join([*parents, key]), list(_section_at(parents, params).model_fields))


def unknown_key(name: str, allowed: Sequence[str]) -> str:
    """The message about an unknown key, given its whole `name`; the last part is compared with those `allowed`."""
    close = difflib.get_close_matches(name.rpartition(".")[2][:80], allowed, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{cut(name)} is an unknown key; {hint}allowed: {', '.join(allowed)}"


def _section_at(location: Location | list[str], params: type[Section]) -> type[Section]:
    """The section that declares the keys at `location`, such as VariantParams at ["variants", "lstm"]."""
    section = params
    for key in map(str, location):
        if key in section.model_fields:
            annotation = section.model_fields[key].annotation
            candidates = [annotation, *get_args(annotation)]
            section = next(c for c in candidates if isinstance(c, type) and issubclass(c, Section))
    return section
