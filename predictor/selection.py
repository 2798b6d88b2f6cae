"""Which trained models to use: those of a named variant, or of the comparison's winner."""

from collections.abc import Callable

from config.compare import CompareParams
from core.errors import ParamsError
from predictor.files import ModelFiles, find_training, trainings
from predictor.winner import winner

Say = Callable[[str], None]


def select(variant: str | None, seed: int | None, compare: CompareParams, say: Say) -> list[ModelFiles]:
    """The models to use: those of `variant`, or of the comparison's winner if `variant` is None.

    With `seed` it is the model of that training alone, else the models of all trainings, as an ensemble. `say` is
    called with a line about each choice and each doubt.

    Raises:
        ParamsError: there is no such training.
        DataError: there is no comparison, or a file is missing or damaged.
    """
    if variant is None:
        best = winner()
        variant = best.variant
        say(best.reason)
        for doubt in best.doubts:
            say(f"warning: {doubt}")
    seeds = compare.seeds if variant in compare.variants else trainings().get(variant, [])
    if seed is not None:
        seeds = [seed]
    if not seeds:
        allowed = ", ".join(trainings()) or "nothing yet, run make run"
        raise ParamsError(f"--variant is {variant!r}, which is not trained; allowed: {allowed}")
    models = [find_training(variant, chosen) for chosen in seeds]
    if len(models) > 1:
        say(f"{variant}: the mean of {len(models)} trainings, seeds {', '.join(map(str, seeds))}")
    return models
