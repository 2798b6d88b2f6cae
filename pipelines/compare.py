"""Stage compare: all trainings beside each other. `python -m pipelines.compare`.

Reads the predictions and histories of compare.variants and compare.seeds, the references, and the test documents;
writes reports/comparison.json, its main numbers as reports/metrics.json for `dvc metrics`, the figures as PNG, rows for
`dvc plots`, and reports/comparison.html.
"""

from dataclasses import replace

from analysis.comparison.differences import compare as compare_variants
from analysis.comparison.ensembles import compare_ensembles
from analysis.comparison.experiment import Experiment
from analysis.comparison.slices import slice_scores
from analysis.comparison.standing import stand
from analysis.comparison.under_settings import UnderSettings, compare_under_settings
from analysis.report import files
from analysis.report.result import Result
from analysis.verdict.sentences import judge
from analysis.verdict.soundness import examine
from analysis.verdict.under_settings import dependence_sentences
from config.params import Params, load
from core import command_line
from outputs import evaluation_checksums, tuned
from outputs.experiment_files import read_experiment, read_references, read_settings
from outputs.search_files import read_tuning, read_under_settings
from provenance.stage import run_as_command


def main() -> None:
    """The command line."""
    run_as_command(lambda _: _command(load()), command_line.parser(__doc__))


def _command(params: Params) -> None:
    evaluation_checksums.check_compared(params.compare)
    compare_and_log(params)


def compare(params: Params) -> Result:
    """Compares the trainings, writes the reports, and prints the table and the verdict."""
    evaluation_checksums.keep_only(params.compare)
    tuned.keep_only(params.compare)
    experiment = read_experiment(params)
    comparison = compare_variants(experiment)
    standing = stand(experiment, read_references(experiment))
    soundness = examine(experiment, comparison, standing, read_settings(params))
    under_settings = under_other_settings(params, experiment)
    verdict = judge(experiment, comparison, soundness)
    if under_settings is not None:
        verdict = replace(verdict, remarks=[*dependence_sentences(experiment, under_settings), *verdict.remarks])
    result = Result(
        experiment, comparison, compare_ensembles(experiment), slice_scores(experiment), verdict, standing, soundness,
        read_tuning(params), under_settings,
    )  # fmt: skip
    files.write(result)
    files.show(result)
    return result


def under_other_settings(params: Params, experiment: Experiment) -> UnderSettings | None:
    """The comparison under each of compare.settings; None if there are no settings, or no variant but the baseline."""
    if not params.compare.settings or not experiment.others:
        return None
    own = "after tuning" if params.compare.tuning.trials else "as in params.yaml"
    return compare_under_settings(experiment, own, read_under_settings(params, experiment))


def compare_and_log(params: Params) -> None:
    """Compares the trainings, and logs the comparison to MLflow as the parent run of trainings and references.

    First sends what MLflow lacks of the trainings and references.
    """
    result = compare(params)
    from tracking import comparison_from_outputs  # MLflow takes seconds to import; the report is there before
    from tracking.connection import connect

    with connect(params.tracking.experiment) as mlflow:
        for _ in comparison_from_outputs.complete_runs(mlflow, params):
            pass  # needed after a failed call, or in a clone, where DVC fetched the outputs without running the stages
        comparison_from_outputs.log(mlflow, params, result)
        mlflow.forget_abandoned()


if __name__ == "__main__":
    main()
