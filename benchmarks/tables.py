"""The results as Markdown tables: this project beside other frameworks, the machine's limit, and the goals."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.limit import operations_a_token

NAMES = {
    "project": "this project",
    "project-bf16": "this project, bf16-mixed",
    "tuned": "PyTorch, tuned by hand",
    "tuned-bf16": "PyTorch, tuned by hand, bfloat16",
    "compiled": "PyTorch, tuned by hand and compiled",
    "compiled-bf16": "PyTorch, tuned by hand and compiled, bfloat16",
    "packed": "PyTorch, packed",
    "scikit-learn": "scikit-learn, TF-IDF and logistic regression",
    "padded": "PyTorch, padded, random batches",
    "keras-tensorflow": "Keras 3 on TensorFlow",
    "keras-jax": "Keras 3 on JAX",
    "keras-jax-bucketed": "Keras 3 on JAX, length-bucketed",
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
UNITS = {"train": "ktok/s", "wide": "ktok/s", "predict": "ktok/s", "tokenize": "documents/s", "raw": "documents/s",
         "grid": "s",
         "overhead": "s", "limit": "GFLOP/s"}  # fmt: skip
SCALES = {"ktok/s": 1e3, "GFLOP/s": 1e9}
BY_HAND = ("project", "project-bf16", "tuned", "tuned-bf16")
UNITS_OF_WIDE = (64, 128, 256, 512)
SHAPES = {"train-lstm": ("lstm", 128, 64), "train-bilstm": ("bilstm", 128, 64)} | {
    f"wide-{hidden}": ("bilstm", 256, hidden) for hidden in UNITS_OF_WIDE
}


def write_table(results: Mapping[str, Any], path: Path) -> None:
    """Writes `results` (as benchmarks/run.py collects them) to `path`."""
    machine = results["machine"]
    versions = ", ".join(
        f"{name} {machine[name]}" for name in ("torch", "keras", "tensorflow_cpu", "jax", "tokenizers")
    )
    lines = [
        f"{results['corpus']}; {machine['processor']}, {machine['cores']} cores; {versions}. "
        "Median of runs in turn, and their range; peers, the fastest first. Busy: the share of a core that other work "
        "took before or after a turn, at most.",
        "",
        "| work | | figure | range | this project against it | busy | measured on |",
        "| --- | --- | --: | --: | --: | --: | --- |",
        *_figures(results),
        *_limit(results),
        "",
        *_served(results),
        "| goal | reached |",
        "| --- | --: |",
        *(f"| {goal} | {reached} |" for goal, reached in _goals(results)),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _figures(results: Mapping[str, Any]) -> Iterator[str]:
    for work, figures in results.items():
        kind = work.split("-")[0]
        if kind not in UNITS:
            continue
        unit = UNITS[kind]
        scale = SCALES.get(unit, 1.0)
        title = work.replace("-", " ") + (f", {figures['documents']:,} documents" if "documents" in figures else "")
        for candidate in _ordered(figures, fastest_is_largest=unit != "s"):
            figure = figures[candidate]
            if "left_out" in figure:
                yield f"| {title} | {NAMES[candidate]} | left out: {figure['left_out']} | | | | {figures['date']} |"
                continue
            low, median, high = (_shown(figure[key] / scale) for key in ("lowest", "median", "highest"))
            ratio = ""
            if "project" in figures and candidate != "project":
                own = figures["project"]["median"]
                ratio = f"{(figure['median'] / own if unit == 's' else own / figure['median']):.1f} ×"
            busy = f"{figure['busy']:.0%}" if "busy" in figure else "not measured"
            name = f"{title} | {NAMES[candidate]}"
            yield f"| {name} | {median} {unit} | {low} to {high} | {ratio} | {busy} | {figures['date']} |"


def _ordered(figures: Mapping[str, Any], fastest_is_largest: bool) -> list[str]:
    """This project, then its peers, the fastest first, then what was left out."""

    def place(candidate: str) -> tuple[bool, bool, float]:
        median = figures[candidate].get("median")
        fastness = 0.0 if median is None else -median if fastest_is_largest else median
        return not candidate.startswith("project"), median is None, fastness

    return sorted((candidate for candidate in figures if candidate in NAMES), key=place)


def _limit(results: Mapping[str, Any]) -> Iterator[str]:
    """The share of the machine's product rate, by work and type."""
    rows = [(work, shape) for work, shape in SHAPES.items() if work in results]
    if "limit" not in results or not rows:
        return
    yield from ("", "| share of the rate of all cores' products | " + " | ".join(map(NAMES.get, BY_HAND)) + " |")  # type: ignore[arg-type]
    yield "| --- |" + " --: |" * len(BY_HAND)
    for work, shape in rows:
        shares = []
        for candidate in BY_HAND:
            rate = _median(results, work, candidate)
            limit = _median(results, "limit", f"{'bfloat16' if 'bf16' in candidate else 'float32'}-all-cores")
            shares.append("" if rate is None or limit is None else f"{rate * operations_a_token(*shape) / limit:.0%}")
        yield f"| {work.replace('-', ' ')} | {' | '.join(shares)} |"


def _served(results: Mapping[str, Any]) -> Iterator[str]:
    if "serve" not in results:
        return
    date = results["serve"]["date"]
    yield f"| `make serve`, texts of 200 tokens, {date} | p50, ms | p95, ms | p99, ms | documents/s |"
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
    for work in results:
        if work.split("-")[0] not in ("train", "predict", "wide"):
            continue
        times = {"train": "3 ×", "predict": "4 ×"}.get(
            work.split("-")[0], "1.5 ×" if work == "wide-512" else "(no goal)"
        )
        for kind, types in (("float32", ("",)), ("best against best", ("", "bf16"))):
            own, peer = (_fastest(results, work, types, own=own) for own in (True, False))
            if own and peer:
                yield f"{work.replace('-', ' ')}, {kind}: {times} {NAMES[peer[1]]}", f"{own[0] / peer[0]:.1f} ×"
    if "tokenize" in results:
        yield "tokenize: 4 × the plain loop", f"{_ratio(results, 'tokenize', 'project', 'torchtext-loop'):.1f} ×"
    if "serve" in results:
        yield "serve: p99 below 20 ms at one client", f"{results['serve']['1 clients']['p99']['median']:.1f} ms"
    if "grid" in results:
        yield "grid: 1.8 × on 2 cores", f"{_ratio(results, 'grid', 'dvc-repro', 'project'):.2f} ×"
    if "overhead" in results:
        share = _ratio(results, "overhead", "dvc-repro", "dvc-status")
        yield "dvc repro with nothing to do: at most 1.3 × dvc status", f"{share:.2f} ×"
        share = _ratio(results, "overhead", "first-step", "bare-imports")
        yield "until the first step: at most 1.2 × bare imports", f"{share:.2f} ×"


def _fastest(results: Mapping[str, Any], work: str, types: tuple[str, ...], own: bool) -> tuple[float, str] | None:
    """Rate and name of the fastest candidate, of this project's own or of its peers, in one of the `types`."""
    return max(
        (
            (figure["median"], candidate)
            for candidate, figure in results[work].items()
            if candidate in NAMES and "median" in figure and candidate.startswith("project") == own
            if ("bf16" if "bf16" in candidate else "") in types
        ),
        default=None,
    )


def _median(results: Mapping[str, Any], work: str, candidate: str) -> float | None:
    median: float | None = results[work].get(candidate, {}).get("median")
    return median


def _ratio(results: Mapping[str, Any], work: str, candidate: str, other: str) -> float:
    return float(results[work][candidate]["median"] / results[work][other]["median"])


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:.2f}"
