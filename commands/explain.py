"""Shows how trained models read a text. `python -m commands.explain --variant bilstm --seed 1 --text "…"`.

Reads results/<variant>/seed-<seed>/ and data/tokens (and data/raw/test.parquet for --document); writes one page to
reports/explanations/, adds it to the models' MLflow runs, and opens it in the browser.
"""

import argparse
import hashlib
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.compute as pc
import torch

from analysis.explanation.page import render
from analysis.explanation.statements import Explanation
from config.params import load
from core import command_line, file_io, paths
from core.constants import UNKNOWN_INDEX
from core.errors import DataError, ParamsError
from core.folds import splits_of
from core.paths import EXPLANATIONS, RAW
from models import machine
from models.inside.trace import explain as read
from outputs import measurements
from outputs.experiment_files import read_table
from outputs.token_files import read_summary
from outputs.trained_model import load_classifier, read_config
from predictor.files import ModelFiles, find_training
from predictor.token_numbers import Encoder
from text.cleaning import cleaned


class Text(NamedTuple):
    """The text to explain; `label` is the index of its class, if that is known."""

    text: str
    source: str
    label: int | None


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument(
        "--variant", required=True, action="append", help="a trained variant; repeat it to show several side by side"
    )
    arguments.add_argument("--seed", required=True, type=int, help="the seed they were trained with")
    chosen = arguments.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--text", help="the text itself")
    chosen.add_argument("--document", metavar="ID", help="a document of the test split")
    chosen.add_argument("--file", type=Path, help="a text file in UTF-8")
    arguments.add_argument("--no-open", action="store_true", help="do not open the page in the browser")
    command_line.run(_command, arguments)


def _command(namespace: argparse.Namespace) -> None:
    experiment = load().tracking.experiment
    models = [_model(variant, namespace.seed) for variant in dict.fromkeys(namespace.variant)]
    page = explain(models, _text(namespace))
    print(page, flush=True)
    if not namespace.no_open and _has_display():
        webbrowser.open(page.resolve().as_uri())
    _log(experiment, [files.config for files in models], page)


def explain(models: list[ModelFiles], text: Text) -> Path:
    """Writes the page for these models, which read the same tokens; returns its path.

    Raises:
        UserError: a training or the text cannot be explained.
    """
    machine.prepare(threads=1)
    config = models[0].config
    tokens, numbers, cut = Encoder(models[0]).tokens(text.text)
    if not tokens:
        raise DataError(f"the text has no tokens ({config['tokenize']['tokenizer']}); there is nothing to read")
    readings = {
        files.config["name"]: read(load_classifier(files.config, files.weights), torch.tensor(numbers), UNKNOWN_INDEX)
        for files in models
    }
    explanation = Explanation(
        data=config["data"]["name"],
        source=text.source,
        classes=config["labels"],
        label=text.label,
        tokens=tokens,
        unknown=(numbers == UNKNOWN_INDEX).tolist(),
        cut=cut,
        readings=readings,
    )
    digest = hashlib.sha256(text.text.encode()).hexdigest()[:8]
    page = EXPLANATIONS / f"{'-'.join(readings)}-seed-{config['seed']}-{digest}.html"
    with file_io.whole(page) as path:
        path.write_text(render(explanation), encoding="utf-8")
    return page


def _model(variant: str, seed: int) -> ModelFiles:
    """A training that used the present files of data/tokens."""
    files, config = find_training(variant, seed), read_config(paths.folder(variant, seed))
    if len(config["labels"]) < 2:
        raise DataError(f"{files.name} knows one class only; there is no decision to explain")
    if config["variant"]["ngrams"]:
        raise ParamsError(f"--variant is {variant!r}, which has ngrams: true; allowed: variants without ngrams")
    return files


def _text(namespace: argparse.Namespace) -> Text:
    if namespace.document is not None:
        return _document(namespace.document, namespace.seed)
    if namespace.text is not None:
        return Text(_cleaned(namespace.text), "the text given", None)
    try:
        return Text(_cleaned(namespace.file.read_text(encoding="utf-8")), f"file {namespace.file.name}", None)
    except FileNotFoundError:
        raise DataError(f"--file is '{namespace.file}'; there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--file '{namespace.file}' is not a UTF-8 text file: {error}") from None


def _cleaned(text: str) -> str:
    """The text as the stage download would have cleaned it."""
    return cleaned(text, read_summary()["data"].get("clean", []))


def _document(name: str, seed: int) -> Text:
    """A document on which the training with this seed is tested."""
    [split] = splits_of("test", seed, read_summary()["data"].get("folds"))
    test = read_table(RAW / f"{split}.parquet", made_by="download")
    if (position := pc.index(test["id"], name).as_py()) < 0:
        shown = ", ".join(test["id"].slice(0, 3).to_pylist())
        raise ParamsError(
            f"--document is {name!r}; allowed: the ids of the {len(test):,} test documents, such as {shown}"
        )
    return Text(test["text"][position].as_py(), f"test document {name}", test["label"][position].as_py())


def _has_display() -> bool:
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _log(experiment: str, configs: list[dict[str, Any]], page: Path) -> None:
    from tracking import from_outputs  # MLflow takes seconds to import; the page is open before
    from tracking.connection import connect
    from tracking.lifecycle import find_run

    with connect(experiment) as mlflow:
        for config in configs:
            known = measurements.read(config["signature"]).get("explanations", [])
            measurements.add(config["signature"], explanations=sorted({*known, page.name}))
            from_outputs.complete(mlflow, paths.folder(config["name"], config["seed"]))
            if run := find_run(mlflow, config["signature"]):
                run.log_artifacts([page], "explanations")


if __name__ == "__main__":
    main()
