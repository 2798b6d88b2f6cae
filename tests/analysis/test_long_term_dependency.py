from xml.etree import ElementTree

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analysis.drawing.render import panel_svg, panels_png
from analysis.long_term_dependency.panels import Training, panels, wrong


def training(variant: str, length: int, accuracy: float, seed: int = 1) -> Training:
    reach = [0.5**distance for distance in range(length)]
    return Training(variant, seed, length, 2, accuracy, 0, None, reach, [1.0] * length)


TRAININGS = [
    training("rnn", 10, 1.0),
    training("rnn", 100, 0.5),
    training("lstm", 10, 1.0),
    training("lstm", 100, 0.9),
    training("lstm", 100, 0.7, seed=2),
]


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.floats(0, 1), min_size=4, max_size=4)), min_size=1))
def test_a_sequence_is_wrong_if_one_output_errs_by_the_papers_0_3_or_more(rows: list[tuple[int, list[float]]]) -> None:
    labels = np.array([label for label, _ in rows], np.int32)
    outputs = np.array([values for _, values in rows], np.float64)
    expected = sum(
        any(abs(value - (number == label)) >= 0.3 for number, value in enumerate(values)) for label, values in rows
    )
    assert wrong(labels, outputs) == expected  # type: ignore[arg-type]


def test_the_figure_shows_accuracy_at_every_length_and_the_gradient_at_the_longest() -> None:
    accuracy, before, after = panels(TRAININGS, "symbols")
    tips = [tip.text for tip in ElementTree.fromstring(panel_svg(accuracy)).iter("{http://www.w3.org/2000/svg}title")]
    assert "lstm, 100: 80.0 %" in tips
    assert "rnn, 10: 100.0 %" in tips
    assert before.title == "gradient before training (length 100)"
    tips = [tip.text for tip in ElementTree.fromstring(panel_svg(before)).iter("{http://www.w3.org/2000/svg}title")]
    assert "rnn, 16 symbols from the end: 1.5e-05 of the largest norm" in tips
    assert "rnn, 0 symbols from the end: 1.0e+00 of the largest norm" in tips
    assert "1.0e+00" in panel_svg(after)


def test_the_picture_is_the_same_bytes_every_time() -> None:
    first, again = (panels_png(panels(TRAININGS, "symbols"), ["rnn", "lstm"]) for _ in range(2))
    assert first == again
