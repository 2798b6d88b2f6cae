"""Exports a trained model as ONNX. `python -m commands.export --variant bilstm --seed 1`.

Writes exports/<variant>-seed-<seed>/: model.onnx, the vocabulary, the SentencePiece model if there is one, a model
card, and the files with which `commands.predict --model` uses the folder without this project's data.
"""

import argparse
from pathlib import Path

from core import command_line, file_io, paths
from outputs import evaluation_checksums
from outputs.trained_model import load_classifier
from predictor.files import find_training
from predictor.model_card import model_card
from predictor.onnx_graph import onnx_model

EXPORTS = Path("exports")


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("--variant", required=True, help="a trained variant")
    arguments.add_argument("--seed", required=True, type=int, help="the seed it was trained with")
    command_line.run(_command, arguments)


def _command(chosen: argparse.Namespace) -> None:
    print(export(chosen.variant, chosen.seed))


def export(variant: str, seed: int) -> Path:
    """Writes the folder, whole or not at all, and returns its path.

    Raises:
        ParamsError: the model was not trained.
        DataError: a file is missing or damaged, the model has not been evaluated since it was trained, or the folder
            cannot be written.
    """
    files = find_training(variant, seed)
    evaluation_checksums.check(variant, seed)
    metrics = file_io.read_json(paths.folder(variant, seed) / "metrics.json", made_by="evaluate")
    model = onnx_model(load_classifier(files.config, files.weights))
    folder = EXPORTS / f"{variant}-seed-{seed}"
    with file_io.whole_folder(folder) as made:
        files.copy(made)
        (made / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
        (made / "README.md").write_text(model_card(files.config, metrics), encoding="utf-8")
    return folder


if __name__ == "__main__":
    main()
