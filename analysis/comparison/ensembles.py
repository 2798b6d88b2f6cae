"""A variant's trainings as one model: the mean of their probabilities, which `commands.predict` uses by default.

There is one ensemble of each variant, so its statistics are those of a comparison with one seed: intervals and p-values
cover the choice of the test documents only. They do not say how much another set of seeds would change an ensemble.
"""

from dataclasses import replace

import numpy as np

from analysis.comparison.differences import Comparison, compare
from analysis.comparison.experiment import Experiment


def compare_ensembles(experiment: Experiment) -> Comparison | None:
    """Each variant's ensemble, compared with the baseline's; None with one seed, where it is that training."""
    if len(experiment.seeds) == 1:
        return None
    mean = experiment.probabilities.mean(axis=1, dtype=np.float64).astype(np.float32)  # as predictor.py averages
    return compare(replace(experiment, seeds=experiment.seeds[:1], probabilities=mean[:, None]))
