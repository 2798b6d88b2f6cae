"""The look that all pages share: page.html.jinja, which the others extend. A page is one file that needs no other."""

from pathlib import Path

import jinja2


def environment() -> jinja2.Environment:
    """The templates, by their paths such as analysis/report/report.html.jinja; what they show is escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parents[2], encoding="utf-8"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
