"""What the name of a class may be."""

import re

LONGEST_LABEL = 200  # characters; it stands in tables and figures
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")  # line ends, and what XML forbids


def is_class_name(text: object) -> bool:
    """Whether it is one line of visible text that is not too long.

    >>> [is_class_name(name) for name in ("very good", "", " ", "two\\nlines", "x" * 201, 5)]
    [True, False, False, False, False, False]
    """
    return isinstance(text, str) and 0 < len(text.strip()) <= LONGEST_LABEL and not CONTROL.search(text)
