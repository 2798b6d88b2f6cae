"""Rebuilds MLflow runs that the store has lost from the outputs. `python -m pipelines.restore`.

For each training of compare.variants and compare.seeds and each reference without a finished run, and for their
comparison. Times, commit
and costs are those of the original where measurements/ still has them.
"""

from rich.console import Console

from analysis.references import TITLES
from pipelines import cli, measurements, outputs, record
from pipelines.compare import tell
from pipelines.outputs import REFERENCES
from pipelines.params import Params, load
from tracking.runs import Occasion, find_run


def main() -> None:
    """The command line."""
    cli.run(lambda _: restore(load()), cli.parser(__doc__))


def restore(params: Params) -> None:
    """Leaves alone what the store still has."""
    experiment, console = params.tracking.experiment, Console()
    for variant in params.compare.variants:
        for seed in params.compare.seeds:
            folder = outputs.folder(variant, seed)
            config = outputs.read_json(folder / "config.json", made_by="train")
            if find_run(experiment, config["signature"]) is None:
                record.rebuild(experiment, folder)
                console.print(f"rebuilt {variant} · seed {seed}")
    for name in TITLES:
        folder = REFERENCES / name
        known = outputs.read_json(folder / "config.json", made_by="reference")["signature"]
        if find_run(experiment, known) is None:
            record.reference(experiment, folder, Occasion(**measurements.read(known).get("occasion", {})))
            console.print(f"rebuilt {TITLES[name]}")
    tell(params, lost=True)


if __name__ == "__main__":
    main()
