"""One training with a setting of its own: its scores and history are kept, its weights are not.

This module is no stage: the stages tune and settings share it. A trial of tune is evaluated on the validation split. A
training of settings is evaluated on the test split, and its predictions are kept as well. `resolve` decides which files
the training may open: a file whose checksum is not in the configuration cannot be opened.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from analysis.comparison.metrics import METRICS, classification_metrics
from config.params import Params
from config.settings import Setting, applied
from core.errors import DivergenceError
from core.folds import splits_of
from models import machine
from models.prediction import predict
from models.training.building import build_training
from models.training.resuming import resume_from
from outputs import measurements, trials
from outputs.checkpoints import Checkpoints
from outputs.conditions import current_conditions
from outputs.prediction_file import write_predictions
from outputs.token_files import open_part, read_summary, training_documents
from outputs.training_config import read_variant, settings_part
from outputs.training_data import open_training_data
from outputs.trials import Outcome
from provenance.libraries import versions
from provenance.signature import signature
from text import subset
from tracking.connection import connect
from tracking.lifecycle import log_data, trial_run
from tracking.progress import EpochMetrics

Split = Literal["validation", "test"]


@dataclass(frozen=True)
class Plan:
    """What is trained and how it is evaluated.

    Attributes:
        variant: the variant's name.
        setting: values for keys of train and variants.
        seed: the seed of weights, dropout and shuffling.
        epochs: replaces train.epochs; None: train.epochs applies.
        documents: the number of training documents; None: all.
        subset: the seed with which the training documents are sampled, if not all are used.
        split: the documents on which the training is evaluated.
        fold_seed: with data.folds, the seed that determines the folds; None: `seed` does.
    """

    variant: str
    setting: Setting
    seed: int
    epochs: int | str | None = None
    documents: int | None = None
    subset: int = 0
    split: Split = "validation"
    fold_seed: int | None = None


def run(params: Params, plan: Plan, title: str, root: Path = Path()) -> Outcome:
    """The outcome of the training, which is run unless it is finished already, and resumed if it was interrupted.

    If the loss of a trial is not finite, its outcome has the `error` instead of scores.

    Raises:
        DivergenceError: the loss is not finite, and the training is evaluated on the test split.
    """
    machine.prepare(params.train.threads, params.train.precision)
    config = resolve(params, plan, root)
    if (done := trials.read(config["signature"])) is not None:
        return _as_planned(done, plan)
    checkpoints = Checkpoints(config["signature"])
    with checkpoints.locked():
        done = trials.read(config["signature"])  # another process may have run it meanwhile
        outcome = done if done is not None else _train(params, plan, config, checkpoints, title, root)
    checkpoints.remove()
    return _as_planned(outcome, plan)


def _as_planned(outcome: Outcome, plan: Plan) -> Outcome:
    """The outcome of this plan: another setting may give the same values, for example by naming a default."""
    return {**outcome, "variant": plan.variant, "setting": dict(plan.setting)}


def resolve(params: Params, plan: Plan, root: Path) -> dict[str, Any]:
    """Every value that decides the outcome; `tokens` has the checksums of the only files that may be opened."""
    train = params.train if plan.epochs is None else params.train.model_copy(update={"epochs": plan.epochs})
    variant, start = read_variant(plan.variant, root)
    variant, train = applied(plan.setting, variant, train)
    summary = read_summary(root)
    fold_seed, folds = plan.seed if plan.fold_seed is None else plan.fold_seed, summary["data"].get("folds")
    splits = [split for part in ("train", "validation", plan.split) for split in splits_of(part, fold_seed, folds)]
    opened = ["vectors.safetensors", *(f"{split}.arrow" for split in splits)]
    if train.adversarial.unlabelled_batch:
        opened.append("unlabelled.arrow")
    tokens = {name: digest for name, digest in summary["checksums"].items() if name in opened}
    every = training_documents(summary)
    documents = min(plan.documents or every, every)
    config = settings_part(plan.variant, plan.seed, variant, train, summary, documents)
    config |= {"tokens": tokens, "documents": documents, "split": plan.split, "libraries": versions("tune")}
    config |= {"subset": plan.subset} if documents < every else {}
    config |= start
    return {**config, "signature": signature(config, "tune")}


def _train(
    params: Params, plan: Plan, config: dict[str, Any], checkpoints: Checkpoints, title: str, root: Path
) -> Outcome:
    data = open_training_data(config, root, plan.fold_seed)
    if plan.documents is not None:
        data = data._replace(train=subset.at_random(data.train, plan.documents, plan.subset))
    scored = open_part(plan.split, config, root, plan.fold_seed)
    training = build_training(config, data, current_conditions(params.train.accelerator))
    classifier, settings = training.module.classifier, training.settings
    checkpointing = resume_from(checkpoints, params.train)
    outcome: Outcome = {
        "variant": plan.variant,
        "setting": dict(plan.setting),
        "seed": plan.seed,
        "split": plan.split,
        "epochs": settings.epochs,
        "documents": config["documents"],
        "parameters": classifier.parameter_counts()["total"],
        "signature": config["signature"],
    }
    run = None
    try:
        with (
            connect(params.tracking.experiment) as mlflow,
            trial_run(mlflow, title, outcome, resumed=checkpointing.state is not None) as run,
        ):
            log_data(run, config)
            training.run(checkpointing, [EpochMetrics(run, training.costs)])
            machine.round_to_tf32(False)  # predictions are in float32, as in the stage evaluate
            probabilities = predict(classifier, scored, machine.device(settings.accelerator), progress=False)
            metrics = classification_metrics(scored.labels, probabilities, config["labels"])
            outcome["scores"] = {metric.key: metrics[metric.key] for metric in METRICS}
            run.log_scores(plan.split, outcome["scores"])
    except DivergenceError as error:
        if plan.split == "test":  # a setting that the user has asked for
            raise
        outcome["error"] = str(error)
    outcome["history"] = training.module.history
    if training.costs.epochs:
        measurements.add(config["signature"], **training.costs.measured())
    if run is not None:
        measurements.add(config["signature"], provenance=asdict(run.provenance))
    if plan.split == "test":
        write_predictions(trials.file(config["signature"], ".parquet"), scored, probabilities)
    trials.write(config["signature"], outcome)
    return outcome
