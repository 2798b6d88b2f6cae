"""Stage pretrain: weights that variants with `start: pretrain` start from. `python -m pipelines.pretrain`.

Reads the section pretrain of params.yaml, train.accelerator, train.precision and train.threads, and the training and
unlabelled documents in data/tokens. It cannot open any other split, since it has no other checksums. Writes the weights
to data/pretrained, with a language model's perplexity on held-out documents, and logs an MLflow run. With
pretrain.objective: none it writes only that objective. An interrupted language model resumes from its last checkpoint.
"""

import time
from pathlib import Path
from typing import Any

from config.params import Params, load
from config.pretrain import PretrainParams
from core import command_line, file_io
from core.errors import DataError, ParamsError
from core.paths import PRETRAINED
from outputs import measurements
from outputs.checkpoints import Checkpoints
from outputs.pretrained import DESCRIPTION
from outputs.token_files import open_splits, read_summary
from provenance.stage import run_as_command
from text.tokenizing.token_file import TokenizedDocuments

SPLITS = ("train", "unlabelled")
CHECKPOINT_MINUTES = 10.0


def main() -> None:
    """The command line."""
    run_as_command(lambda _: _command(), command_line.parser(__doc__))


def _command() -> None:
    params = load()
    pretrain(params)
    if params.pretrain.objective != "none":
        from tracking import pretraining_from_outputs  # MLflow takes seconds to import
        from tracking.connection import connect

        with connect(params.tracking.experiment) as mlflow:
            pretraining_from_outputs.complete(mlflow)


def pretrain(params: Params, root: Path = Path()) -> None:
    """Writes the weights below `root`.

    Raises:
        DataError: there are too few documents.
        ParamsError: word vectors would have more numbers than there are words.
        DivergenceError: the language model's loss is not finite.
    """
    if params.pretrain.objective == "none":
        with file_io.whole_folder(root / PRETRAINED) as folder:
            file_io.write_json(folder / DESCRIPTION, {"objective": "none"})
        return
    from models import machine  # torch takes two seconds to import
    from outputs.conditions import current_conditions
    from outputs.pretrained_weights import write_pretraining

    train = params.train
    machine.check(train.accelerator, 1, train.precision)
    machine.prepare(train.threads, train.precision)
    config = resolve_config(params, read_summary(root))
    documents = open_splits(_names(config), config["files"], root)
    started = time.time_ns() // 1_000_000
    if params.pretrain.objective == "vectors":
        weights, reached = _make_vectors(config, documents)
    else:
        weights, reached = _train_language_model(config, documents)
    learned = len(documents) - reached.get("held_out", 0)
    what = {"objective": params.pretrain.objective, "documents": learned, "unlabelled": len(config["files"]) > 1}
    write_pretraining({**what, **reached, **config}, weights, root)
    ended = time.time_ns() // 1_000_000
    measurements.add(
        config["signature"],
        pretraining_seconds=(ended - started) / 1000,
        pretraining_conditions=[current_conditions(train.accelerator)],
    )


def resolve_config(params: Params, summary: dict[str, Any]) -> dict[str, Any]:
    """Every value that decides the weights; `files` has the checksums of the only files that may be opened."""
    from provenance.libraries import versions
    from provenance.signature import signature

    files = {f"{split}.arrow": summary["checksums"].get(f"{split}.arrow") for split in SPLITS}
    train = params.train
    config = {
        "pretrain": params.pretrain.model_dump(),
        "train": {"accelerator": train.accelerator, "precision": train.precision, "threads": train.threads},
        **{key: summary[key] for key in ("data", "tokenize", "vocabulary_size")},
        "files": {name: digest for name, digest in files.items() if digest is not None},
        "libraries": versions("pretrain"),
    }
    alone = {**config, "train": {**config["train"], "num_nodes": 1}}
    return {**config, "signature": signature(alone, "pretrain")}


def _names(config: dict[str, Any]) -> list[str]:
    return [split for split in SPLITS if f"{split}.arrow" in config["files"]]


def _make_vectors(config: dict[str, Any], documents: TokenizedDocuments) -> tuple[dict[str, Any], dict[str, Any]]:
    """The weights, and no results to record: vectors are not evaluated."""
    import torch

    from models.initialization import EMBEDDING
    from models.pretraining.vectors import word_vectors

    settings, words = config["pretrain"], config["vocabulary_size"]
    if (size := settings["embedding_size"]) >= words:  # the vectors would have numbers that are 0 for all words
        raise ParamsError(
            f"pretrain.embedding_size is {size}, but the vocabulary has {words} tokens; allowed with "
            f"pretrain.objective: vectors: 1 to {words - 1}"
        )
    vectors = word_vectors(documents, words, size, settings["seed"])
    print(f"{words:,} word vectors from {len(documents):,} texts", flush=True)
    return {EMBEDDING: torch.from_numpy(vectors)}, {}


def _train_language_model(
    config: dict[str, Any], documents: TokenizedDocuments
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The weights, and the perplexity that they reached."""
    if len(documents) < 2:
        raise DataError(f"the training split has {len(documents)} document; pretrain.objective: lm needs 2 or more")
    import torch

    from models.pretraining.fit import fit
    from models.pretraining.language_model import LanguageModel
    from models.pretraining.module import LanguageModelModule
    from models.training.resuming import Checkpointing
    from text.streams import count_targets, hold_out

    settings, train = config["pretrain"], config["train"]
    directions = PretrainParams.model_validate(settings).directions()
    learned, held_out = hold_out(len(documents), settings["seed"])
    torch.manual_seed(settings["seed"])
    model = LanguageModel(
        torch.from_numpy(count_targets(documents, learned, config["vocabulary_size"])),
        directions=directions,
        **{key: settings[key] for key in ("cell", "hidden_size", "embedding_size", "softmax")},
    )
    module = LanguageModelModule(model, settings["learning_rate"])
    checkpoints = Checkpoints(config["signature"])
    with checkpoints.locked():
        state = checkpoints.load()
        if state is not None:
            print(f"resuming after step {state['global_step']}", flush=True)
        fit(
            module, documents, learned, held_out,
            epochs=settings["epochs"], rows=settings["batch_size"], time=settings["bptt"], directions=directions,
            seed=settings["seed"], accelerator=train["accelerator"], precision=train["precision"],
            checkpointing=Checkpointing(checkpoints, state, None, CHECKPOINT_MINUTES),
        )  # fmt: skip
    last = module.history[-1]
    perplexity = {name: last[f"perplexity_{name}"] for name in directions}
    return dict(model.weights()), {"perplexity": perplexity, "held_out": len(held_out), "history": module.history}


if __name__ == "__main__":
    main()
