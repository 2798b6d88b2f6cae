"""The decorators with which numba compiles the loops of models/cpu/ and text/tokenizing/word_loops.py."""

import hashlib
import platform
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding
from numba import config, njit

# LLVM defaults to 256-bit vectors here; with 512-bit vectors the loops are 7 % faster.
if platform.machine() in ("x86_64", "AMD64") and not config.CPU_FEATURES:  # type: ignore[attr-defined]
    features = llvmlite.binding.get_host_cpu_features().flatten()
    config.CPU_FEATURES = f"{features},-prefer-256-bit"  # type: ignore[attr-defined]


def compiled(function: Callable[..., Any]) -> Any:
    """Compiles a function at its first call, and keeps the result in __pycache__ beside it.

    Without reassociation, so that vectors of any width give the same bits; NaN and infinity keep their meaning.
    """
    _delete_outdated(Path(function.__code__.co_filename).parent)
    return njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})(function)


def inline(function: Callable[..., Any]) -> Any:
    """For small functions: a call would cost more than the work, and count references to each array."""
    return njit(inline="always", error_model="numpy", fastmath={"contract", "nsz"})(function)


@cache
def _delete_outdated(folder: Path) -> None:
    """Deletes what numba compiled from other sources in `folder`.

    numba itself checks only the file of a compiled function, not those of the functions that it calls.
    """
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))).hexdigest()
    stamp = folder / "__pycache__" / "loops.sha256"
    with suppress(OSError):  # the folder may be read-only; numba then keeps its cache elsewhere, which is not cleared
        if not stamp.exists() or stamp.read_text() != digest:
            stamp.parent.mkdir(exist_ok=True)
            for file in (*stamp.parent.glob("*.nbi"), *stamp.parent.glob("*.nbc")):
                file.unlink(missing_ok=True)
            stamp.write_text(digest)
