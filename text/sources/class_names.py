"""Names of the classes beside the data: labels.txt, mapping.txt, id2label.json, Hugging Face's dataset_info.json.

Labels that are numbers get these names if each of them plainly has one; a note in the data card says so.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from core.class_names import is_class_name
from text.sources.archives import members
from text.sources.columns import Column

FILES = {
    *("classes.txt", "labels.txt", "class_names.txt", "label_names.txt", "labelnames.txt", "classes.names"),
    *("mapping.txt", "label_mapping.txt", "label_map.txt", "label_map.json", "label_mapping.json", "mapping.json"),
    *("id2label.json", "label2id.json", "labels.json", "categories.json", "classes.json", "label_names.json"),
    *("dataset_info.json", "dataset_infos.json"),
}
LARGEST = 2**20  # bytes; a longer file holds no names of classes
NUMBERED = re.compile(r"(-?\d+)\s*[\t,;:= ]\s*(\S.*)")  # 0 <tab> negative
EXAMPLES = 3
NO_NAMES = (ValueError, KeyError, TypeError, AttributeError, RecursionError)  # of files with another content


class Names(NamedTuple):
    """The names of the classes in a file, by label or in order."""

    file: str
    by_label: Mapping[str, str]  # empty: `in_order` has them
    in_order: Sequence[str]  # from 0 or 1

    def of(self, labels: Sequence[str]) -> dict[str, str] | None:
        """The name of each label; None if a label has none, or it is not plain which.

        Example:
            >>> Names("classes.txt", {}, ["World", "Sports"]).of(["2", "1"])
            {'2': 'Sports', '1': 'World'}
        """
        candidates = [self.by_label] if self.by_label else [self._from(0), self._from(1)]
        for names in candidates:
            complete = set(labels) <= set(names) if self.by_label else set(labels) == set(names)
            if complete and len(labels) > 1:
                return {label: names[label] for label in labels}
        return None

    def _from(self, first: int) -> dict[str, str]:
        return {str(number): name for number, name in enumerate(self.in_order, first)}


def is_name_file(name: str) -> bool:
    """Whether a file of this name may hold the names of the classes."""
    return PurePosixPath(name).name.lower() in FILES


def read_names(path: Path, files: Sequence[str], label: Column | None) -> list[Names]:
    """Reads the names of classes from `files` of the source; `label` is the label column."""
    chosen = set(filter(is_name_file, files))
    lists: list[Names] = []
    for member in members(path, chosen.__contains__) if chosen else ():
        with suppress(*NO_NAMES), member.file() as file:
            content = file.read(LARGEST + 1)
            if len(content) <= LARGEST:
                for names in _parsed(member.name, content.decode("utf-8-sig"), label):
                    if names[1:] not in [known[1:] for known in lists]:  # a folder for each split has the same ones
                        lists.append(names)
    return lists


def named(labels: Sequence[str], candidates: Sequence[Names]) -> tuple[list[str], list[str]]:
    """The labels with their names if a file has them, and a note on that."""
    for names in candidates:
        if by_label := names.of(labels):
            ordered = sorted(by_label, key=int)
            shown = ", ".join(f"{label} is {by_label[label]!r}" for label in ordered[:EXAMPLES])
            more = f" and {len(ordered) - EXAMPLES} more" if len(ordered) > EXAMPLES else ""
            return [by_label[label] for label in labels], [f"class names come from {names.file}: {shown}{more}"]
    return list(labels), []


def _parsed(file: str, content: str, label: Column | None) -> Iterator[Names]:
    if not file.lower().endswith(".json"):
        lines = [line.strip() for line in content.splitlines() if line.strip()]
        numbered = [match for line in lines if (match := NUMBERED.fullmatch(line))]
        if len(numbered) == len(lines):
            yield from _checked(file, {match[1]: match[2] for match in numbered}, [])
        else:
            yield from _checked(file, {}, lines)
        return
    value = json.loads(content)
    if PurePosixPath(file).name.lower().startswith("dataset_info"):
        configurations = [value] if "features" in value else list(value.values())
        for configuration in configurations[:1]:
            names = configuration["features"].get(label, {}).get("names", [])
            yield from _checked(file, {str(number): name for number, name in enumerate(names)}, [])
    elif isinstance(value, list):
        yield from _checked(file, {}, value)
    elif isinstance(value, dict):
        is_by_name = all(isinstance(number, int) for number in value.values())
        yield from _checked(file, {str(n): name for name, n in value.items()} if is_by_name else value, [])


def _checked(file: str, by_label: Mapping[str, Any], in_order: Sequence[Any]) -> Iterator[Names]:
    """The names, if they are different and may name classes, and their labels are numbers."""
    names = [*by_label.values(), *in_order]
    if (
        all(map(is_class_name, names))
        and len({name.strip() for name in names}) == len(names) > 1
        and all(map(_is_whole, by_label))
    ):
        stripped = {label: name.strip() for label, name in by_label.items()}
        yield Names(file, stripped, [name.strip() for name in in_order])


def _is_whole(label: str) -> bool:
    return re.fullmatch(r"-?\d+", label) is not None
