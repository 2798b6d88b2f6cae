"""Stage settings: one variant under one of compare.settings. `python -m pipelines.settings --variant lstm --setting 0`.

Trains the variant with every seed under that setting, and predicts the test split. Reads compare.settings,
compare.seeds and train of params.yaml, data/variants/<variant>.json and data/tokens; writes scores, histories and
predictions to data/settings/<variant>-setting<n>/, and their checksums to data/evaluated. A training that is done is
not repeated (outputs/trials.py).
"""

import argparse
import shutil
from pathlib import Path

from config.params import Params, load
from config.settings import training_title
from core import file_io
from core.errors import ParamsError
from core.paths import SETTINGS, setting_name
from outputs import evaluation_checksums, trials
from pipelines.trial import Plan, run
from provenance.stage import run_as_command, setting_parser


def main() -> None:
    """The command line."""
    run_as_command(_command, setting_parser(__doc__))


def _command(chosen: argparse.Namespace) -> None:
    train_under(load(), chosen.variant, chosen.setting)


def train_under(params: Params, variant: str, number: int, root: Path = Path()) -> None:
    """Trains `variant` with every seed under the setting with this `number`, and writes the outcomes below `root`."""
    if number >= len(params.compare.settings):
        raise ParamsError(f"--setting is {number}; allowed: 0 to {len(params.compare.settings) - 1} (compare.settings)")
    setting = params.compare.settings[number]
    outcomes = {
        seed: run(params, Plan(variant, setting, seed, split="test"), training_title(variant, seed, setting), root)
        for seed in params.compare.seeds
    }
    name = setting_name(variant, number)
    with file_io.whole_folder(root / SETTINGS / name) as folder:
        for seed, outcome in outcomes.items():
            file_io.write_json(folder / f"seed-{seed}.json", outcome)
            shutil.copy(trials.file(outcome["signature"], ".parquet"), folder / f"seed-{seed}.parquet")
    evaluation_checksums.write_setting(name, root)


if __name__ == "__main__":
    main()
