"""Draws panels: as PNG, as matplotlib figure, and as SVG with the page's colours and a tooltip for each mark.

The same panels give the same bytes: no times, versions or random ids are written.
"""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from analysis.drawing.panels import COLOURS, GRID, INK, MUTED, Panel, Tips, legend_handles

WIDTH = 360  # points, of a panel
COLUMNS = 3  # panels side by side in a PNG
POINTS_PER_INCH = 72
SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"

# The names of the colours in the page's stylesheet, which sets them for light and dark mode.
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--line"} | {
    colour: f"--variant-{index}" for index, colour in enumerate(COLOURS)
}

RC_PARAMS: dict[Any, Any] = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Noto Sans CJK JP", "Noto Sans"],
    "font.size": 12.5,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 11.5,
    "axes.titlecolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "text.parse_math": False,
    "svg.fonttype": "none",
}


def panels_png(panels: Sequence[Panel], names: Sequence[str]) -> bytes:
    """Panels side by side, with a legend of those of `names` that are drawn, each in its style: a PNG file."""
    with _style():
        return _saved(_side_by_side(panels, names), "png", {"Software": None})


def panels_figure(panels: Sequence[Panel], names: Sequence[str]) -> Figure:
    """The same as a figure that anybody may save."""
    with _style():
        figure = _side_by_side(panels, names)
        figure.draw_without_rendering()  # creates the ticks now, while the style is active
    return figure


@contextmanager
def _style(**settings: str) -> Iterator[None]:
    with matplotlib.rc_context(RC_PARAMS | settings), warnings.catch_warnings():
        # If no font has a label's script, a PNG shows boxes; the page does not, because the browser draws its text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def _side_by_side(panels: Sequence[Panel], names: Sequence[str]) -> Figure:
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    heights = [max(panel.height for panel in panels[row * columns : (row + 1) * columns]) for row in range(rows)]
    size = (columns * WIDTH / POINTS_PER_INCH, (sum(heights) + 40) / POINTS_PER_INCH)
    layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12)
    figure = Figure(figsize=size, dpi=144, layout=layout, facecolor="white")
    grid = figure.subplots(rows, columns, squeeze=False, height_ratios=heights).ravel().tolist()
    for axes, panel in zip(grid, panels, strict=False):
        _draw(axes, panel)
    for axes in grid[len(panels) :]:
        axes.remove()
    drawn = {line.get_color() for axes in figure.axes for line in axes.lines}
    handles = [handle for handle in legend_handles(names) if handle.get_color() in drawn]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return figure


def panel_svg(panel: Panel) -> str:
    """One panel as an <svg> element for a page that defines the colours' variables."""
    with _style(**{"svg.hashsalt": panel.title}):  # ids differ between a page's panels
        size = (WIDTH / POINTS_PER_INCH, panel.height / POINTS_PER_INCH)
        figure = Figure(figsize=size, layout="constrained", facecolor="none")
        axes = figure.subplots()
        axes.set_facecolor("none")
        tips = _draw(axes, panel)
        axes.set_title("")
        figure.suptitle(panel.title, x=0.01, ha="left", size=RC_PARAMS["axes.titlesize"], weight="bold", color=INK)
        drawing = _saved(figure, "svg", dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _for_page(drawing.decode(), panel.title, tips)


def _draw(axes: Axes, panel: Panel) -> Tips:
    axes.tick_params(length=0)
    axes.set_title(panel.title)
    return panel.draw(axes)


def _saved(figure: Figure, form: str, metadata: dict[str, None]) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, metadata=metadata)
    return buffer.getvalue()


def _for_page(drawing: str, title: str, tips: Tips) -> str:
    """Puts tips into <title> elements, drops unused ids, and lets the page choose colours and fonts."""
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(drawing)
    referred = set(re.findall(r'(?:url\(|href=")#([^)"]+)', drawing))
    for element in root.iter():
        name = element.get("id")
        if name in tips:
            element.set("class", "tip")
            tip = ElementTree.Element(f"{{{SVG}}}title")
            tip.text = tips[name]
            element.insert(0, tip)
        if name is not None and name not in referred:
            del element.attrib["id"]
    for unwanted in root.findall(f"{{{SVG}}}metadata"):
        root.remove(unwanted)
    for attribute in ("width", "height"):
        del root.attrib[attribute]
    root.set("role", "img")
    root.set("aria-label", title)
    result = ElementTree.tostring(root, encoding="unicode")
    for colour, variable in VARIABLES.items():
        result = result.replace(colour, f"var({variable})")
    return re.sub(r"font-family: [^;\"]*;? ?", "", result)
