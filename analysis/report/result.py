"""All that a comparison found, for the page, the files, the terminal and MLflow."""

from dataclasses import dataclass

from analysis.comparison.differences import Comparison
from analysis.comparison.experiment import Experiment
from analysis.comparison.slices import Slice
from analysis.comparison.standing import Standing
from analysis.comparison.under_settings import UnderSettings
from analysis.tuning.search import Tuning
from analysis.verdict.sentences import Verdict
from analysis.verdict.soundness import Soundness


@dataclass(frozen=True)
class Result:
    """Numbers and words; `ensembles` is None with one seed, `slices` are by column."""

    experiment: Experiment
    comparison: Comparison
    ensembles: Comparison | None
    slices: dict[str, list[Slice]]
    verdict: Verdict
    standing: Standing
    soundness: Soundness
    tuning: Tuning | None = None
    under_settings: UnderSettings | None = None
