"""The look that all pages share: analysis/drawing/page.html.jinja, which the others extend. A page needs nothing but itself."""

from pathlib import Path

import jinja2


def environment() -> jinja2.Environment:
    """The templates of this folder; what they show is escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent, encoding="utf-8"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
