"""Opens MLflow's pages on the experiment that params.yaml names. `python -m commands.ui --port 5000`."""

from analysis.comparison.metrics import metric_named
from config.params import Params, load
from core import command_line
from tracking.pages import Ranking, serve


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("--port", type=int, default=5000)
    command_line.run(lambda namespace: show(load(), namespace.port), arguments)


def show(params: Params, port: int) -> None:
    """Serves the pages, with the trainings in the order of compare.metric, best first."""
    metric = metric_named(params.compare.metric)
    serve(params.tracking.experiment, port, Ranking(metric.key, metric.higher_is_better))


if __name__ == "__main__":
    main()
