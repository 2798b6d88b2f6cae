"""Stage check: validates params.yaml, also against this machine. `python -m pipelines.check`.

It runs before any other stage, and before DVC removes outputs whose paths hold names from params.yaml. A training
checks the machine again, since it may run on another one. For DVC the stage also writes the code lists of the others to
data/code (provenance/code_lists.py).
"""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from config.params import PARAMS_FILE, Params, load
from config.train import TrainParams
from core import command_line, file_io
from core.errors import ParamsError
from core.paths import CODE
from provenance import code_lists
from provenance.stage import run_as_command


def main() -> None:
    """The command line."""
    run_as_command(lambda _: _command(), command_line.parser(__doc__))


def _command() -> None:
    params = load()
    check_dvc_keys(params)
    check(params)


def check_dvc_keys(params: Params) -> None:
    """Refuses a params.yaml without a key that dvc.yaml names: DVC knows no defaults.

    Raises:
        ParamsError: names the key and what to write.
    """
    content, pipeline = (YAML(typ="safe", pure=True).load(path) for path in (PARAMS_FILE, Path("dvc.yaml")))
    for key in [key for stage in pipeline["stages"].values() for key in stage.get("params", [])]:
        written, value = content, params.model_dump()
        for part in key.split("."):
            if part not in written:
                raise ParamsError(
                    f"{PARAMS_FILE} has no {key}, and DVC does not know the defaults; add {_shown(key, value[part])}"
                )
            written, value = written[part], value[part]


def _shown(key: str, value: Any) -> str:
    """The line to add; sections have defaults of their own."""
    default = "{}" if isinstance(value, dict) else "[]" if value == [] else value
    section, _, name = key.rpartition(".")
    return f"{name}: {default}" + (f" to {section}" if section else "")


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
