"""Stage compare: all trainings beside each other. `python -m pipelines.compare`.

Reads the predictions and histories of compare.variants and compare.seeds, and the test documents; writes
reports/comparison.json (metrics for DVC), reports/comparison.html, the figures as PNG, and rows for `dvc plots`.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from analysis.comparison import Comparison, Difference, Score
from analysis.comparison import compare as compare_variants
from analysis.drawing import panels_png
from analysis.experiment import Document, Experiment
from analysis.figures import figures
from analysis.metrics import METRICS, Metric
from analysis.report import render
from analysis.slices import Slice, slice_scores
from analysis.verdict import Verdict, judge
from errors import DataError
from pipelines import cli, outputs
from pipelines.outputs import RAW, REPORTS, TOKENS
from pipelines.params import Params, load


@dataclass(frozen=True)
class Result:
    """What the stage found, for whoever calls it."""

    experiment: Experiment
    comparison: Comparison
    slices: dict[str, list[Slice]]
    verdict: Verdict
    signatures: list[str]  # of the trainings


def main() -> None:
    """The command line."""
    cli.run(lambda _: tell(load()), cli.parser(__doc__))


def tell(params: Params) -> None:
    """Compares, and tells MLflow: a parent run, whose children are the trainings."""
    result = compare(params)
    from tracking.runs import comparison_run  # half of the stage's start-up, and not needed until now

    variants = params.compare.variants
    tags = {"verdict": result.verdict.headline, "data": result.experiment.data, "baseline": params.compare.baseline}
    name = f"comparison · {' · '.join(variants)} · {result.experiment.data}"
    with comparison_run(params.tracking.experiment, name, result.signatures, tags) as run:
        run.set_tags({"mlflow.note.content": str(result.verdict)})
        run.log_params({"compare": params.compare.model_dump(), "data": result.experiment.data})
        run.log_metrics(_headline_metrics(result))
        run.log_artifacts([REPORTS / "comparison.html", REPORTS / "comparison.json"])
        run.log_artifacts([REPORTS / "figures"], "figures")


def _headline_metrics(result: Result) -> dict[str, float]:
    """What makes comparisons over time and over data sets comparable in MLflow's charts."""
    scores = {
        f"{variant}.{key}": score.mean
        for variant, found in result.comparison.scores.items()
        for key, score in found.items()
    }
    differences = {
        f"{variant}.accuracy_difference": found["accuracy"].value
        for variant, found in result.comparison.differences.items()
    }
    return scores | differences


def compare(params: Params) -> Result:
    """Compares the trainings, writes the reports, and prints the table and the verdict."""
    experiment = read_experiment(params)
    comparison = compare_variants(experiment)
    slices = slice_scores(experiment)
    result = Result(experiment, comparison, slices, judge(experiment, comparison), _signatures(params))
    _write(result)
    _print(result)
    return result


def read_experiment(params: Params) -> Experiment:
    """All trainings that params.yaml asks for, and the test documents.

    Raises:
        DataError: an output of an earlier stage is missing, or was made from other data than the rest.
    """
    variants, seeds = params.compare.variants, params.compare.seeds
    card = outputs.read_json(RAW / "card.json", made_by="download")
    test = _read_table(RAW / "test.parquet", made_by="download")
    folders = [[outputs.folder(variant, seed) for seed in seeds] for variant in variants]
    configs = [[outputs.read_json(path / "config.json", made_by="train") for path in row] for row in folders]
    for row, found in zip(folders, configs, strict=True):
        for path, config in zip(row, found, strict=True):
            if config["labels"] != card["labels"] or config["data"]["digest"] != card["digest"]:
                raise DataError(f"{path} was made from other data than {RAW}; run dvc repro")
    return Experiment(
        data=card["name"],
        classes=card["labels"],
        variants=variants,
        baseline=params.compare.baseline,
        seeds=seeds,
        labels=test["label"].to_numpy(),
        probabilities=np.array([[_read_probabilities(path, test["id"]) for path in row] for row in folders]),
        histories=[[outputs.read_json(path / "history.json", made_by="train") for path in row] for row in folders],
        parameters={variant: found[0]["parameters"] for variant, found in zip(variants, configs, strict=True)},
        columns={
            "length in tokens": _read_lengths(test["id"]),
            **{name: test[name].to_numpy(zero_copy_only=False) for name in card["columns"]},
        },
        documents=[
            Document(name, text) for name, text in zip(test["id"].to_pylist(), test["text"].to_pylist(), strict=True)
        ],
    )


def _signatures(params: Params) -> list[str]:
    folders = [outputs.folder(variant, seed) for variant in params.compare.variants for seed in params.compare.seeds]
    return [outputs.read_json(folder / "config.json", made_by="train")["signature"] for folder in folders]


def _read_table(path: Path, made_by: str) -> pa.Table:
    try:
        return (
            pq.read_table(path) if path.suffix == ".parquet" else pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        )
    except FileNotFoundError:
        raise DataError(f"{path} is missing; the stage {made_by} makes it: dvc repro") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} is broken ({error}); delete it and run dvc repro") from None


