"""Recomputes the comparison from the prediction files, by textbook methods that share no code with the project.

    python recipes/recount.py        after `dvc repro`, at the repository's root

Beside the report's interval it prints those of Welch's t-test over seeds (which ignores the choice of documents), the
paired t-test over documents (which ignores the choice of seeds), and percentiles of a bootstrap of both. The first two
are too narrow if what they ignore matters; the bootstrap is unreliable with few seeds (docs/statistics.md).
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy import stats

DRAWS = 4000


def main() -> None:
    """Prints a table for each variant; exit code 1 if the report's difference is not that of the files."""
    if not Path("reports/comparison.json").exists():
        sys.exit("error: reports/comparison.json is missing; dvc repro makes it")
    summary = json.loads(Path("reports/comparison.json").read_text(encoding="utf-8"))
    if "folds" in summary:
        sys.exit(
            "error: reports/comparison.json is of a cross-validation (data.folds), which this script does not recount"
        )
    seeds: dict[str, list[int]] = {}
    for row in json.loads(Path("reports/plots/scores.json").read_text(encoding="utf-8")):
        seeds.setdefault(row["variant"], []).append(row["seed"])
    differences = summary["differences"]
    (baseline,) = set(seeds) - set(differences)
    base = read(baseline, seeds[baseline])
    agree = True
    for variant, by_metric in differences.items():
        own = read(variant, seeds[variant])
        difference, said = own.mean() - base.mean(), by_metric["accuracy"]
        agree &= abs(difference - said["value"]) < 1e-5
        print(f"{variant} less {baseline}, points of test accuracy; {own.shape[0]} seeds, {own.shape[1]:,} documents")
        print(f"  {'counted anew':28} {100 * difference:+.3f}   ({shares(own)} against {shares(base)})")
        line("the report", (said["low"], said["high"]), said["p_value"])
        if own.shape[0] > 1:
            welch = stats.ttest_ind(own.mean(axis=1), base.mean(axis=1), equal_var=False)
            line("Welch's t over seeds", welch.confidence_interval(), welch.pvalue)
        paired = stats.ttest_rel(own.mean(axis=0), base.mean(axis=0))
        line("paired t over documents", paired.confidence_interval(), paired.pvalue)
        draws = bootstrap(own, base)
        interval = np.quantile(draws, [0.025, 0.975])
        line("bootstrap of both", interval, min(2 * min((draws <= 0).mean(), (draws >= 0).mean()), 1))
    if not agree:
        sys.exit("error: reports/comparison.json has other differences than results/*/seed-*/predictions.parquet")


def read(variant: str, seeds: list[int]) -> Any:
    """Whether each training classified each document correctly: (seeds, n), ordered by document id."""
    rows = []
    for seed in seeds:
        table = pq.read_table(Path("results", variant, f"seed-{seed}", "predictions.parquet")).sort_by("id")
        chosen = np.array(table["probabilities"].to_pylist()).argmax(axis=1)  # (n,)
        rows.append(chosen == table["label"].to_numpy())
    return np.array(rows, dtype=float)


def bootstrap(own: Any, base: Any) -> Any:
    """Differences of means (draws,): seeds are resampled per variant, documents jointly."""
    rng = np.random.default_rng(0)
    documents = own.shape[1]
    draws = []
    for _ in range(DRAWS):
        weights = np.bincount(rng.integers(documents, size=documents), minlength=documents) / documents  # (n,)
        means = [rng.choice(correct @ weights, len(correct)).mean() for correct in (own, base)]
        draws.append(means[0] - means[1])
    return np.array(draws)


def line(name: str, interval: Any, p_value: float) -> None:
    """One method's interval and p-value."""
    low, high = interval
    print(f"  {name:28} {100 * low:+.3f} to {100 * high:+.3f}   p = {p_value:.4f}")


def shares(correct: Any) -> str:
    """The accuracy of each training in percent."""
    return " ".join(f"{100 * value:.2f}" for value in correct.mean(axis=1))


if __name__ == "__main__":
    main()
