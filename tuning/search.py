"""A search for the best setting, by Optuna: it proposes settings, and its trials tell which keys matter.

The same space, sampler and seed propose the same settings. `random` and `quasi_random` do not look at what earlier
trials reached: their trials may run in any order, and every variant tries the same settings. `tpe` does look.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.samplers import BaseSampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState, create_trial

from config.settings import Setting, value_shown
from config.tuning import INTEGERS, Range, TuningParams, Values

optuna.logging.set_verbosity(optuna.logging.ERROR)

FEWEST_FOR_IMPORTANCES = 8  # trials; Optuna's trees split fewer into nothing


class Search:
    """Proposes one setting after another, each to be followed by `report`.

    Args:
        params: space, sampler and seed
        repeat: which of the repeated searches, from 0: each proposes other settings

    Example:
        >>> params = TuningParams(trials=2, space={"head_dropout": [0.0, 0.5], "batch_size": {"low": 8, "high": 64}})
        >>> first, again = Search(params, repeat=0), Search(params, repeat=0)
        >>> first.propose() == again.propose()
        True
    """

    def __init__(self, params: TuningParams, repeat: int) -> None:
        seed = int(np.random.SeedSequence([params.seed, repeat]).generate_state(1)[0])
        self._learns = params.learns
        self._distributions = distributions(params.space)
        self._space = params.space
        self._study = optuna.create_study(sampler=_sampler(params.sampler, seed), direction="maximize")
        self._trial: Trial | None = None

    def propose(self) -> dict[str, Any]:
        """The next setting."""
        self._trial = self._study.ask(self._distributions)
        return {key: _as_shown(value, self._space[key]) for key, value in self._trial.params.items()}

    def report(self, gain: float | None) -> None:
        """What the last proposal reached, more is better; None: its training failed."""
        assert self._trial is not None
        if not self._learns:
            gain = 0.0
        self._study.tell(self._trial, gain, state=TrialState.FAIL if gain is None else TrialState.COMPLETE)


def importances(space: Mapping[str, Values], trials: Sequence[tuple[Setting, float]]) -> dict[str, float]:
    """The share of each key in the variance of what trials reached over the space, by fANOVA (Hutter et al. 2014).

    Args:
        space: of the search
        trials: settings and what they reached

    Returns:
        shares that add up to 1; empty with fewer than 8 trials, or if all reached the same.
    """
    if len(trials) < FEWEST_FOR_IMPORTANCES or len({gain for _, gain in trials}) == 1:
        return {}
    study = optuna.create_study(direction="maximize")
    gains = np.array([gain for _, gain in trials])
    scaled = (gains - gains.min()) / np.ptp(gains)  # Optuna takes very small differences for none
    for (setting, _), gain in zip(trials, scaled.tolist(), strict=True):
        params = {key: _choice(value) for key, value in setting.items()}
        study.add_trial(create_trial(params=params, distributions=distributions(space), value=gain))
    shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return {key: float(shares[key]) for key in space}


def distributions(space: Mapping[str, Values]) -> dict[str, BaseDistribution]:
    """The space as Optuna describes it."""
    return {key: _distribution(key, values) for key, values in space.items()}


def _distribution(key: str, values: Values) -> BaseDistribution:
    if not isinstance(values, Range):
        return CategoricalDistribution([_choice(value) for value in values])
    if key in INTEGERS:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(float(values.low), float(values.high), log=values.log)


def _sampler(name: str, seed: int) -> BaseSampler:
    match name:
        case "random":
            return RandomSampler(seed)
        case "quasi_random":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)  # its interface may change: the version is pinned
                return QMCSampler(qmc_type="sobol", scramble=True, seed=seed)
    return TPESampler(seed=seed)


def _choice(value: Any) -> Any:
    """A value as one of Optuna's choices, which may not be lists."""
    return value_shown(value) if isinstance(value, list) else value


def _as_shown(value: Any, values: Values) -> Any:
    """A list that `_choice` has named; a number of a range in three digits, as it is shown and trained.

    Between 0.9 and 1 these are digits of 1 − value: 0.9995 and 0.9999 are very different decays of an average.
    """
    if not isinstance(values, Range):
        return next((each for each in values if isinstance(each, list) and _choice(each) == value), value)
    if not isinstance(value, float):
        return value
    rounded = round(1 - _three_digits(1 - value), 15) if 0.9 < value < 1 else _three_digits(value)
    return min(max(rounded, float(values.low)), float(values.high))


def _three_digits(value: float) -> float:
    return float(f"{value:.3g}")
