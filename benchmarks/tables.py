"""The results as a Markdown table: this project beside other frameworks, and the goal."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.limit import operations_a_token

NAMES = {
    "project": "this project",
    "project-bf16": "this project, bf16-mixed",
    "packed": "PyTorch, packed",
    "scikit-learn": "scikit-learn, TF-IDF and logistic regression",
    "padded": "PyTorch, padded, random batches",
    "keras-tensorflow": "Keras 3 on TensorFlow",
    "keras-jax": "Keras 3 on JAX",
    "keras": "Keras TextVectorization",
    "torchtext-loop": "torchtext, plain loop",
    "hf-tokenizers": "HF tokenizers",
    "dvc-repro": "dvc repro",
    "dvc-status": "dvc status",
    "first-step": "a training until its first step",
    "bare-imports": "bare imports",
    "float32-one-core": "float32 product, one core",
    "float32-all-cores": "float32 product, all cores",
    "bfloat16-one-core": "bfloat16 product, one core",
    "bfloat16-all-cores": "bfloat16 product, all cores",
}
UNITS = {"train": "ktok/s", "predict": "ktok/s", "tokenize": "documents/s", "raw": "documents/s", "grid": "s",
         "overhead": "s", "limit": "GFLOP/s"}  # fmt: skip
SCALES = {"ktok/s": 1e3, "GFLOP/s": 1e9}


def write_table(results: Mapping[str, Any], path: Path) -> None:
    """Writes `results` (as benchmarks/run.py collects them) to `path`."""
    machine = results["machine"]
    versions = ", ".join(
        f"{name} {machine[name]}" for name in ("torch", "keras", "tensorflow_cpu", "jax", "tokenizers")
    )
    lines = [
        f"{results['corpus']}; {machine['processor']}, {machine['cores']} cores; {versions}. "
        "Median of runs in turn, and their range.",
        "",
        "| work | | figure | range | this project against it |",
        "| --- | --- | --: | --: | --: |",
        *_figures(results),
        "",
        *_served(results),
        "| goal | reached |",
        "| --- | --: |",
        *(f"| {goal} | {reached} |" for goal, reached in _goals(results)),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _figures(results: Mapping[str, Any]) -> Iterator[str]:
    for work, found in results.items():
        kind = work.split("-")[0]
        if kind not in UNITS:
            continue
        unit = UNITS[kind]
        scale = SCALES.get(unit, 1.0)
        for candidate, figure in found.items():
            if candidate not in NAMES:
                continue
            if "left_out" in figure:
                yield f"| {work.replace('-', ' ')} | {NAMES[candidate]} | left out: {figure['left_out']} | | |"
                continue
            low, median, high = (_shown(figure[key] / scale) for key in ("lowest", "median", "highest"))
            ratio = ""
            if "project" in found and candidate != "project":
                own = found["project"]["median"]
                ratio = f"{(figure['median'] / own if unit == 's' else own / figure['median']):.1f} ×"
            yield f"| {work.replace('-', ' ')} | {NAMES[candidate]} | {median} {unit} | {low} to {high} | {ratio} |"


def _served(results: Mapping[str, Any]) -> Iterator[str]:
    if "serve" not in results:
        return
    yield "| `make serve`, texts of 200 tokens | p50, ms | p95, ms | p99, ms | documents/s |"
    yield "| --- | --: | --: | --: | --: |"
    for clients, found in results["serve"].items():
        if clients.endswith("clients"):
            columns = [
                f"{_shown(found[key]['median'])} ({_shown(found[key]['lowest'])} to {_shown(found[key]['highest'])})"
                for key in ("p50", "p95", "p99", "value")
            ]
            yield f"| {clients} | {' | '.join(columns)} |"
    yield ""


def _goals(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    def median(work: str, candidate: str) -> float:
        return float(results[work][candidate]["median"])

    for variant in ("lstm", "bilstm"):
        if (work := f"train-{variant}") in results:
            own, keras = median(work, "project"), max(median(work, f"keras-{on}") for on in ("tensorflow", "jax"))
            yield f"train {variant}: 4 × the faster Keras", f"{own / keras:.1f} ×"
            yield f"train {variant}: 20 × packed", f"{own / median(work, 'packed'):.1f} ×"
            yield f"train {variant}: 3 × padded", f"{own / median(work, 'padded'):.1f} ×"
            if "limit" in results:
                share = own * operations_a_token(variant) / median("limit", "float32-all-cores")
                yield f"train {variant}: half the float32 rate of all cores", f"{share:.0%}"
                if "left_out" not in results[work]["project-bf16"]:
                    own, limit = median(work, "project-bf16"), median("limit", "bfloat16-all-cores")
                    share = own * operations_a_token(variant) / limit
                    yield f"train {variant} in bf16-mixed, of the bfloat16 rate (no goal)", f"{share:.0%}"
        if (work := f"predict-{variant}") in results:
            fastest = max(median(work, name) for name in ("packed", "keras-tensorflow", "keras-jax"))
            yield f"predict {variant}: 4 × the fastest", f"{median(work, 'project') / fastest:.1f} ×"
    if "tokenize" in results:
        yield (
            "tokenize: 4 × the plain loop",
            f"{median('tokenize', 'project') / median('tokenize', 'torchtext-loop'):.1f} ×",
        )
    if "serve" in results:
        yield "serve: p99 below 20 ms at one client", f"{results['serve']['1 clients']['p99']['median']:.1f} ms"
    if "grid" in results:
        yield "grid: 1.8 × on 2 cores", f"{median('grid', 'dvc-repro') / median('grid', 'project'):.2f} ×"
    if "overhead" in results:
        share = median("overhead", "dvc-repro") / median("overhead", "dvc-status")
        yield "dvc repro with nothing to do: at most 1.3 × dvc status", f"{share:.2f} ×"
        share = median("overhead", "first-step") / median("overhead", "bare-imports")
        yield "until the first step: at most 1.2 × bare imports", f"{share:.2f} ×"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:.2f}"
