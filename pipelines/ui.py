"""Opens MLflow's pages on the experiment that params.yaml names. `python -m pipelines.ui --port 5000`."""

from pipelines import cli
from pipelines.params import load
from tracking.ui import serve


def main() -> None:
    """The command line."""
    arguments = cli.parser(__doc__)
    arguments.add_argument("--port", type=int, default=5000)
    cli.run(lambda chosen: serve(load().tracking.experiment, chosen.port), arguments)


if __name__ == "__main__":
    main()
