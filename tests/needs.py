"""What a test needs of the machine; where that is missing, it is skipped with the reason."""

import pytest

from models import machine

bfloat16 = pytest.mark.skipif(
    not machine.computes_in_bfloat16("cpu"), reason="needs a CPU (or GPU) that computes in bfloat16"
)
