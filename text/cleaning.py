"""What `data.clean` takes out of texts: `cleaned(text, ["html", "urls", "users"])`, in this order.

The placeholders are those of OLID (Zampieri et al.: Predicting the Type and Target of Offensive Posts in Social Media.
NAACL 2019). A trained model's texts are cleaned in the same way.
"""

import html
import re
from collections.abc import Callable, Collection

from config.choices import CleaningName

MARKUP = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>|</?[A-Za-z][^<>]*>", re.DOTALL | re.IGNORECASE)
URL = re.compile(r"(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,;:!?)\]'’”]", re.IGNORECASE)
USER = re.compile(r"(?<![\w@./])@\w+")

CLEANINGS: dict[CleaningName, Callable[[str], str]] = {
    "html": lambda text: html.unescape(MARKUP.sub(" ", text)),  # entities last, so that &lt;b&gt; stays as it was shown
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
