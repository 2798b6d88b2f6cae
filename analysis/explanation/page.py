"""An explanation as one self-contained HTML page: fills in analysis/explanation/explanation.html.jinja."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from analysis.drawing.page import environment
from analysis.drawing.render import panel_svg
from analysis.explanation.equations import equation_html, shape_of
from analysis.explanation.figures import gradient_panels, words_panel
from analysis.explanation.statements import (
    Explanation,
    headline,
    kept_of_first_half,
    landmarks,
    percent,
    size,
    statements,
)
from analysis.verdict.phrases import short
from models.inside.reading import CellDescription, Floats, PassageReading, Reading, Signal

MOST_LINES = 5  # classes whose probability is drawn


@dataclass(frozen=True)
class CellView:
    """One memory cell in the template: its memory as SVG points, what is added as an SVG path, and the value at ±1."""

    number: int
    memory: str
    added: str
    largest: str


@dataclass(frozen=True)
class PassageView:
    """A passage in the template; `shown` pairs each signal with its mean over the h numbers, as SVG points."""

    passage: PassageReading
    title: str
    shown: list[tuple[Signal, str, str]]
    written: str
    left: str
    kept: str
    best: str
    followed: CellView | None


@dataclass(frozen=True)
class ModelView:
    """A model in the template; `lines` are the classes with the points of their probability."""

    name: str
    reading: Reading
    cell: CellDescription
    statements: list[str]
    lines: list[tuple[str, str]]
    passages: list[PassageView]
    marks: list[int]
    words: Markup
    gradient: Markup


def render(explanation: Explanation) -> str:
    """The page, as text."""
    pages = environment()
    pages.filters["equation"] = equation_html
    pages.filters["shape"] = shape_of
    pages.filters["short"] = short
    gradients = gradient_panels(explanation)
    models = [
        ModelView(
            name=name,
            reading=reading,
            cell=reading.description,
            statements=statements(explanation, name),
            lines=_lines(explanation, reading),
            passages=[_passage_view(reading, passage) for passage in reading.passages],
            marks=landmarks(explanation.tokens, np.abs(reading.leave_one_out)),
            words=Markup(panel_svg(words_panel(explanation, name))),
            gradient=Markup(panel_svg(gradients[name])),
        )
        for name, reading in explanation.readings.items()
    ]
    return pages.get_template("analysis/explanation/explanation.html.jinja").render(
        explanation=explanation,
        headline=headline(explanation),
        models=models,
        cells={model.reading.cell: model.cell for model in models},
        content=_content(explanation),
    )


def _lines(explanation: Explanation, reading: Reading) -> list[tuple[str, str]]:
    """The most probable classes, the chosen one first, and the right one, each with its probability as points."""
    order = [int(index) for index in np.argsort(-reading.probabilities, kind="stable")]
    shown = order[:MOST_LINES] if len(order) > 2 else order[:1]
    if len(order) > 2 and explanation.label is not None and explanation.label not in shown:
        shown[-1] = explanation.label
    return [(explanation.classes[index], _points(reading.prefixes[:, index])) for index in shown]


def _points(values: Floats, largest: float = 1.0) -> str:
    """Values of all tokens as points of a drawing that is T wide and 100 high."""
    heights = 100 - 100 * values / max(largest, 1e-300)
    return " ".join(f"{token + 0.5},{height:.1f}" for token, height in enumerate(heights))


def _passage_view(reading: Reading, passage: PassageReading) -> PassageView:
    arrow = "reads forward →" if passage.direction == "forward" else "← reads backward, from the last token"
    layer = f"Layer {passage.layer} · " if reading.passages[-1].layer > 1 else ""
    shown = []
    for signal in reading.description.signals:
        values = passage.values[signal.letter]
        largest = float(size(values).max()) if signal.signed else 1.0
        shown.append((signal, _points(size(values), largest), f"{largest:.2f}"))
    if passage.written is None or passage.left is None:
        return PassageView(passage, layer + arrow, shown, "", "", "", "", None)
    written, left = size(passage.written), size(passage.left)
    mean, best = (percent(share) for share in kept_of_first_half(passage, reading.segment))
    largest = float(written.max())
    return PassageView(
        passage,
        layer + arrow,
        shown,
        _points(written, largest),
        _points(left, largest),
        kept=mean,
        best=best,
        followed=_cell_view(reading, passage),
    )


def _cell_view(reading: Reading, passage: PassageReading) -> CellView:
    assert passage.written is not None
    number = passage.followed
    memory, added = passage.values[reading.description.memory][:, number], passage.written[:, number]
    largest = max(float(np.abs([memory, added]).max()), 1e-300)
    heights = 50 - 50 * np.array([memory, added]) / largest  # (2, T): 0 lies in the middle
    points = " ".join(f"{token + 0.5},{height:.1f}" for token, height in enumerate(heights[0]))
    path = "".join(f"M{token + 0.5} 50V{height:.1f}" for token, height in enumerate(heights[1]))
    return CellView(number + 1, points, path, f"{largest:.2f}")


def _content(explanation: Explanation) -> dict[str, Any]:
    """The numbers for the page's script."""
    return {
        "tokens": list(explanation.tokens),
        "unknown": [bool(value) for value in explanation.unknown],
        "classes": list(explanation.classes),
        "models": [
            {
                "name": name,
                "chosen": reading.chosen,
                "prefixes": _rounded(reading.prefixes),
                "leave_one_out": _rounded(reading.leave_one_out),
                "gradient_input": _rounded(reading.gradient_input),
                "hidden_size": reading.hidden_size,
                "passages": [_signals(reading, passage) for passage in reading.passages],
            }
            for name, reading in explanation.readings.items()
        ],
    }


def _signals(reading: Reading, passage: PassageReading) -> dict[str, Any]:
    cell = reading.description
    order = np.argsort(passage.values[cell.sorting].mean(axis=0), kind="stable")  # (h,)
    signals = {}
    for signal in cell.signals:
        values = passage.values[signal.letter][:, order]  # (T, h)
        largest = float(np.quantile(np.abs(values), 0.99)) if signal.signed else 1.0
        signals[signal.letter] = {
            "name": signal.name,
            "signed": signal.signed,
            "largest": round(largest, 4),
            "mean": _rounded(size(values)),
            "cells": _bytes(values.T / max(largest, 1e-300), signal.signed),
        }
    followed = {letter: _rounded(values[:, passage.followed]) for letter, values in passage.values.items()}
    before = -1 if passage.direction == "forward" else 1
    segment = reading.segment or len(reading.prefixes)
    result: dict[str, Any] = {
        "signals": signals, "order": order.tolist(), "followed": followed, "before": before, "segment": segment
    }  # fmt: skip
    if passage.written is not None and passage.left is not None:
        result["written"], result["left"] = _rounded(size(passage.written)), _rounded(size(passage.left))
    return result


def _bytes(values: Floats, signed: bool) -> str:
    """Values (h, T) in −1..1 or 0..1 as one byte each, row by row, in base64."""
    scaled = 127.5 * (1 + values.clip(-1, 1)) if signed else 255 * values.clip(0, 1)
    return base64.b64encode(np.rint(scaled).astype(np.uint8).tobytes()).decode()


def _rounded(values: Floats) -> Any:
    """In four significant digits."""
    digits = np.vectorize(lambda value: float(f"{value:.4g}"), otypes=[float])
    return digits(values).tolist() if values.size else []
