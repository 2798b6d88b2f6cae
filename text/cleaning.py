"""What `data.clean` takes out of texts: `cleaned(text, ["html", "urls", "users"])`, in this order.

The placeholders are those of OLID (Zampieri et al.: Predicting the Type and Target of Offensive Posts in Social Media.
NAACL 2019). A trained model's texts are cleaned in the same way.
"""

import html
import re
from collections.abc import Callable, Collection

from config.choices import CleaningName

TAG = re.compile(r"</?[A-Za-z][^<>]*>")
MARKUP = re.compile(rf"(<!--|<script\b|<style\b)|{TAG.pattern}", re.IGNORECASE)
ENDS = {
    "<!--": re.compile("-->"),
    "<script": re.compile(r"</script\s*>", re.IGNORECASE),
    "<style": re.compile(r"</style\s*>", re.IGNORECASE),
}
URL = re.compile(r"(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,;:!?)\]'’”]", re.IGNORECASE)
USER = re.compile(r"(?<![\w@./])@\w+")


def _without_markup(text: str) -> str:
    """A space for each tag, comment, script and style sheet; in time that grows with the text's length."""
    kept = []
    unclosed: set[str] = set()  # what no longer ends in the rest of the text
    done = place = 0
    while match := MARKUP.search(text, place):
        opening, end = (match[1] or "").lower(), match.end()
        if opening:
            ending = None if opening in unclosed else ENDS[opening].search(text, end)
            if ending is None:
                unclosed.add(opening)
                ending = TAG.match(text, match.start())
            if ending is None:
                place = end
                continue
            end = ending.end()
        kept.append(text[done : match.start()])
        done = place = end
    return " ".join([*kept, text[done:]])


CLEANINGS: dict[CleaningName, Callable[[str], str]] = {
    "html": lambda text: html.unescape(_without_markup(text)),  # entities last, so that &lt;b&gt; stays as it was shown
    "urls": lambda text: URL.sub("URL", text),
    "users": lambda text: USER.sub("@USER", text),
}


def cleaned(text: str, names: Collection[str]) -> str:
    """The text without HTML's tags and entities, with URL for addresses and @USER for user names, as `names` says.

    Example:
        >>> cleaned("<b>R&amp;D</b> by @ann: see https://a.org/b?c.", ["html", "urls", "users"])
        ' R&D  by @USER: see URL.'
    """
    for name, clean in CLEANINGS.items():
        if name in names:
            text = clean(text)
    return text
