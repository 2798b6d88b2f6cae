"""Stage check: params.yaml is right, and this machine can do what it says. `python -m pipelines.check`.

It runs before any other stage, and before DVC removes outputs whose paths hold names of params.yaml. A training
checks the machine again, since its own may be another one. For DVC it also lists what the other stages depend on.
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
    """Is silent, or refuses; writes what the other stages depend on.

    Raises:
        ParamsError: names the key of `train`, its value, and what is allowed on this machine.
    """
    if _may_be_missing(params.train):
        from models import machine  # which imports torch, and takes a second or two

        machine.check(params.train.accelerator, params.train.devices, params.train.precision)
    with file_io.whole_folder(CODE) as folder:
        for stage, text in code_lists.lists(params).items():
            (folder / f"{stage}.sha256").write_text(text, encoding="utf-8")


def _may_be_missing(train: TrainParams) -> bool:
    """Whether there are machines that cannot do it."""
    return train.accelerator == "gpu" or train.devices > 1 or train.precision not in ("32-true", "64-true")


if __name__ == "__main__":
    main()
