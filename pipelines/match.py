"""Stage match: as what each variant is trained. `python -m pipelines.match`.

Writes data/variants/<name>.json for each of compare.variants. Trainings depend on that file, not on all variants:
under `compare.matching: parameters` an edit of the baseline changes the others, too, and otherwise it does not.
"""

from rich.console import Console
from rich.table import Table

from config.params import Params, load
from config.variants import VariantParams
from core import command_line, file_io
from core.paths import TOKENS, VARIANTS
from pipelines.matching import count_parameters, matched
from provenance.stage import run_stage


def main() -> None:
    """The command line."""
    run_stage(lambda _: match(load()), command_line.parser(__doc__))


def match(params: Params) -> None:
    """Writes the variants, and shows what was changed to match them."""
    data = file_io.read_json(TOKENS / "summary.json", made_by="tokenize")
    sizes = {"vocabulary_size": data["vocabulary_size"], "num_classes": len(data["labels"])}
    variants = {name: matched(params, name, **sizes) for name in params.compare.variants}
    with file_io.whole_folder(VARIANTS) as folder:
        for name, variant in variants.items():
            file_io.write_json(folder / f"{name}.json", variant.model_dump())
    if params.compare.matching == "parameters":
        _print(params, variants, sizes)


def _print(params: Params, variants: dict[str, VariantParams], sizes: dict[str, int]) -> None:
    table = Table(title=f"as many parameters as {params.compare.baseline}", title_justify="left")
    for column in ("variant", "hidden size", "parameters"):
        table.add_column(column, justify="left" if column == "variant" else "right")
    for name, variant in variants.items():
        table.add_row(name, f"{variant.hidden_size:,}", f"{count_parameters(variant, **sizes):,}")
    Console().print(table)


if __name__ == "__main__":
    main()
