"""How numba compiles this project's loops: models/cpu/loops.py and text/tokenizing/word_loops.py."""

import platform

import llvmlite.binding
from numba import config, njit

# LLVM fears a slower clock and takes vectors of half the processor's width; with whole ones the loops are 7 % faster.
if platform.machine() in ("x86_64", "AMD64") and not config.CPU_FEATURES:  # type: ignore[attr-defined]
    features = llvmlite.binding.get_host_cpu_features().flatten()
    config.CPU_FEATURES = f"{features},-prefer-256-bit"  # type: ignore[attr-defined]

# No reassociation, so that vectors of another width give the same bits; NaN and infinity stay what they are.
compiled = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
# For small parts of them: a call would cost more than what they do, and count references to each array.
written_out = njit(inline="always", error_model="numpy", fastmath={"contract", "nsz"})
