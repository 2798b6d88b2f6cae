"""The installed versions of the libraries that decide a stage's outputs.

Every library that a stage imports counts (provenance/source_code.py), unless it is listed here because it computes
nothing that stands in an output. So a new dependency counts until somebody decides otherwise.
"""

import platform
from importlib.metadata import version

from provenance import source_code

# They read params.yaml, fetch files and check their checksums, run threads, lock, print, or talk to MLflow.
NO_OUTPUT = {
    "aiohttp", "filelock", "fsspec", "joblib", "mlflow", "pydantic", "pydantic_core", "rich", "ruamel", "sqlalchemy",
}  # fmt: skip
# Draws figures, which only the stage compare has among its outputs; train and evaluate draw for MLflow.
DRAWING = {"matplotlib"}

# What is installed under another name than it is imported by.
DISTRIBUTIONS = {
    "lightning_fabric": "pytorch-lightning",
    "pytorch_lightning": "pytorch-lightning",
    "sklearn": "scikit-learn",
}


def versions(stage: str) -> dict[str, str]:
    """Version by distribution, in alphabetical order, such as {"numba": "0.68.1", "torch": "2.13.0+cpu", …}.

    They are read from the installed metadata, so that no library is imported. Python's own is "3.11", without the
    patch: numba compiles its bytecode, and the tokenizers use its Unicode tables.
    """
    ignored = NO_OUTPUT if stage == "compare" else NO_OUTPUT | DRAWING
    names = {DISTRIBUTIONS.get(name, name) for name in source_code.libraries(stage) - ignored}
    found = {name: version(name) for name in names} | {"python": ".".join(platform.python_version_tuple()[:2])}
    return dict(sorted(found.items()))
