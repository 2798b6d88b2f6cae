"""Pictures of one training, for its MLflow run: learning curves, and what it mixes up."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

BLUE, ORANGE = "#0072b2", "#c94f00"
MOST_NAMES = 50  # of classes; more of them could not be read, and a picture grows with them
LONGEST_NAME = 40


def learning_curves(history: Sequence[Mapping[str, float]]) -> Figure:
    """Loss and accuracy of both splits after each epoch of `history`."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    epochs = [line["epoch"] for line in history]
    for axes, metric in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for split, colour, style in (("train", BLUE, "o-"), ("validation", ORANGE, "s--")):
            axes.plot(epochs, [line[f"{split}_{metric}"] for line in history], style, color=colour, label=split)
        axes.set(title=metric, xlabel="epoch", xticks=epochs if len(epochs) <= 12 else axes.get_xticks())
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return figure


def confusion_matrix(counts: Sequence[Sequence[int]], names: Sequence[str]) -> Figure:
    """Documents by true class (rows) and predicted class (columns); colour is the share of the row."""
    side = max(3.2, 0.5 * min(len(names), MOST_NAMES) + 1.5)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    shares = [[value / max(sum(row), 1) for value in row] for row in counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(names))
    axes.set(xlabel="predicted", ylabel="true")
    if len(names) <= MOST_NAMES:
        shown = [name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…" for name in names]
        axes.set_xticks(places, shown, rotation=45, ha="right", parse_math=False)
        axes.set_yticks(places, shown, parse_math=False)
    if len(names) <= 20:
        for row in places:
            for column in places:
                colour = "white" if shares[row][column] > 0.5 else "black"
                axes.text(column, row, f"{counts[row][column]:,}", ha="center", va="center", color=colour)
    return figure
