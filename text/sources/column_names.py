"""Words in the names of columns: which columns usually hold texts, labels or row numbers."""

import re

from text.sources.columns import Column

TEXT_NAMES = (
    "text", "texts", "sentence", "sentences", "review", "reviews", "reviewtext", "document", "documents", "content",
    "comment", "comments", "commenttext", "body", "tweet", "tweettext", "message", "question", "utterance",
    "headline", "article", "description", "phrase", "sms", "post", "abstract", "query", "narrative", "title",
    "summary", "subject", "premise", "hypothesis", "answer", "utt", "passage", "context",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "labeltext", "labelname", "class", "classes", "classindex", "classname", "category",
    "categories", "sentiment", "target", "polarity", "stars", "star", "rating", "overall", "score", "intent",
    "emotion", "topic", "tag", "type", "gold", "goldlabel", "annotation", "stance", "y",
)  # fmt: skip
LAST_WORDS = (  # airline_sentiment, overall_rating
    *("label", "class", "category", "sentiment", "polarity", "intent", "emotion", "topic", "rating", "stars", "score"),
)
DERIVED = {  # words in the names of columns that repeat the text of another column in another form
    *("annot", "annotated", "clean", "cleaned", "processed", "preprocessed", "normalized", "normalised", "tokenized"),
    *("tokens", "lemmatized", "stemmed", "lower", "translated", "translation"),
}
INDEX_NAMES = ("", "index", "id", "unnamed0", "idx", "rowid")


def plain(name: str) -> str:
    """A column's name without case, spaces and punctuation.

    Example:
        >>> plain("Class Index"), plain("review_text")
        ('classindex', 'reviewtext')
    """
    return re.sub(r"[\W_]", "", name.casefold())


def has_usual_name(column: Column) -> bool:
    """Whether a name, or a word of it, is usual for texts.

    Example:
        >>> [has_usual_name(name) for name in ("Review Title", "OriginalTweet", "short_description", "reason", 2)]
        [True, True, True, False, False]
    """
    return plain(str(column)) in TEXT_NAMES or not set(words_of(column)).isdisjoint(TEXT_NAMES)


def is_usual(name: str) -> bool:
    """Whether a column of this name may hold texts or labels."""
    return has_usual_name(name) or ends_as_label(name) or plain(name) in LABEL_NAMES


def ends_as_label(column: Column) -> bool:
    """Whether the last word of a name is usual for labels."""
    return not set(words_of(column)[-1:]).isdisjoint(LAST_WORDS)


def words_of(column: Column) -> list[str]:
    """The words of a name, in small letters."""
    return [word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+(?![a-z])", str(column))]
