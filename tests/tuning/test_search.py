"""What a search proposes depends on its space, sampler and seed, and with TPE on what earlier trials reached."""

from itertools import pairwise
from typing import Any

import pytest

from config.settings import applied, value_shown
from config.train import TrainParams
from config.tuning import TuningParams
from config.variants import VariantParams
from tuning.search import Search, importances

SPACE = {
    "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "batch_size": {"low": 8, "high": 64},
    "head_dropout": [0.0, 0.3, 0.5],
    "pooling": ["last", "max", "mean"],
}
SAMPLERS = ["random", "quasi_random", "tpe"]


def params(sampler: str = "random", seed: int = 1, trials: int = 20) -> TuningParams:
    return TuningParams.model_validate({"trials": trials, "space": SPACE, "sampler": sampler, "seed": seed})


def proposed(chosen: TuningParams, gains: list[float | None], repeat: int = 0) -> list[dict[str, Any]]:
    search, settings = Search(chosen, repeat), []
    for gain in gains:
        settings.append(search.propose())
        search.report(gain)
    return settings


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_search_proposes_the_same_and_more_trials_begin_with_the_same(sampler: str) -> None:
    gains = [0.1 * number for number in range(15)]
    long = proposed(params(sampler, trials=15), [*gains])
    assert proposed(params(sampler, trials=12), [*gains[:12]]) == long[:12]
    assert proposed(params(sampler), [*gains], repeat=1) != long
    assert proposed(params(sampler, seed=2), [*gains]) != long


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_value_may_be_a_list_of_poolings(sampler: str, recwarn: pytest.WarningsRecorder) -> None:
    space = {"pooling": ["max", ["max", "mean"]], "segment": {"low": 20, "high": 60}}
    chosen = TuningParams.model_validate({"trials": 12, "space": space, "sampler": sampler})
    settings = proposed(chosen, [0.1 * number for number in range(12)])
    assert {str(setting["pooling"]) for setting in settings} == {"max", "['max', 'mean']"}
    for setting in settings:
        assert applied(setting, VariantParams(cell="lstm"), TrainParams())[0].pooling == setting["pooling"]
    shares = importances(chosen.space, [(setting, len(setting["pooling"])) for setting in settings])
    assert shares["pooling"] > shares["segment"]
    assert not recwarn.list


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_only_tpe_looks_at_what_earlier_trials_reached(sampler: str) -> None:
    rising, falling = ([sign * number / 20 for number in range(20)] for sign in (1, -1))
    same = proposed(params(sampler), [*rising]) == proposed(params(sampler), [*falling])
    assert same == (sampler != "tpe")


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_proposals_are_in_the_space_and_can_be_trained_as_they_are_shown(sampler: str) -> None:
    settings = proposed(params(sampler), [None, *[0.5] * 39])
    assert {setting["pooling"] for setting in settings} == {"last", "max", "mean"}
    for setting in settings:
        assert 1e-4 <= setting["learning_rate"] <= 1e-2
        assert setting["learning_rate"] == float(f"{setting['learning_rate']:.3g}")
        variant, train = applied(setting, VariantParams(cell="lstm"), TrainParams())
        assert (variant.pooling, train.batch_size) == (setting["pooling"], setting["batch_size"])
    assert len({setting["learning_rate"] for setting in settings}) > 20


def test_quasi_random_settings_are_evener_than_random_ones() -> None:
    def largest_gap(sampler: str) -> float:
        values = sorted(setting["batch_size"] for setting in proposed(params(sampler), [0.0] * 33)[1:])
        return float(max(later - earlier for earlier, later in pairwise(values)))

    assert largest_gap("quasi_random") < largest_gap("random")


def test_the_key_that_decides_is_the_important_one() -> None:
    settings = proposed(params(), [0.0] * 40)
    shares = importances(params().space, [(each, float(each["pooling"] == "max")) for each in settings])
    assert shares["pooling"] > 0.9
    assert sum(shares.values()) == pytest.approx(1)
    tiny = importances(params().space, [(each, 0.5 + 1e-12 * (each["pooling"] == "max")) for each in settings])
    assert tiny == pytest.approx(shares)
    assert importances(params().space, [(each, 0.5) for each in settings]) == {}
    assert importances(params().space, [(settings[0], 0.1)] * 3) == {}


def test_of_values_near_1_three_digits_of_1_minus_the_value_count() -> None:
    space = {"averaging_decay": {"low": 0.99, "high": 0.9999}}
    chosen = TuningParams.model_validate({"trials": 40, "space": space, "sampler": "random"})
    values = [setting["averaging_decay"] for setting in proposed(chosen, [0.0] * 40)]
    assert len(set(values)) == 40
    assert all(value == float(value_shown(value)) for value in values)
    assert all(abs(float(f"{1 - value:.3g}") - (1 - value)) < 1e-12 for value in values)
