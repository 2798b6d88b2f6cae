"""The CPU of this machine: its name, and the processor that LLVM compiles for."""

import platform
import re
from contextlib import suppress
from pathlib import Path

import llvmlite.binding


def name() -> str:
    """The CPU's name and, in brackets, LLVM's name for it, on which the last digits of results depend."""
    result = platform.processor() or platform.machine()
    with suppress(OSError):
        match = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
        result = match[1].strip() if match else result
    return f"{result} ({llvmlite.binding.get_host_cpu_name()})"
