"""Stage tune: searches for the best setting of one variant. `python -m pipelines.tune --variant bilstm`.

Reads compare.tuning, train, compare.metric and compare.seeds of params.yaml, data/variants/<variant>.json, and the
training and validation splits in data/tokens, never the test split. Writes all trials and, for each seed, the setting
that was chosen for its training to data/tuned/<variant>/. With compare.tuning.trials: 0 that setting is empty, and
nothing is trained. A finished trial is not repeated (outputs/trials.py): `make run` runs the trials before this stage,
several at a time.
"""

import argparse
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.params import Params, load
from core.errors import ParamsError, TrainingError
from outputs import trials
from outputs.trials import Outcome
from outputs.tuned import write_tuned
from provenance.stage import run_as_command, variant_parser

if TYPE_CHECKING:
    from pipelines.trial import Plan

FIRST_SEED = 2**32  # of a trial; compare.seeds are smaller, so no trial has the seed of a final training


def main() -> None:
    """The command line."""
    run_as_command(_command, variant_parser(__doc__))


def _command(chosen: argparse.Namespace) -> None:
    params = load()
    tune(params, chosen.variant)
    if params.compare.tuning.trials:
        from tracking import tuning_from_outputs  # MLflow takes seconds to import
        from tracking.connection import connect

        with connect(params.tracking.experiment) as mlflow:
            tuning_from_outputs.complete(mlflow, chosen.variant)


def tune(params: Params, variant: str, root: Path = Path()) -> None:
    """Writes the settings of the trainings of `variant` below `root`.

    Raises:
        TrainingError: no trial of a search could be trained.
    """
    tuning, seeds = params.compare.tuning, params.compare.seeds
    if not tuning.trials:
        write_tuned(variant, {seed: {} for seed in seeds}, None, root)
        return
    from analysis.comparison.metrics import metric_named  # imports scikit-learn
    from tuning.search import importances

    metric = metric_named(params.compare.metric)
    searches = [run_trials(params, variant, repeat, range(tuning.trials), root) for repeat in range(tuning.repeats)]
    best = [_best(variant, outcomes, metric.key, metric.gain) for outcomes in searches]
    chosen = {seed: best[index % len(best)]["setting"] for index, seed in enumerate(seeds)}
    every = [outcome for outcomes in searches for outcome in outcomes]
    scored = [outcome for outcome in every if "scores" in outcome]
    reached = [(outcome["setting"], metric.gain(outcome["scores"][metric.key])) for outcome in scored]
    search = {
        "metric": metric.key,
        "trials": every,
        "chosen": [every.index(outcome) for outcome in best],
        "importances": importances(tuning.space, reached),
    }
    write_tuned(variant, chosen, search, root)


def run_trials(
    params: Params, variant: str, repeat: int, numbers: Collection[int], root: Path = Path()
) -> list[Outcome]:
    """The outcomes of the trials `numbers` (from 0) of one search; unfinished trials are run.

    If the sampler learns from earlier trials, unfinished earlier ones are run as well.
    """
    from pipelines.trial import run

    outcomes = []

    def reach(number: int, plan: "Plan") -> Outcome | None:
        if number not in numbers and not params.compare.tuning.learns:
            return None
        outcome = run(params, plan, f"{variant} · trial {number + 1}{_search_shown(params, repeat)}", root)
        if number in numbers:
            outcomes.append({"search": repeat, "number": number, **outcome})
        return outcome

    _search(params, variant, repeat, max(numbers) + 1, reach)
    return outcomes


def trials_left(params: Params, variant: str, repeat: int, root: Path = Path()) -> list[int]:
    """The numbers of the trials of one search that are not done."""
    from pipelines.trial import resolve

    left: list[int] = []

    def reach(number: int, plan: "Plan") -> Outcome | None:
        known = not left or not params.compare.tuning.learns  # else the plan depends on a trial that is not done
        done = trials.read(resolve(params, plan, root)["signature"]) if known else None
        if done is None:
            left.append(number)
        return done

    _search(params, variant, repeat, params.compare.tuning.trials, reach)
    return left


def _search(
    params: Params, variant: str, repeat: int, count: int, reach: "Callable[[int, Plan], Outcome | None]"
) -> None:
    """Plans the first `count` trials of a search; `reach` says what each reached, or None if it was not run."""
    from analysis.comparison.metrics import metric_named
    from pipelines.trial import Plan
    from tuning.search import Search

    tuning, metric = params.compare.tuning, metric_named(params.compare.metric)
    search = Search(tuning, repeat)
    for number in range(count):
        seed = _seed(tuning.seed, repeat, number)
        plan = Plan(
            variant, search.propose(), seed, tuning.epochs, tuning.documents, tuning.seed,
            fold_seed=params.compare.seeds[repeat],
        )  # fmt: skip
        outcome = reach(number, plan) or {}
        search.report(metric.gain(_score(outcome, metric.key)) if "scores" in outcome else None)


def _seed(seed: int, repeat: int, number: int) -> int:
    """The seed of a trial's training: another one for each trial, but the same for all variants."""
    import numpy as np

    return FIRST_SEED + int(np.random.SeedSequence([seed, repeat, number]).generate_state(1)[0])


def _search_shown(params: Params, repeat: int) -> str:
    return f" of search {repeat + 1}" if params.compare.tuning.repeats > 1 else ""


def _score(outcome: Outcome, metric: str) -> float:
    score: float | None = outcome["scores"][metric]
    if score is None:
        raise ParamsError(
            f"compare.metric is {metric!r}, which the validation split does not define, since it lacks documents of a "
            "class; allowed with compare.tuning: another metric"
        )
    return score


def _best(variant: str, outcomes: Sequence[Outcome], metric: str, gain: Any) -> Outcome:
    """The trial with the best validation score; if several have it, the one with the lowest loss, then the first."""
    complete = [outcome for outcome in outcomes if "scores" in outcome]
    if not complete:
        raise TrainingError(
            f"none of the {len(outcomes)} trials of {variant} could be trained; the last one: {outcomes[-1]['error']}"
        )
    return max(complete, key=lambda outcome: (gain(outcome["scores"][metric]), -outcome["scores"]["loss"]))


if __name__ == "__main__":
    main()
