"""Opens MLflow's pages on the project's store. `python -m tracking.ui --port 5000`."""

import argparse
import os
import sys

from tracking.store import tracking_uri


def main() -> None:
    """Becomes the MLflow server; Ctrl-C ends it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=5000)
    port = str(arguments.parse_args().port)
    if tracking_uri().startswith("http"):
        sys.exit("MLFLOW_TRACKING_URI names a server, which shows its pages itself: open its address in a browser")
    command = [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", port]
    os.execv(sys.executable, [*command, "--backend-store-uri", tracking_uri()])


if __name__ == "__main__":
    main()
