"""Learning curves as panels: one line for each name (a variant, or a split), averaged over trainings."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.drawing.panels import Panel, Tips, point, styles
from analysis.drawing.render import panels_figure

Values = Sequence[float]  # one for each epoch


def curve_panel(title: str, trainings: Mapping[str, Sequence[Values]]) -> Panel:
    """The mean of each name's trainings after each epoch, in a band from the lowest to the highest of them."""
    longest = {name: max(map(len, values)) for name, values in trainings.items()}
    single_epoch = max(longest.values()) == 1

    def draw(axes: Axes) -> Tips:
        tips = {}
        for rank, (name, style) in enumerate(styles(list(trainings)).items()):
            # A training that stopped early has no value in the later epochs.
            by_epoch = [
                [values[epoch] for values in trainings[name] if epoch < len(values)] for epoch in range(longest[name])
            ]
            means = [float(np.mean(values)) for values in by_epoch]
            low, high = [min(values) for values in by_epoch], [max(values) for values in by_epoch]
            # With a single epoch the names stand side by side, and bands become bars.
            shift = 0.07 * (rank - (len(trainings) - 1) / 2) if single_epoch else 0
            places = [epoch + 1 + shift for epoch in range(longest[name])]
            axes.plot(places, means, color=style.color, linestyle=style.linestyle, linewidth=2)
            axes.fill_between(places, low, high, color=style.color, alpha=0.15, linewidth=0)
            if single_epoch:
                axes.vlines(places, low, high, color=style.color, alpha=0.55)
            for epoch, (place, mean) in enumerate(zip(places, means, strict=True)):
                point(axes, place, mean, style, f"epoch{rank}-{epoch}", size=6)
                band = f" ({low[epoch]:.4g} to {high[epoch]:.4g})" if len(trainings[name]) > 1 else ""
                tips[f"epoch{rank}-{epoch}"] = f"{name}, epoch {epoch + 1}: {mean:.4g}{band}"
        if single_epoch:
            axes.set(xlim=(0.5, 1.5), xticks=[1])
        else:
            axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        several = any(len(values) > 1 for values in trainings.values())
        axes.set_xlabel("epoch" + ("; band: lowest to highest seed" if several else ""))
        return tips

    return Panel(title, 250, draw)


def learning_curves(history: Sequence[Mapping[str, float]]) -> Figure:
    """Loss and accuracy of one training on both splits, for its MLflow run."""
    panels = [
        curve_panel(
            title,
            {split: [[scale * epoch[f"{split}_{key}"] for epoch in history]] for split in ("train", "validation")},
        )
        for title, key, scale in (("loss (nats)", "loss", 1.0), ("accuracy, %", "accuracy", 100.0))
    ]
    return panels_figure(panels, ["train", "validation"])
