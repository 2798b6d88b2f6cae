"""What a test needs of the machine; where that is missing, it is skipped with the reason."""

import os
from importlib.util import find_spec

import pytest
import torch

from models import machine

GPU = torch.cuda.is_available()

gpu = pytest.mark.skipif(not GPU, reason="needs a GPU")
triton = pytest.mark.skipif(
    find_spec("triton") is None or not (GPU or os.environ.get("TRITON_INTERPRET") == "1"),
    reason="needs Triton, which is for Linux, and a GPU or none at all",
)

bfloat16 = pytest.mark.skipif(
    not machine.computes_in_bfloat16("cpu"), reason="needs a CPU (or GPU) that computes in bfloat16"
)
