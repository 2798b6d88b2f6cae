"""Opens MLflow's pages on the project's store. `python -m tracking.ui --port 5000`."""

import argparse
import json
import os
import sys
from urllib.parse import quote

from tracking.runs import latest_comparison
from tracking.store import tracking_uri


def main() -> None:
    """Says where to look, and becomes the MLflow server; Ctrl-C ends it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=5000)
    arguments.add_argument("--experiment", default="lstm-vs-bilstm", help="params.yaml's tracking.experiment")
    chosen = arguments.parse_args()
    if tracking_uri().startswith("http"):
        sys.exit("MLFLOW_TRACKING_URI names a server, which shows its pages itself: open its address in a browser")
    for title, page in pages(chosen.experiment).items():
        print(f"{title}: http://127.0.0.1:{chosen.port}/#/{page}", flush=True)
    command = [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(chosen.port)]
    os.execv(sys.executable, [*command, "--backend-store-uri", tracking_uri()])


def pages(experiment: str) -> dict[str, str]:
    """Where in MLflow's pages to look, by title."""
    experiment_id, runs = latest_comparison(experiment)
    found = {"all runs": f"experiments/{experiment_id}/runs"}
    if runs:
        # MLflow folds the trainings away under their comparison; this page shows them side by side.
        chosen = f"runs={quote(json.dumps(runs))}&experiments={quote(json.dumps([experiment_id]))}"
        found["the latest comparison's trainings side by side"] = f"compare-runs?{chosen}"
    return found


if __name__ == "__main__":
    main()
