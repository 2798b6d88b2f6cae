"""Recomputes the comparison from the prediction files, by textbook methods that share no code with the project.

    python recipes/recount.py        after `dvc repro`, at the repository's root

Beside the report's interval it prints those of Welch's t-test over seeds (which ignores the choice of documents), the
paired t-test over documents (which ignores the choice of seeds), and percentiles of a bootstrap of both. The first two
are too narrow if what they ignore matters; the bootstrap is unreliable with few seeds (docs/statistics.md).

In a cross-validation (data.folds), a repetition takes the place of a seed, and the corrected resampled t-test over
folds that of the bootstrap (Nadeau and Bengio, Machine Learning 52, 2003).
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
    folds = summary.get("folds")
    seeds: dict[str, list[int]] = {}
    rows = json.loads(Path("reports/plots/learning_curves.json").read_text(encoding="utf-8"))
    for row in rows:  # a row for each epoch of each training
        if row["seed"] not in seeds.setdefault(row["variant"], []):
            seeds[row["variant"]].append(row["seed"])
    differences = summary["differences"]
    (baseline,) = set(seeds) - set(differences)
    base, fold_of = read(baseline, seeds[baseline], folds)
    agree = True
    for variant, by_metric in differences.items():
        own, _ = read(variant, seeds[variant], folds)
        difference, said = own.mean() - base.mean(), by_metric["accuracy"]
        agree &= abs(difference - said["value"]) < 1e-5
        trainings = f"{own.shape[0]} seeds" if folds is None else f"{own.shape[0]} repetitions of {folds} folds"
        print(f"{variant} minus {baseline}, points of test accuracy; {trainings}, {own.shape[1]:,} documents")
        print(f"  {'recomputed':28} {100 * difference:+.3f}   ({shares(own)} against {shares(base)})")
        line("the report", (said["low"], said["high"]), said["p_value"])
        if own.shape[0] > 1:
            welch = stats.ttest_ind(own.mean(axis=1), base.mean(axis=1), equal_var=False)
            line(
                f"Welch's t over {'seeds' if folds is None else 'repetitions'}",
                welch.confidence_interval(),
                welch.pvalue,
            )
        paired = stats.ttest_rel(own.mean(axis=0), base.mean(axis=0))
        line("paired t over documents", paired.confidence_interval(), paired.pvalue)
        if folds is not None:
            line("corrected t over folds", *corrected((own - base).mean(axis=0), fold_of, folds))
            continue
        draws = bootstrap(own, base)
        interval = np.quantile(draws, [0.025, 0.975])
        line("bootstrap of both", interval, min(2 * min((draws <= 0).mean(), (draws >= 0).mean()), 1))
    if not agree:
        sys.exit(
            "error: the differences in reports/comparison.json are not those of results/*/seed-*/predictions.parquet"
        )


def read(variant: str, seeds: list[int], folds: int | None) -> tuple[Any, Any]:
    """Whether each training classified each document correctly: (seeds, n), ordered by document id.

    In a cross-validation, each repetition of all folds is a row. Also returns the fold of each document, (n,).
    """
    tables = []
    for seed in seeds:
        table = pq.read_table(Path("results", variant, f"seed-{seed}", "predictions.parquet"))
        chosen = np.array(table["probabilities"].to_pylist()).argmax(axis=1)  # (n,)
        tables.append((table["id"].to_numpy(), chosen == table["label"].to_numpy()))
    repetitions = [tables[start : start + (folds or 1)] for start in range(0, len(tables), folds or 1)]
    orders = [np.argsort(np.concatenate([ids for ids, _ in parts])) for parts in repetitions]
    correct = [
        np.concatenate([each for _, each in parts])[order] for parts, order in zip(repetitions, orders, strict=True)
    ]
    if any(len(np.unique(np.concatenate([ids for ids, _ in parts]))) != len(correct[0]) for parts in repetitions):
        sys.exit(f"error: the trainings of {variant} do not test each document once")
    fold_of = np.repeat(np.arange(len(repetitions[0])), [len(ids) for ids, _ in repetitions[0]])[orders[0]]
    return np.array(correct, dtype=float), fold_of


def corrected(difference: Any, fold_of: Any, folds: int) -> tuple[tuple[float, float], float]:
    """Interval and p-value from each document's mean difference, (n,); a training learns from folds - 2 folds."""
    of_fold = np.array([difference[fold_of == fold].mean() for fold in range(folds)])
    error = np.sqrt((1 / folds + 1 / (folds - 2)) * of_fold.var(ddof=1))
    reach = stats.t.ppf(0.975, folds - 1) * error
    value = difference.mean()
    p_value = 2 * stats.t.sf(abs(value) / error, folds - 1) if error else float(value == 0)
    return (value - reach, value + reach), p_value


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