def _read_probabilities(folder: Path, ids: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    """What one training predicted, in the order of the test split's `ids`, (n, classes)."""
    path = folder / "predictions.parquet"
    table = _read_table(path, made_by="evaluate")
    flat = table["probabilities"].combine_chunks().flatten().to_numpy()
    return np.asarray(flat.reshape(table.num_rows, -1)[_order(path, table["id"], ids)])


def _read_lengths(ids: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """Tokens of each test document, (n,)."""
    path = TOKENS / "test.arrow"
    table = _read_table(path, made_by="tokenize").select(["id", "length"])
    return np.asarray(table["length"].to_numpy()[_order(path, table["id"], ids)])


def _order(path: Path, found: pa.ChunkedArray, wanted: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """Where in `found` each of the `wanted` ids stands."""
    positions = pc.index_in(wanted, value_set=found)
    if len(found) != len(wanted) or positions.null_count:
        raise DataError(f"{path} holds other documents than {RAW / 'test.parquet'}; run dvc repro")
    return np.asarray(positions.to_numpy())


def _write(result: Result) -> None:
    experiment = result.experiment
    outputs.write_json(REPORTS / "comparison.json", _rounded(_summary(result)))
    for name, rows in _plot_rows(result).items():
        outputs.write_json(REPORTS / "plots" / f"{name}.json", _rounded(rows))
    drawn = figures(experiment, result.comparison, result.slices)
    for name, panels in drawn.items():
        with outputs.whole(REPORTS / "figures" / f"{name}.png") as path:
            path.write_bytes(panels_png(panels, experiment.variants))
    with outputs.whole(REPORTS / "comparison.html") as path:
        path.write_text(render(experiment, result.comparison, result.verdict, drawn), encoding="utf-8")


def _summary(result: Result) -> dict[str, Any]:
    """What `dvc metrics` and `dvc exp show` list: short, for it becomes columns. The rest is in reports/plots."""
    experiment, comparison = result.experiment, result.comparison
    return {
        "verdict": result.verdict.headline,
        "seeds": len(experiment.seeds),
        "documents": len(experiment.labels),
        "variants": {
            variant: {
                "parameters": experiment.parameters[variant]["total"],
                **{key: {"mean": score.mean, "deviation": score.deviation} for key, score in scores.items()},
            }
            for variant, scores in comparison.scores.items()
        },
        "differences": {
            variant: {
                key: asdict(found)
                if key == "accuracy"
                else {"value": found.value, "low": found.low, "high": found.high, "p_value": found.p_value}
                for key, found in differences.items()
            }
            for variant, differences in comparison.differences.items()
        },
    }


def _plot_rows(result: Result) -> dict[str, list[dict[str, Any]]]:
    """Rows for `dvc plots`, by file name."""
    experiment, comparison = result.experiment, result.comparison
    runs = [
        (rank, variant, index, seed)
        for rank, variant in enumerate(experiment.variants)
        for index, seed in enumerate(experiment.seeds)
    ]
    return {
        "scores": [
            {"variant": variant, "seed": seed, **{key: found.values[index] for key, found in scores.items()}}
            for _, variant, index, seed in runs
            for scores in [comparison.scores[variant]]
        ],
        "learning_curves": [
            {"variant": variant, "seed": seed, **epoch}
            for rank, variant, index, seed in runs
            for epoch in experiment.histories[rank][index]
        ],
        "slices": [
            _slice_row(part, variant) for parts in result.slices.values() for part in parts for variant in part.scores
        ],
    }


def _slice_row(part: Slice, variant: str) -> dict[str, Any]:
    score = part.scores[variant]
    row = {"column": part.column, "value": part.value, "documents": part.documents, "variant": variant}
    row |= {"accuracy": score.accuracy.value, "low": score.accuracy.low, "high": score.accuracy.high}
    if score.difference is not None:
        gap = score.difference
        row |= {"difference": gap.value, "difference_low": gap.low, "difference_high": gap.high}
    return row


def _rounded(content: Any) -> Any:
    """Six significant digits: what is meant, and the same on every machine."""
    if isinstance(content, float):
        return float(f"{content:.6g}")
    if isinstance(content, dict):
        return {str(key): _rounded(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_rounded(value) for value in content]
    return content


def _print(result: Result) -> None:
    experiment, comparison = result.experiment, result.comparison
    scores = Table(title=f"{experiment.data}: {len(experiment.labels):,} test documents", title_justify="left")
    gaps = Table(title=f"less {experiment.baseline}, with 95 % interval", title_justify="left")
    for table, variants in ((scores, experiment.variants), (gaps, experiment.others)):
        table.add_column()
        for variant in variants:
            table.add_column(variant, justify="right")
    for metric in METRICS:
        if metric.key in comparison.scores[experiment.baseline]:
            found = [comparison.scores[variant][metric.key] for variant in experiment.variants]
            scores.add_row(metric.title, *(_score_cell(metric, score) for score in found))
            differences = [comparison.differences[variant][metric.key] for variant in experiment.others]
            gaps.add_row(metric.title, *(_difference_cell(metric, difference) for difference in differences))
    scores.add_row("parameters", *(f"{experiment.parameters[variant]['total']:,}" for variant in experiment.variants))
    console = Console()
    console.print(scores)
    if experiment.others:
        console.print(gaps)
    console.print(result.verdict.headline, style="bold", highlight=False, markup=False)
    for detail in result.verdict.details:
        console.print(detail, highlight=False, markup=False)


def _score_cell(metric: Metric, score: Score) -> str:
    deviation = "" if score.deviation is None else f" ± {metric.shown(score.deviation)}"
    return metric.shown(score.mean) + deviation


def _difference_cell(metric: Metric, difference: Difference) -> str:
    low, high = metric.shown_difference(difference.low), metric.shown_difference(difference.high)
    return f"{metric.shown_difference(difference.value)} ({low} to {high})"


if __name__ == "__main__":
    main()
