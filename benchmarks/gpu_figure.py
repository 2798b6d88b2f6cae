"""Draws what benchmarks/gpu.py printed. `python -m benchmarks.gpu_figure FIGURES.jsonl docs/images/gpu.png`."""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

CANDIDATES = {
    ("project", "32-true"): ("this project, float32", "#0b5fa5"),
    ("project", "tf32"): ("this project, tf32", "#4f9bd9"),
    ("project", "bf16-mixed"): ("this project, bfloat16", "#a9d0f0"),
    ("padded", "tf32"): ("PyTorch, padded, tf32", "#e07b39"),
    ("packed", "32-true"): ("PyTorch, packed, float32", "#f3bd94"),
    ("keras-jax", "tf32"): ("Keras 3 on JAX, tf32", "#8a8a8a"),
}
BATCH_SIZES = (32, 256, 1_024)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Millions of tokens a second of training, by batch size; one panel for each number of directions."""
    figure, panels = pyplot.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    width = 0.8 / len(CANDIDATES)
    for directions, panel in zip((1, 2), panels, strict=True):
        for number, ((candidate, precision), (name, color)) in enumerate(CANDIDATES.items()):
            rates = {
                row["batch_size"]: row["rate"] / 1e6
                for row in rows
                if (row["part"] in ("train", "keras"), row["candidate"], row["precision"], row["directions"])
                == (True, candidate, precision, directions)
            }
            for position, batch_size in enumerate(BATCH_SIZES):
                if batch_size not in rates:
                    continue
                place = position + (number - (len(CANDIDATES) - 1) / 2) * width
                panel.bar(place, rates[batch_size], width, color=color, label=name if position == 0 else None)
                rate = rates[batch_size]
                panel.annotate(f"{rate:.2g}", (place, rate), ha="center", va="bottom", fontsize=7)
        panel.set_yscale("log")
        panel.set_ylim(0.1, 300)
        panel.set_xticks(range(len(BATCH_SIZES)), [f"{size:,} documents" for size in BATCH_SIZES])
        panel.set_title("LSTM, 64 units" if directions == 1 else "BiLSTM, 64 units")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("million tokens a second (log scale)")
    panels[0].legend(fontsize=8, frameon=False, loc="upper left")
    figure.savefig(path, dpi=130)


def main() -> None:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("figures", type=Path)
    arguments.add_argument("picture", type=Path)
    chosen = arguments.parse_args()
    lines = chosen.figures.read_text(encoding="utf-8").splitlines()
    draw([row for line in lines if "rate" in (row := json.loads(line))], chosen.picture)


if __name__ == "__main__":
    main()
