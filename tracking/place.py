"""Where the project keeps what is no output of DVC: MLflow's store, and the measurements beside it."""

import os
from pathlib import Path


def repository_root() -> Path:
    """The repository that the user works in, also for a stage that DVC runs in a temporary copy of it."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()
