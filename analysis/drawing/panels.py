"""Panels, of which figures consist, and the style of each variant.

A figure is a row of panels, each readable on a phone by itself. A variant has the same colour, marker and dash in all
figures, so that no figure needs colour vision (colours: M. Okabe and K. Ito, "Color Universal Design", 2008).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

INK, MUTED, GRID = "#1f2328", "#68707c", "#dde1e6"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#e69f00", "#56b4e9", "#8c6d1f", "#555577")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))

Tips = dict[str, str]


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: heading
        height: in points; the width is 360
        draw: draws on the axes and returns {gid of an artist: its tooltip}
    """

    title: str
    height: float
    draw: Callable[[Axes], Tips]


@dataclass(frozen=True)
class Style:
    """How one variant is drawn."""

    color: str
    marker: str
    linestyle: Any


def styles(variants: Sequence[str]) -> dict[str, Style]:
    """The look of each variant, the same in every figure."""
    return {
        variant: Style(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], DASHES[i % len(DASHES)])
        for i, variant in enumerate(variants)
    }


def legend_handles(variants: Sequence[str]) -> list[Line2D]:
    """The entries of a legend of the variants."""
    return [
        Line2D([], [], color=style.color, marker=style.marker, linestyle=style.linestyle, label=variant)
        for variant, style in styles(variants).items()
    ]


def point(axes: Axes, x: float, y: float, style: Style, gid: str, size: float, filled: bool = True) -> None:
    """Draws a variant's mark, of `size` points; `gid` is the key of its tooltip."""
    face = style.color if filled else "none"
    axes.plot(
        [x],
        [y],
        marker=style.marker,
        markersize=size,
        color=style.color,
        markerfacecolor=face,
        linestyle="none",
        gid=gid,
    )


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Names the rows 0, 1, … from the top down."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(False, axis="y")


def percent(share: float) -> str:
    """A share as tooltips print it."""
    return f"{100 * share:.1f} %"
