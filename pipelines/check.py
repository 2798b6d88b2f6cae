"""Stage check: validates params.yaml, also against this machine. `python -m pipelines.check`.

It runs before any other stage, and before DVC removes outputs whose paths hold names from params.yaml. A training
checks the machine again, since it may run on another one. For DVC the stage also writes the code lists of the others to
data/code (provenance/code_lists.py).
"""

from config.params import Params, load
from config.train import TrainParams
from core import command_line, file_io
from core.paths import CODE
from provenance import code_lists
from provenance.stage import run_stage


def main() -> None:
    """The command line."""
    run_stage(lambda _: check(load()), command_line.parser(__doc__))


def check(params: Params) -> None:
    """Refuses settings that this machine does not support; writes the code lists.

    Raises:
        ParamsError: names the key of `train`, its value, and what is allowed on this machine.
    """
    if _needs_special_hardware(params.train):
        from models import machine  # imports torch, which takes a second or two

        machine.check(params.train.accelerator, params.train.devices, params.train.precision)
    with file_io.whole_folder(CODE) as folder:
        for stage, text in code_lists.lists(params).items():
            (folder / f"{stage}.sha256").write_text(text, encoding="utf-8")


def _needs_special_hardware(train: TrainParams) -> bool:
    """Whether some machines cannot train with these settings."""
    return train.accelerator == "gpu" or train.devices != 1 or train.precision not in ("32-true", "64-true")


if __name__ == "__main__":
    main()
