"""Reads what the stages tune and settings left, for the stage compare."""

import numpy as np
import numpy.typing as npt

from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import metric_named
from analysis.tuning.search import Search, Tuning
from config.params import Params
from config.settings import setting_shown
from config.tuning import Range
from core import file_io
from core.errors import DataError
from core.paths import SETTINGS, TUNED, setting_name
from outputs import measurements
from outputs.experiment_files import ids_by_fold, read_repetitions
from outputs.token_files import read_summary, training_documents
from outputs.tuned import TRIALS, read_search


def read_tuning(params: Params) -> Tuning | None:
    """The searches of all variants; None if params.yaml asks for none.

    Raises:
        DataError: an output of the stage tune is missing or broken, or was made for another metric.
    """
    tuning = params.compare.tuning
    if not tuning.trials:
        return None
    searches, trials = {}, []
    for variant in params.compare.variants:
        search = read_search(variant)
        if search is None or search["metric"] != params.compare.metric:
            raise DataError(
                f"{TUNED / variant / TRIALS} is missing or was made for another compare.metric; run dvc repro"
            )
        trials += search["trials"]
        searches[variant] = Search(
            settings=[trial["setting"] for trial in search["trials"]],
            scores=[trial["scores"][search["metric"]] if "scores" in trial else None for trial in search["trials"]],
            chosen=search["chosen"],
            importances=search["importances"],
            costs=[measurements.read(trial["signature"]) for trial in search["trials"]],
        )
    epochs = [trial["epochs"] for trial in trials]
    return Tuning(
        metric=metric_named(params.compare.metric),
        trials=tuning.trials,
        repeats=tuning.repeats,
        sampler=tuning.sampler,
        epochs=(min(epochs), max(epochs)),
        documents=trials[0]["documents"],
        all_documents=training_documents(read_summary()),
        ranges={key: values for key, values in tuning.space.items() if isinstance(values, Range)},
        searches=searches,
    )


def read_under_settings(params: Params, experiment: Experiment) -> dict[str, npt.NDArray[np.float32]]:
    """The predictions under each of compare.settings, by its name: (variants, seeds, n, classes).

    Raises:
        DataError: an output of the stage settings is missing or broken.
    """
    parts = ids_by_fold(experiment)
    predictions = {}
    for number, setting in enumerate(params.compare.settings):
        rows = [
            read_repetitions([folder / f"seed-{seed}.parquet" for seed in experiment.trainings], parts, "settings")
            for folder in (SETTINGS / setting_name(variant, number) for variant in params.compare.variants)
        ]
        _check(params, number)
        predictions[f"with {setting_shown(setting)}"] = np.array(rows)
    return predictions


def _check(params: Params, number: int) -> None:
    """Refuses what was made under another setting."""
    for variant in params.compare.variants:
        for seed in params.compare.seeds:
            path = SETTINGS / setting_name(variant, number) / f"seed-{seed}.json"
            if file_io.read_json(path, made_by="settings")["setting"] != dict(params.compare.settings[number]):
                raise DataError(f"{path} was not trained under compare.settings[{number}]; run dvc repro")
