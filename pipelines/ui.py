"""Opens MLflow's pages on the experiment that params.yaml names. `python -m pipelines.ui --port 5000`."""

from analysis.metrics import metric_named
from pipelines import cli
from pipelines.params import Params, load
from tracking.ui import Ranking, serve


def main() -> None:
    """The command line."""
    arguments = cli.parser(__doc__)
    arguments.add_argument("--port", type=int, default=5000)
    cli.run(lambda chosen: show(load(), chosen.port), arguments)


def show(params: Params, port: int) -> None:
    """The trainings in the order of compare.metric, best first."""
    metric = metric_named(params.compare.metric)
    serve(params.tracking.experiment, port, Ranking(metric.key, metric.higher_is_better))


if __name__ == "__main__":
    main()
