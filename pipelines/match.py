"""Stage match: resolves the variants that are trained. `python -m pipelines.match`.

Reads variants, compare, data/tokens/summary.json and data/pretrained/pretrained.json; writes data/variants/<name>.json
for each of compare.variants. A training reads its variant from that file. So an edit of the baseline repeats another
variant's trainings only if it changes that variant's file, which is possible under `compare.matching: parameters`. The
file of a variant that starts from pretraining also contains the checksum of the pretrained weights. So new weights
repeat the trainings of these variants, and of no others.
"""

from bisect import bisect_left
from pathlib import Path

from rich.console import Console
from rich.table import Table

from config.params import Params, load
from config.variants import VariantParams
from core import command_line, file_io
from core.errors import ParamsError
from core.paths import VARIANTS
from outputs.checkpoints import Checkpoints
from outputs.pretrained import read_pretraining, start_of
from outputs.token_files import read_summary
from provenance.stage import run_as_command


def main() -> None:
    """The command line."""
    run_as_command(lambda _: _command(), command_line.parser(__doc__))


def _command() -> None:
    if "signature" in (pretraining := read_pretraining()):
        Checkpoints(pretraining["signature"]).remove()  # DVC has recorded the stage pretrain
    match(load())


def match(params: Params, root: Path = Path()) -> None:
    """Writes the resolved variants below `root`; prints the hidden sizes that it solved for."""
    summary = read_summary(root)
    sizes = {"vocabulary_size": summary["vocabulary_size"], "num_classes": len(summary["labels"])}
    variants = {name: resolve(params, name, **sizes) for name in params.compare.variants}
    with file_io.whole_folder(root / VARIANTS) as folder:
        for name, variant in variants.items():
            file_io.write_json(folder / f"{name}.json", variant.model_dump() | start_of(variant, root))
    if params.compare.matching == "parameters":
        _print(params, variants, sizes)


def resolve(params: Params, name: str, vocabulary_size: int, num_classes: int) -> VariantParams:
    """The variant `name` as params.yaml gives it.

    Under `compare.matching: parameters`, it has the hidden size with which its number of parameters comes nearest to
    the baseline's.

    Raises:
        ParamsError: it has more parameters than the baseline even with a hidden size of 1.
    """
    variant, baseline = params.variants[name], params.compare.baseline
    if params.compare.matching != "parameters" or name == baseline:
        return variant

    def sized(hidden_size: int) -> VariantParams:
        return variant.model_copy(update={"hidden_size": hidden_size})

    def parameters(candidate: VariantParams) -> int:
        return count_parameters(candidate, vocabulary_size, num_classes)

    target = parameters(params.variants[baseline])
    if (fewest := parameters(sized(1))) > target:
        raise ParamsError(
            f"compare.matching is 'parameters', but even with hidden_size 1 variants.{name} has {fewest:,} of them, "
            f"and {baseline} has {target:,}; allowed here: a smaller embedding_size, fewer layers, or another baseline"
        )
    most = 1
    while parameters(sized(most)) < target:
        most *= 2
    above = bisect_left(range(most + 1), target, lo=1, key=lambda hidden_size: parameters(sized(hidden_size)))
    return min(
        (sized(hidden_size) for hidden_size in (above, max(above - 1, 1))),
        key=lambda candidate: abs(parameters(candidate) - target),
    )


def count_parameters(variant: VariantParams, vocabulary_size: int, num_classes: int) -> int:
    """The number of parameters of the whole classifier."""
    import torch  # takes a second, and most calls of the stage need no model

    from models.classifier import TextClassifier

    with torch.device("meta"):  # shapes without memory
        return TextClassifier(vocabulary_size, num_classes, **variant.model_dump()).parameter_counts()["total"]


def _print(params: Params, variants: dict[str, VariantParams], sizes: dict[str, int]) -> None:
    table = Table(title=f"as many parameters as {params.compare.baseline}", title_justify="left")
    for column in ("variant", "hidden size", "parameters"):
        table.add_column(column, justify="left" if column == "variant" else "right")
    for name, variant in variants.items():
        table.add_row(name, f"{variant.hidden_size:,}", f"{count_parameters(variant, **sizes):,}")
    Console().print(table)


if __name__ == "__main__":
    main()
