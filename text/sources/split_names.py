"""Which split a file belongs to, by the names that people use: train-00000-of-00001.parquet, pn_train.csv, dev.tsv.

The file's name decides or, if it names no split, the folders that contain the file (train/0000.parquet). Files whose
names differ only in numbers are shards of one file. If several files could be the same split, an exact name (train.csv)
wins over a name with more words (train_preprocess.csv), and that wins over a folder's name. If there still are several,
the one that is named like the training file wins (beside in_domain_train.tsv, in_domain_dev.tsv wins over
out_of_domain_dev.tsv).
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from core.errors import DataError
from text.sources.column_names import words_of

EVAL = "eval"  # the test split, or the validation split beside a test split

WORDS = {
    **dict.fromkeys(("train", "training", "trainset", "traindata", "trainingset", "trainingdata"), "train"),
    **dict.fromkeys(("validation", "validate", "valid", "val", "dev", "devel", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "testset", "testdata"), "test"),
    **dict.fromkeys(("eval", "evaluation"), EVAL),
}
USUAL = ("train", "test", "validation", "valid", "dev")  # win over every other name
SPLITS = ("train", "test", "validation")


class Named(NamedTuple):
    """The split that a name says; the lowest `rank` wins."""

    split: str
    rank: int


def named_split(name: str) -> Named | None:
    """The split that the path `name` says; None if it says none, or several.

    Example:
        >>> [named_split(name) for name in ("data/pn_train.csv", "test/0000.parquet", "reviews.csv")]
        [Named(split='train', rank=2), Named(split='test', rank=3), None]
        >>> named_split("drugsComTrain_raw.tsv")
        Named(split='train', rank=2)
    """
    *folders, file = name.split("/")
    stem = PurePosixPath(file).stem.lower()
    if stem in USUAL:
        return Named(WORDS[stem], 0)
    if stem in WORDS:
        return Named(WORDS[stem], 1)
    for rank, part in enumerate([file, *reversed(folders)], 2):
        splits = {WORDS[word] for word in _words(part) if word in WORDS}
        if splits:
            return Named(splits.pop(), rank) if len(splits) == 1 else None
    return None


def _words(part: str) -> set[str]:
    """The words in a name, also those that begin with a capital: drugsComTrain_raw."""
    return {*re.findall("[a-z]+", part.lower()), *words_of(part)}


def shard_group(name: str) -> str:
    """What the names of all shards of a file have in common."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/{re.sub('[0-9]+', '0', file)}"


def in_order(names: Sequence[str]) -> list[str]:
    """Shards by number: data-2 before data-10."""
    return sorted(names, key=lambda name: [(int(n or 0), text) for text, n in re.findall("([^0-9]*)([0-9]*)", name)])


def assign(names: Sequence[str], origin: str, ignored: dict[str, str]) -> dict[str, str]:
    """The split of each file that is named by one; the files of a split are shards in order.

    `ignored` gets the reason for each of the others.

    Raises:
        DataError: several files could be the same split, or a shard is missing.
    """
    by_split: dict[str, dict[int, list[str]]] = {}
    for name in names:
        if (named := named_split(name)) is None:
            ignored[name] = "its name says neither train nor validation nor test"
        else:
            by_split.setdefault(named.split, {}).setdefault(named.rank, []).append(name)
    if EVAL in by_split:
        free = [split for split in ("test", "validation") if split not in by_split]
        if free:
            by_split[free[0]] = by_split.pop(EVAL)
        else:
            files = [name for found in by_split.pop(EVAL).values() for name in found]
            ignored.update(dict.fromkeys(files, "other files are the validation and test splits"))
    result: dict[str, str] = {}
    for split in (split for split in SPLITS if split in by_split):
        best, *others = (by_split[split][rank] for rank in sorted(by_split[split]))
        if len({shard_group(name) for name in best}) > 1:
            training = {_without_split(name) for name, its_split in result.items() if its_split == "train"}
            alike = [name for name in best if _without_split(name) in training]
            if alike:
                others.append([name for name in best if name not in alike])
                best = alike
        if len({shard_group(name) for name in best}) > 1:
            raise DataError(
                f"{origin} holds several files for {split}: {', '.join(best[:10])}; allowed: one file, or train, test "
                "and optionally validation; move the others away, or let data.source name a folder or file in it, "
                f"such as {PurePosixPath(origin) / _choice(best)}"
            )
        check_shards(best, origin)
        result |= dict.fromkeys(in_order(best), split)
        ignored |= {name: f"{best[0]} is the {split} split" for files in others for name in files}
    return result


def _without_split(name: str) -> str:
    """The name with * for the words that say a split."""
    return re.sub("[a-z]+", lambda word: "*" if word[0] in WORDS else word[0], shard_group(name.lower()))


def _choice(names: Sequence[str]) -> str:
    """A file or folder that holds only one of the files."""
    folders = {str(PurePosixPath(name).parent) for name in names}
    return names[0] if len(folders) < len(names) else str(PurePosixPath(names[0]).parent)


def check_shards(names: Sequence[str], origin: str) -> None:
    """Checks that all shards are there if their names say how many there are: train-00000-of-00002.parquet.

    Raises:
        DataError: names the numbers.
    """
    shards = max((int(match[1]) for name in names if (match := re.search("-of-([0-9]+)", name))), default=0)
    if len(names) < shards:
        raise DataError(f"{origin} holds {len(names)} of {shards} shards: {', '.join(names[:3])}")
