"""Where the project keeps what is no output of DVC: MLflow's store, the measurements and the checkpoints beside it."""

import os
import uuid
from pathlib import Path


def repository_root() -> Path:
    """The repository that the user works in, also for a stage that DVC runs in a temporary copy of it."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def working_copy() -> str:
    """A number of this working copy, made at first use; it stays the same on whatever machine the copy is used."""
    path = repository_root() / "checkpoints" / "working-copy"
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        if not path.exists():
            fresh.write_text(uuid.uuid4().hex, encoding="utf-8")
            os.link(fresh, path)
    except FileExistsError:
        pass  # another process was faster
    finally:
        fresh.unlink(missing_ok=True)
    return path.read_text(encoding="utf-8")
