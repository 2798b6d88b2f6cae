"""Learning curves and confusion matrices of one training, as its MLflow run gets them."""

import io
from xml.etree import ElementTree

import pytest

from analysis.drawing.confusion_figures import confusion_matrix
from analysis.drawing.curves import curve_panel, learning_curves
from analysis.drawing.render import panel_svg


@pytest.mark.parametrize("epochs", [1, 3, 40])
def test_learning_curves_show_each_epoch_of_both_splits(epochs: int) -> None:
    names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    history = [{"epoch": epoch + 1, **dict.fromkeys(names, 1 / (epoch + 1))} for epoch in range(epochs)]

    figure = learning_curves(history)

    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train", "validation"]
    for axes, scale in zip(figure.axes, (1, 100), strict=True):
        lines = [line for line in axes.lines if line.get_linestyle() != "None"]
        for line in lines:
            assert line.get_ydata() == pytest.approx([scale / (epoch + 1) for epoch in range(epochs)])
        assert len(lines) == 2


def test_a_curve_is_the_mean_of_the_trainings_that_reached_the_epoch() -> None:
    svg = panel_svg(curve_panel("loss", {"lstm": [[0.4, 0.2], [0.6]], "gru": [[1.0, 0.5]]}))

    tips = [tip.text for tip in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]
    assert tips == [
        "lstm, epoch 1: 0.5 (0.4 to 0.6)", "lstm, epoch 2: 0.2 (0.2 to 0.2)", "gru, epoch 1: 1", "gru, epoch 2: 0.5",
    ]  # fmt: skip


def test_a_confusion_matrix_names_its_classes_and_shows_shares_of_the_true_class() -> None:
    (axes,) = confusion_matrix(["no", "yes"], [[3, 1], [0, 5]], "lstm").axes

    assert [label.get_text() for label in axes.get_yticklabels()] == ["no", "yes"]
    assert [text.get_text() for text in axes.texts] == ["75", "25", "0", "100"]


def test_a_thousand_classes_and_names_of_any_kind_make_a_picture_of_a_readable_size() -> None:
    many = confusion_matrix(["x"] * 1000, [[1] * 1000] * 1000, "lstm")
    assert (many.get_size_inches() == confusion_matrix(["x"] * 50, [[1] * 50] * 50, "lstm").get_size_inches()).all()
    names = ["x" * 200, r"$\frac$", "${}^$", "<b>&", "\u202eabc", "_", "a$b$c"]
    picture = io.BytesIO()
    confusion_matrix(names, [[1] * len(names)] * len(names), "lstm").savefig(picture)
    assert picture.tell() < 200_000
