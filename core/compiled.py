"""The decorators with which numba compiles the loops of models/cpu/ and text/tokenizing/word_loops.py."""

import platform

import llvmlite.binding
from numba import config, njit

# LLVM defaults to 256-bit vectors here; with 512-bit vectors the loops are 7 % faster.
if platform.machine() in ("x86_64", "AMD64") and not config.CPU_FEATURES:  # type: ignore[attr-defined]
    features = llvmlite.binding.get_host_cpu_features().flatten()
    config.CPU_FEATURES = f"{features},-prefer-256-bit"  # type: ignore[attr-defined]

# Without reassociation, so that vectors of any width give the same bits; NaN and infinity keep their meaning.
compiled = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
# For small functions: a call would cost more than the work, and count references to each array.
inline = njit(inline="always", error_model="numpy", fastmath={"contract", "nsz"})
