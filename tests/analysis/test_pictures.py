"""Pictures of one training show its numbers."""

import io

import numpy as np
import pytest

from analysis.drawing.training_pictures import confusion_matrix, learning_curves


@pytest.mark.parametrize("epochs", [1, 3, 40])
def test_learning_curves_show_each_epoch_of_both_splits(epochs: int) -> None:
    names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    history = [{"epoch": epoch + 1, **dict.fromkeys(names, 1 / (epoch + 1))} for epoch in range(epochs)]
    for axes in learning_curves(history).axes:
        assert [line.get_label() for line in axes.lines] == ["train", "validation"]
        assert all(np.size(line.get_xdata()) == epochs for line in axes.lines)


@pytest.mark.parametrize("classes", [2, 6, 30])
def test_a_confusion_matrix_names_its_classes_and_counts(classes: int) -> None:
    counts = [[row * column for column in range(classes)] for row in range(classes)]
    (axes,) = confusion_matrix(counts, [f"class {number}" for number in range(classes)]).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"class {number}" for number in range(classes)]
    assert len(axes.texts) == (classes**2 if classes <= 20 else 0)


def test_a_thousand_classes_and_names_of_any_kind_make_a_picture_of_a_readable_size() -> None:
    size = confusion_matrix([[1] * 50] * 50, ["x"] * 50).get_size_inches()
    assert (confusion_matrix([[1] * 1000] * 1000, ["x"] * 1000).get_size_inches() == size).all()
    names = ["x" * 200, r"$\frac$", "${}^$", "<b>&", "\u202eabc", "_", "a$b$c"]
    picture = io.BytesIO()
    confusion_matrix([[1] * len(names)] * len(names), names).savefig(picture)
    assert picture.tell() < 200_000
