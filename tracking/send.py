"""Tells MLflow what is kept in mlflow.outbox/ since it could not be told. `python -m tracking.send`."""

import argparse
import sys

from core.errors import TrackingError
from tracking.store import open_experiment


def main() -> None:
    """Exits with 1 if something still waits; why, it has said by then."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--experiment", default="lstm-vs-bilstm", help="params.yaml's tracking.experiment")
    try:
        client, _ = open_experiment(arguments.parse_args().experiment)
    except TrackingError as error:
        sys.exit(f"error: {error}")
    if waiting := client.outbox.waiting():
        sys.exit(f"{sum(waiting.values())} calls to {len(waiting)} runs still wait in {client.outbox.folder}")
    print("nothing waits")


if __name__ == "__main__":
    main()
