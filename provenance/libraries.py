"""The installed versions of the libraries that decide a stage's outputs.

Every library that a stage imports counts (provenance/source_code.py), except those listed here, which compute nothing
in an output. So a new dependency counts until somebody lists it.
"""

import platform
from importlib.metadata import version
from importlib.util import find_spec

from provenance import source_code

# They read params.yaml, fetch files and check their checksums, run threads, lock, or print.
NO_OUTPUT = {"aiohttp", "filelock", "fsspec", "joblib", "pydantic", "pydantic_core", "rich", "ruamel"}
# They are for some machines only; where they are missing, nothing uses them.
OPTIONAL = {"triton"}

# Libraries that are installed under another name than they are imported by.
DISTRIBUTIONS = {
    "lightning_fabric": "pytorch-lightning",
    "pytorch_lightning": "pytorch-lightning",
    "sklearn": "scikit-learn",
}


def versions(stage: str) -> dict[str, str]:
    """Version by distribution, in alphabetical order, such as {"numba": "0.68.1", "torch": "2.13.0+cpu", …}.

    They come from the installed metadata; no library is imported. Python counts as "3.11", without the patch number:
    numba compiles its bytecode, and the tokenizers use its Unicode tables.
    """
    names = {DISTRIBUTIONS.get(name, name) for name in source_code.libraries(stage) - NO_OUTPUT}
    names -= {name for name in OPTIONAL if find_spec(name) is None}
    numbers = {name: version(name) for name in names} | {"python": ".".join(platform.python_version_tuple()[:2])}
    return dict(sorted(numbers.items()))
