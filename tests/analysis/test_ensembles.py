"""A variant's ensemble is one model: its values are those of the mean probabilities, its intervals over documents."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from analysis.comparison.ensembles import compare_ensembles
from tests.analysis.test_comparison import make_experiment

RIGHT = np.array([  # probability of the right class, (variants, seeds, n)
    [[0.9, 0.4, 0.4, 0.6, 0.9, 0.9], [0.9, 0.7, 0.4, 0.3, 0.9, 0.9]],
    [[0.9, 0.9, 0.9, 0.9, 0.4, 0.9], [0.9, 0.9, 0.9, 0.9, 0.3, 0.9]],
])  # fmt: skip


def test_the_mean_probabilities_decide() -> None:
    ensembles = compare_ensembles(make_experiment(RIGHT, ["lstm", "bilstm"]))

    assert ensembles is not None
    accuracy = ensembles.scores["lstm"]["accuracy"]
    assert accuracy.mean == pytest.approx(4 / 6)  # documents 3 and 4 are wrong: 0.4 and 0.45
    assert accuracy.deviation is None
    assert ensembles.scores["lstm"]["loss"].mean == pytest.approx(-np.log([0.9, 0.55, 0.4, 0.45, 0.9, 0.9]).mean())
    assert ensembles.differences["bilstm"]["accuracy"].value == pytest.approx(5 / 6 - 4 / 6)


def test_the_interval_is_that_of_one_model_over_documents() -> None:
    right = np.where(np.arange(400) < 300, 0.9, 0.1)
    ensembles = compare_ensembles(make_experiment(np.tile(right, (1, 3, 1)), ["lstm"]))

    assert ensembles is not None
    score = ensembles.scores["lstm"]["accuracy"]
    wilson = stats.binomtest(300, 400).proportion_ci(method="wilson")
    assert score.mean == 0.75
    assert (score.low, score.high) == pytest.approx((wilson.low, wilson.high), abs=1e-3)


def test_one_training_is_no_ensemble() -> None:
    experiment = make_experiment(RIGHT, ["lstm", "bilstm"])
    alone = replace(experiment, seeds=[1], probabilities=experiment.probabilities[:, :1])
    assert compare_ensembles(alone) is None
