"""Decides from the names of a source's files which contain documents, of which split, and which are ignored.

There are four arrangements: a table for each split, perhaps in shards; a file of texts and a file of labels, line by
line; a folder for each class, with a file for each document; a file for each class, with a document in each line. If
the names of several tables name no splits, their content decides whether they are one data set or contain a class each
(several_tables.py).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from core.errors import DataError
from text.sources.class_names import is_name_file
from text.sources.columns import listed
from text.sources.corpus import ALL
from text.sources.file_words import LABEL_WORDS, NO_CLASSES, common_key, is_class_word, usual_class, words_of
from text.sources.labels import UNLABELLED
from text.sources.split_names import EVAL, WORDS, assign, check_shards, in_order, named_split, shard_group

USUAL_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")  # one of these beside other files is the data set
TABLES = (*USUAL_TABLES, ".ndjson", ".json", ".arrow", ".feather", ".xlsx")
ALLOWED = f"{', '.join(TABLES)}, or text lines"
NO_DATA = (
    ".sgm", ".sgml",
    ".md", ".rst", ".pdf", ".doc", ".docx", ".xls", ".ods", ".html", ".htm", ".xml", ".yaml", ".yml", ".toml",
    ".cff", ".py", ".r", ".sh", ".ipynb", ".pl", ".bib", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".pkl", ".pickle",
    ".npy", ".npz", ".pt", ".bin", ".h5", ".db", ".sqlite", ".feat", ".vocab", ".lock", ".log",
)  # fmt: skip
ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar")
ABOUT = ("readme", "license", "licence", "copying", "changelog", "citation", "authors", "makefile", "notice", "urls_")
METADATA = (  # JSON beside the data on the Hugging Face Hub, Kaggle and elsewhere
    *("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "dataset-metadata.json"),
    *("datapackage.json", "config.json", "metadata.json", "croissant.json", "package.json"),
)
ORDER = ("train", "test", EVAL, "validation", ALL)
SPLIT_FILE = re.compile(r"^(train|test|valid|val|dev)[^a-z]")  # a file that holds a split
LIKE_A_SPLIT = re.compile("train|test|valid|dev|eval")  # part of a name that may mean a split: mytrain.csv
MOST_TABLES = 100  # that are opened to find out whether they belong together
MENDS = {
    **{".xls": "save it as .xlsx or CSV", ".ods": "save its sheet as .xlsx or CSV"},
    **dict.fromkeys((".xml", ".sgm", ".sgml", ".html"), "convert it to CSV"),
}


@dataclass
class Arrangement:
    """The files that hold documents, in the order of reading, and why the others are ignored."""

    split_of: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    label_file_of: dict[str, str] = field(default_factory=dict)  # for each file of texts: its file of labels
    class_of: dict[str, str] = field(default_factory=dict)  # for each file that is one document
    class_of_lines: dict[str, str] = field(default_factory=dict)  # for each file with a document in each line
    class_of_table: dict[str, str] = field(default_factory=dict)  # for each table that contains one class
    part_of: dict[str, tuple[str, str]] = field(default_factory=dict)  # for each table in a file: file and sheet or key
    refusal: str = ""  # the error if several tables do not belong together; empty if their names settle it
    notes: list[str] = field(default_factory=list)

    def rest(self, names: Iterable[str], reason: str) -> None:
        """Ignores the names that have no place yet."""
        for name in names:
            if name not in self.split_of and name not in self.label_file_of.values():
                self.ignored.setdefault(name, reason)

    def leave_out(self, split: str, reason: str) -> None:
        """Ignores the files of a split; another split takes the place of the test split if that one is missing."""
        names = [name for name, its_split in self.split_of.items() if its_split == split]
        self.ignored |= dict.fromkeys(names, reason)
        self.split_of = {name: its_split for name, its_split in self.split_of.items() if its_split != split}
        self.notes.append(f"ignored {split} split, {listed(names)}: {reason}")
        self.replace_test_split()

    def replace_test_split(self) -> None:
        """Without a test split, the validation split is the test split; without both, the training split is split."""
        splits = set(self.split_of.values())
        if "test" in splits or "train" not in splits:
            return
        if "validation" in splits:
            self.notes.append("there is no labelled test split: the validation split is used as the test split")
            replaced = {"validation": "test"}
        else:
            replaced = {"train": ALL}
        self.split_of = {name: replaced.get(split, split) for name, split in self.split_of.items()}
        order = [*ORDER]
        self.split_of = dict(sorted(self.split_of.items(), key=lambda item: order.index(item[1])))


def arrange(names: Sequence[str], path: Path) -> Arrangement:
    """The arrangement of the files in `path`.

    Raises:
        DataError: the files are no data set; the message says what was found and what is allowed.
    """
    name, times = (Counter(names).most_common(1) or [("", 0)])[0]
    if times > 1:
        raise DataError(f"{path} holds {name} {times} times, perhaps plain and compressed; allowed: once")
    result = Arrangement()
    usable = []
    for name in names:
        if reason := _no_data(name, alone=len(names) == 1):
            result.ignored[name] = reason
        else:
            usable.append(name)
    tables = [name for name in usable if _suffix(name) in TABLES]
    lines = [name for name in usable if _suffix(name) not in TABLES]
    without_tables = (_folders, _parallel, _class_files)
    arranged = not tables and any(arranged(lines, path, result) for arranged in without_tables)
    if not arranged and not _pairs_of_splits(tables, lines, path, result) and not _tables(tables, lines, path, result):
        result.refusal = _refusal(names, tables, lines, path)
        candidates = _several(tables, lines)
        if not candidates:
            raise DataError(result.refusal)
        result.split_of = dict.fromkeys(candidates, ALL)
    result.replace_test_split()
    result.rest(filter(is_name_file, usable), "it may hold the names of the classes")
    result.rest(usable, "it belongs to no split")
    return result


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _no_data(name: str, alone: bool) -> str | None:
    """Why a file is ignored; the only one may hold documents whatever its name is."""
    file = PurePosixPath(name).name.lower()
    if _suffix(name) in ARCHIVES:
        return "an archive inside a folder or archive is not read; unpack it"
    if _suffix(name) in NO_DATA:
        return f"{_suffix(name)} is not a supported data format"
    if alone:
        return None
    if file in METADATA:
        return "it describes the data set"
    return "it is about the data set" if file.startswith(ABOUT) else None


def _intents(tables: list[str], result: Arrangement) -> bool:
    """GetWeather/train_GetWeather_full.json, …: a file for each class and split, as SNIPS has them; full ones win."""
    pattern = re.compile(r"(?:.*/)?([^/]+)/([a-z]+)_\1(_full)?\.json")
    chosen: dict[tuple[str, str], str] = {}
    for name in sorted(tables):  # train_X.json before train_X_full.json
        if (match := pattern.fullmatch(name)) and (named := named_split(match[2])):
            chosen[named.split, match[1]] = name
    classes = {label for _, label in chosen}
    if len(classes) < 2 or {label for split, label in chosen if split == "train"} != classes:
        return False
    result.split_of = {
        name: split for (split, _), name in sorted(chosen.items(), key=lambda item: ORDER.index(item[0][0]))
    }
    result.rest(tables, "other files hold the documents of its class, or more of them")
    return True


def _tables(tables: list[str], lines: list[str], path: Path, result: Arrangement) -> bool:
    if _intents(tables, result) or _named(tables, path, result):
        return True
    usual = [name for name in tables if _suffix(name) in USUAL_TABLES]
    for single in (usual[:1] if len(usual) == 1 else [], tables):
        if single and len({shard_group(name) for name in single}) == 1:
            return _all(single, path, result)
    if _named([*tables, *lines], path, result):
        return True
    if not tables and lines and len({shard_group(name) for name in lines}) == 1:
        return _all(lines, path, result)
    return not tables and _train_and_other(lines, result)


def _train_and_other(lines: list[str], result: Arrangement) -> bool:
    """train_5500.label and TREC_10.label: two files with an unusual suffix, of which one is the training split."""
    by_name = sorted(lines, key=lambda name: named_split(name) is None)
    if len(lines) != 2 or _suffix(lines[0]) != _suffix(lines[1]) or _suffix(lines[0]) in ("", ".txt"):
        return False
    train, test = by_name
    if (named := named_split(train)) is None or named.split != "train" or named_split(test):
        return False
    result.split_of = {train: "train", test: "test"}
    result.notes.append(f"{test} is used as the test split, because {train} is the training split")
    return True


def _named(names: list[str], path: Path, result: Arrangement) -> bool:
    """Assigns files to the splits in their names; False unless both a training and a test or validation split exist."""
    if not any(named.split == "train" for name in names if (named := named_split(name))):
        return False
    ignored: dict[str, str] = {}
    split_of = assign(names, str(path), ignored)
    if "train" not in split_of.values() or not {"test", "validation"} & set(split_of.values()):
        return False
    result.split_of = split_of
    result.ignored |= ignored
    return True


def _all(names: list[str], path: Path, result: Arrangement) -> bool:
    check_shards(names, str(path))
    result.split_of = dict.fromkeys(in_order(names), ALL)
    return True


def _parallel(lines: list[str], path: Path, result: Arrangement) -> bool:
    """train.txt and train.labels; train_text.txt and train_labels.txt."""
    texts = {common_key(name): name for name in lines if not words_of(name) & LABEL_WORDS}
    labels = {common_key(name): name for name in lines if words_of(name) & LABEL_WORDS}
    pairs = {texts[key]: labels[key] for key in texts if key in labels}
    if not pairs or not (_named(list(pairs), path, result) or (len(pairs) == 1 and _all(list(pairs), path, result))):
        return False
    result.label_file_of = {name: pairs[name] for name in result.split_of}
    return True


def _pairs_of_splits(tables: list[str], lines: list[str], path: Path, result: Arrangement) -> bool:
    """x_train.txt, y_train.txt, x_test.txt and y_test.txt beside tables that name no split, such as labels.csv."""
    if not tables or any(map(named_split, tables)):
        return False
    has_pairs = _parallel([name for name in lines if named_split(name)], path, result)
    return has_pairs and set(result.split_of.values()) != {ALL}


def _several(tables: list[str], lines: list[str]) -> list[str]:
    """Tables in files of the same suffix, which may be one set or hold a class each; none if they are no candidates."""
    candidates = tables or lines
    usual = [name for name in candidates if _suffix(name) in USUAL_TABLES] or candidates
    hint = any(LIKE_A_SPLIT.search(PurePosixPath(name).name.lower()) for name in usual)
    alike = len({_suffix(name) for name in usual}) == 1 and not hint and not any(map(named_split, usual))
    return in_order(usual) if alike and 1 < len(usual) <= MOST_TABLES else []


def _class_files(lines: list[str], path: Path, result: Arrangement) -> bool:
    """pos.txt and neg.txt; rt-polarity.pos and rt-polarity.neg; perhaps for each split: train.pos."""
    classes = {name: usual_class(name) for name in lines}
    places_of_usual = {(str(PurePosixPath(name).parent), _suffix(name)) for name in lines if is_class_word(name)}
    if sum(map(is_class_word, lines)) > 1:  # pos.txt and neg.txt: neu.txt and q.txt beside them are classes as well
        for name in lines:
            stem = PurePosixPath(name).stem
            is_place = (str(PurePosixPath(name).parent), _suffix(name)) in places_of_usual
            if is_place and not classes[name] and stem.isalpha() and stem.lower() not in {*NO_CLASSES, *WORDS}:
                classes[name] = stem.lower()
    files = [name for name in lines if classes[name] and not set(UNLABELLED) & words_of(name)]
    named = {name: found.split for name in files if (found := named_split(name))}
    split_of = named if len(named) == len(files) else dict.fromkeys(files, ALL)
    places = {(split_of[name], classes[name]) for name in files}
    if len({classes[name] for name in files}) < 2 or len(places) < len(files):
        return False
    if split_of is named and not {"train", "test"} <= set(named.values()):
        return False
    result.split_of = {name: split_of[name] for name in sorted(files, key=lambda name: ORDER.index(split_of[name]))}
    result.class_of_lines = {name: classes[name] for name in files}
    return True


def _folders(lines: list[str], path: Path, result: Arrangement) -> bool:
    """A folder for each class, with or without a folder for each split: train/pos/0_9.txt."""
    documents: dict[str, dict[str, list[str]]] = {}  # by what is before the class's folder, then by class
    for name in lines:
        *before, label, _ = ["", *PurePosixPath(name).parts] if "/" in name else ["", "", ""]
        is_table = bool(SPLIT_FILE.search(PurePosixPath(name).name.lower()))  # emoji/train_text.txt
        if label and label.lower() not in WORDS and _suffix(name) in ("", ".txt") and not is_table:
            documents.setdefault("/".join(before), {}).setdefault(label, []).append(name)
    documents = {
        before: classes
        for before, classes in documents.items()
        if 1 < len(classes) <= sum(map(len, classes.values())) / 2
    }
    files = sum(len(names) for classes in documents.values() for names in classes.values())
    if not documents or 2 * files < len(lines):
        return False
    named = {folder: named_split(f"{folder}/any") for folder in documents}
    splits = {folder: found.split if found else ALL for folder, found in named.items()}
    if set(splits.values()) == {"train"}:
        splits = dict.fromkeys(splits, ALL)
    if len(set(splits.values())) < len(splits) or (ALL in splits.values() and len(splits) > 1):
        folders = listed([name.lstrip("/") or "." for name in sorted(documents)])
        raise DataError(
            f"{path} holds a folder for each class in {folders}, which name no splits; allowed: one folder that holds "
            "the classes' folders, which data.source may name, or train, test and optionally validation"
        )
    for folder, classes in sorted(documents.items(), key=lambda item: (ORDER.index(splits[item[0]]), item[0])):
        for label, names in sorted(classes.items()):
            if label.lower() in UNLABELLED:
                result.ignored |= dict.fromkeys(names, f"the folder {label} holds documents without a label")
                continue
            result.split_of |= dict.fromkeys(in_order(names), "test" if splits[folder] == EVAL else splits[folder])
            result.class_of |= dict.fromkeys(names, label)
    return True


def _refusal(names: Sequence[str], tables: list[str], lines: list[str], path: Path) -> str:
    if not tables and not lines:
        mend = next((f"; {MENDS[suffix]}" for name in names if (suffix := _suffix(name)) in MENDS), "")
        if archives := [name for name in names if _suffix(name) in ARCHIVES]:
            mend = f"; data.source may name {path / archives[0]}" if path.is_dir() else f"; unpack {archives[0]}"
        return f"{path} holds no table; found: {listed(names)}; allowed: {ALLOWED}{mend}"
    found = {named.split for name in tables or lines if (named := named_split(name))}
    lacking = "train" if "train" not in found else "test"
    return (
        f"{path} has no file for {lacking}; found: {listed([*tables, *lines])}; allowed: one file; or train, test and "
        "optionally validation in the names; or a folder or file for each class (pos.txt, neg.txt); data.source may "
        f"name one of them, such as {path / (*tables, *lines)[0]}"
    )
