"""Words in the names of files: the class of a file, and whether it holds texts or labels."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

LABEL_WORDS = {"label", "labels", "lab", "class", "classes", "target", "targets", "gold", "y"}
TEXT_WORDS = {"text", "texts", "sentence", "sentences", "txt", "data", "x", "input", "inputs", "doc", "docs",
    "seq", "in",  # seq.in beside label, as in SNIPS and ATIS
}  # fmt: skip
CLASS_WORDS = {  # names of files that hold the documents of a class
    *("pos", "neg", "positive", "negative", "neutral", "spam", "ham", "fake", "real", "true", "toxic", "nontoxic"),
    *("objective", "subjective", "plot", "quote", "sarcastic", "ironic", "hate", "clickbait", "non"),
}  # fmt: skip
NO_CLASSES = {  # names of files beside those of classes
    *("stopwords", "stopword", "vocab", "vocabulary", "words", "wordlist", "lexicon", "dictionary", "dict", "names"),
    *("lists", "index", "requirements", "info", "notes", "classes", "mapping"),
}


def is_class_word(name: str) -> bool:
    """Whether the name of a file is a usual name of a class, and nothing else."""
    return PurePosixPath(name).stem.lower() in CLASS_WORDS


def usual_class(name: str) -> str:
    """The class that a file's name contains as usual words; empty if it contains none."""
    return "_".join(sorted(words_of(name) & CLASS_WORDS))


def usual_classes(names: Iterable[str]) -> dict[str, str]:
    """The class in each file's name, as in pos.csv and fake_news.csv; empty if a name has none, or two are equal.

    Example:
        >>> usual_classes(["Fake.csv", "True.csv"]), usual_classes(["amazon.csv", "imdb.csv"])
        ({'Fake.csv': 'fake', 'True.csv': 'true'}, {})
    """
    classes = {name: usual_class(name) for name in names}
    return classes if all(classes.values()) and len(set(classes.values())) == len(classes) else {}


def words_of(name: str) -> set[str]:
    """The words in the name of a file, in small letters."""
    return set(re.findall("[a-z]+", PurePosixPath(name).name.lower()))


def common_key(name: str) -> tuple[str, ...]:
    """What the names of a file of texts and of its file of labels have in common."""
    words = re.findall("[a-z]+|[0-9]+", PurePosixPath(name).name.lower())
    return str(PurePosixPath(name).parent), *(word for word in words if word not in LABEL_WORDS | TEXT_WORDS)
