"""The data of a comparison: every variant's predictions under every seed, on the same test documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.comparison.costs import Measured
from analysis.comparison.metrics import METRICS, Metric

LARGEST_LEAK = 0.01  # share of the test documents


@dataclass(frozen=True)
class DocumentText:
    """What people read of a test document."""

    id: str
    text: str


@dataclass(frozen=True)
class Experiment:
    """All trainings and their predictions.

    Attributes:
        data: name of the data set
        classes: names of the labels
        variants: names, the baseline among them
        baseline: the variant that the others are compared with
        metric: the metric that decides the verdict
        seeds: each variant was trained once with each; in a cross-validation, the numbers of the repetitions, in each
            of which a variant is trained once for each fold
        labels: index of each document's class, (n,) int
        probabilities: of each class, (variants, seeds, n, classes) float32
        histories: one list of epochs for each variant and training, as train writes them; the trainings of a
            repetition of a cross-validation stand together
        parameters: numbers of trained parameters by part ("total" among them) for each variant; means over the
            trainings where a search for each seed chose different sizes
        matching: what is equal for all variants: hidden_size, parameters or training_time
        hidden_sizes: of one direction, for each variant; several, in ascending order, if searches chose different ones
        costs: the measurements of each training (analysis/comparison/costs.py), one mapping a seed for each variant
        columns: a property of each document by column name, numbers or strings, (n,) each
        documents: the n documents
        tokenization: how texts became tokens, in sentences
        warnings: likely mistakes in the tokenization, a sentence each
        folds: in a cross-validation, the fold of each document, (n,) from 0; None if there is one test split
        training_seeds: in a cross-validation, the seed of each training of a variant
        leaked: number of test documents whose text also occurs in the training split
        artificial: whether a program of this project generated the texts
        trials: number of trials in the search for each variant's setting; 0: there was no search
        repeats: number of searches for each variant; if there are several, each seed has one of its own
    """

    data: str
    classes: Sequence[str]
    variants: Sequence[str]
    baseline: str
    metric: Metric
    seeds: Sequence[int]
    labels: npt.NDArray[np.integer[Any]]
    probabilities: npt.NDArray[np.float32]
    histories: Sequence[Sequence[Sequence[Mapping[str, float]]]]
    parameters: Mapping[str, Mapping[str, int]]
    matching: str
    hidden_sizes: Mapping[str, Sequence[int]]
    costs: Mapping[str, Measured]
    columns: Mapping[str, npt.NDArray[Any]]
    documents: Sequence[DocumentText]
    tokenization: Sequence[str] = ()
    warnings: Sequence[str] = ()
    artificial: bool = False
    folds: npt.NDArray[np.integer[Any]] | None = None
    training_seeds: Sequence[int] = ()
    leaked: int = 0
    trials: int = 0
    repeats: int = 1

    @property
    def data_shown(self) -> str:
        """The data set as sentences name it."""
        return f"{self.data} (artificial texts)" if self.artificial else self.data

    @property
    def is_leaky(self) -> bool:
        """Whether so many test texts occur in the training split that memorizing them may decide the result."""
        return self.leaked > LARGEST_LEAK * len(self.labels)

    @property
    def fold_count(self) -> int | None:
        """The number of folds; None if there is one test split."""
        return None if self.folds is None else int(self.folds.max()) + 1

    @property
    def trainings(self) -> Sequence[int]:
        """The seed of each training of a variant."""
        return self.seeds if self.folds is None else self.training_seeds

    def trainings_of(self, index: int) -> range:
        """Which trainings (indices) belong to the seed or repetition at `index`."""
        count = self.fold_count or 1
        return range(index * count, (index + 1) * count)

    @property
    def design(self) -> str:
        """How often each variant was trained, in words."""
        number = len(self.seeds)
        if self.folds is None:
            return f"{number} seed{'s' if number > 1 else ''}"
        times = "one cross-validation" if number == 1 else f"{number} cross-validations"
        return f"{times} in {self.fold_count} folds"

    def hidden_size(self, variant: str) -> str:
        """As it is shown, such as "64", or "64 to 128" for several."""
        sizes = self.hidden_sizes[variant]
        return f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"

    @property
    def unit(self) -> str:
        """What `seeds` number."""
        return "seed" if self.folds is None else "repetition"

    @property
    def others(self) -> list[str]:
        """All variants but the baseline."""
        return [variant for variant in self.variants if variant != self.baseline]

    @property
    def all_costs(self) -> Measured:
        """The measurements of all trainings."""
        return [training for trainings in self.costs.values() for training in trainings]

    @property
    def metrics(self) -> list[Metric]:
        """All metrics in the order of the report: first the one that decides the verdict."""
        return [self.metric, *(metric for metric in METRICS if metric != self.metric)]

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Which documents were classified correctly, (variants, seeds, n)."""
        return np.asarray(self.probabilities.argmax(axis=3) == self.labels)

    @property
    def own_probabilities(self) -> npt.NDArray[np.float32]:
        """The probability of each document's right class, (variants, seeds, n)."""
        return np.asarray(self.probabilities[:, :, np.arange(len(self.labels)), self.labels])
