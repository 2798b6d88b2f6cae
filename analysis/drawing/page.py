"""The frame of all pages: the templates extend analysis/drawing/page.html.jinja. A page loads nothing from elsewhere."""

from pathlib import Path

import jinja2


def environment() -> jinja2.Environment:
    """The templates of this folder, with escaping."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent, encoding="utf-8"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
