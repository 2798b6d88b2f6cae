"""Sentences, labels and figures of an explanation say what the numbers say."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from analysis.drawing.render import panel_svg
from analysis.explanation.equations import equation_html, shape_of
from analysis.explanation.figures import gradient_panels, words_panel
from analysis.explanation.page import render
from analysis.explanation.statements import (
    Explanation,
    agreement,
    headline,
    landmarks,
    percent,
    reach,
    settled,
    statements,
)
from config.choices import Cell
from models.inside.reading import Floats, PassageReading, Reading
from models.textbook import DESCRIPTIONS

TOKENS = ["a", "good", "film", "turned", "bad", "."]


def reading(length: int = 6, classes: int = 2) -> Reading:
    generator = np.random.default_rng(length)
    keep: Floats = np.full((length, 2), 0.5)
    wrote: Floats = np.ones((length, 2))
    fading: Floats = np.exp2(-np.arange(length, dtype=np.float64))
    passages = [
        PassageReading(
            layer=1,
            direction="forward" if direction == 0 else "backward",
            values={
                "f": keep,
                "i": generator.uniform(0, 1, (length, 2)),
                "g": wrote,
                "C": wrote,
                "o": keep,
                "h": -wrote,
            },
            written=wrote,
            left=wrote * fading[:: -1 if direction == 0 else 1, None],
            followed=1,
            gradients=dict.fromkeys("Ch", fading[:: -1 if direction == 0 else 1]),
        )
        for direction in range(2)
    ]
    prefixes = np.full((length, classes), 0.2 / max(classes - 1, 1))
    prefixes[:, 1] = 0.8
    return Reading(
        cell="lstm",
        description=DESCRIPTIONS["lstm"],
        input_sizes=[4],
        hidden_size=2,
        segment=None,
        probabilities=prefixes[-1],
        prefixes=prefixes,
        leave_one_out=np.linspace(-1, 2, length),
        gradient_input=np.linspace(2, -1, length),
        passages=passages,
    )


def explanation(tokens: list[str] = TOKENS, **changes: object) -> Explanation:
    explanation = Explanation(
        data="made up",
        source="the text given",
        classes=["negative", "positive"],
        label=0,
        tokens=tokens,
        unknown=[False] * len(tokens),
        cut=0,
        readings={"bilstm": reading(len(tokens))},
    )
    return replace(explanation, **changes)  # type: ignore[arg-type]


def test_the_headline_says_what_the_models_say_and_what_is_right() -> None:
    assert (
        headline(explanation())
        == "bilstm classifies this text as positive (probability 80 %). The right class is negative."
    )
    assert headline(explanation(label=None)) == "bilstm classifies this text as positive (probability 80 %)."


def test_the_statements_are_those_of_the_numbers() -> None:
    words, course, memory, gradient = statements(explanation(), "bilstm")
    # The odds of 4 to 1, less 2 in log-odds: 4 / (4 + e²).
    assert words == "The most important token is “.” (token 6): without it positive falls from 80 % to 35 %."
    assert course == "The predicted class is the same from the first token on."
    # (1/32 + 1/16 + 1/8) / 3
    assert memory.startswith(
        "7 % of what the forward direction writes in the first half of its reading is left at the end"
    )
    assert gradient == (
        "The gradient norm is at least 1 % of its largest value all the way back in the forward memory "
        "and all the way back in the backward memory."
    )


def test_where_no_token_decides_the_statement_says_so() -> None:
    unmoved = replace(reading(), leave_one_out=np.array([0.0, 0.0, 0.01, 0.0, 0.0, 0.0]))
    words, *_ = statements(explanation(readings={"bilstm": unmoved}), "bilstm")
    assert words == (
        "No single token decides: without “film” (token 3), the most important one, positive goes from 80 % to 80 %."
    )


def test_the_last_change_of_mind_is_the_token_after_which_the_class_stays() -> None:
    prefixes = np.array([[0.4, 0.6], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]])
    assert settled(replace(reading(4), prefixes=prefixes, probabilities=prefixes[-1])) == 2


def test_the_gradient_reaches_as_far_as_it_is_not_below_a_hundredth() -> None:
    assert reach(np.array([0.001, 0.02, 0.005, 1.0])) == 2
    assert reach(np.array([1.0])) == 0
    assert reach(np.zeros(3)) == 2


def test_the_measures_agreement_is_a_rank_correlation_where_there_is_one() -> None:
    assert agreement(reading()) == pytest.approx(-1)
    assert agreement(reading(2)) is None
    assert agreement(replace(reading(), leave_one_out=np.zeros(6))) is None


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=80), st.randoms())
def test_landmarks_are_tokens_in_order_and_the_most_important_is_among_them(tokens: list[str], random: object) -> None:
    importance = np.random.default_rng(len(tokens)).uniform(size=len(tokens))
    positions = landmarks(tokens, importance)
    assert positions == sorted(set(positions))
    assert 1 <= len(positions) <= 9
    assert int(importance.argmax()) in positions


@given(st.floats(0, 1))
def test_only_certainty_is_shown_as_0_or_100_percent(share: float) -> None:
    assert (percent(share) == "100 %") == (share == 1)
    assert (percent(share) == "0 %") == (share == 0)


def test_figures_tell_the_token_and_its_values() -> None:
    words = panel_svg(words_panel(explanation(), "bilstm"))
    assert "good (token 2), leave one out: -0.40" in words
    assert "good (token 2), gradient × input: +1.40" in words
    gradient = panel_svg(gradient_panels(explanation())["bilstm"])
    assert "backward, memory C, 2 back (film): 0.25 of its largest norm" in gradient
    ElementTree.fromstring(gradient)


@pytest.mark.parametrize("tokens", [["하나"], ["정말", "좋은", "영화"], [f"w{number}" for number in range(400)]])
@pytest.mark.parametrize("classes", [2, 7])
def test_a_page_is_made_of_any_number_of_tokens_and_classes(tokens: list[str], classes: int) -> None:
    names = [f"class {number}" for number in range(classes)]
    page = render(
        explanation(tokens, classes=names, label=classes - 1, readings={"a": reading(len(tokens), classes)}, cut=3)
    )
    assert "3 more are beyond the length limit" in page
    assert f"class {classes - 1} (the right class)" in page or classes == 2
    assert "http" not in page.replace("http://www.w3.org", "")  # nothing is loaded
    assert "nan" not in page.partition('id="content">')[2].partition("</script>")[0]


@pytest.mark.parametrize("cell", DESCRIPTIONS)
def test_every_equation_has_a_shape_and_reads_as_html(cell: Cell) -> None:
    for signal in DESCRIPTIONS[cell].signals:
        for equation in signal.equations:
            html = equation_html(equation)
            assert isinstance(html, Markup)
            ElementTree.fromstring(f"<p>{html}</p>")
            assert not set("_^{}") & set(str(html))
            assert shape_of(equation).startswith("(1×h) = ")
