"""What one training step takes of the memory, and what is counted before: two numbers of bytes. Run as a program.

python memory_of_a_step.py '{"cell": "lstm", …}'
"""

import json
import re
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from models import memory
from models.cpu.adamw import RowwiseAdamW
from tests.models.plain import plain_classifier

WORDS, DOCUMENTS, TOKENS = 200, 32, 4000


def resident(which: str) -> int:
    """VmRSS: now; VmHWM: at most so far (resource.getrusage would count what the parent had as well)."""
    (kilobytes,) = re.findall(rf"{which}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) * 1024


def step(documents: int, tokens: int) -> int:
    """Takes a step, and returns what is counted for it."""
    classifier = plain_classifier(WORDS, 2, **json.loads(sys.argv[1]))
    lengths = torch.full((documents,), tokens)
    classifier(torch.randint(WORDS, (documents, tokens), dtype=torch.int32), lengths).sum().backward()
    RowwiseAdamW(classifier.parameters(), lr=0.001, weight_decay=0.0).step()
    return memory.needed(classifier, documents * tokens, "cpu", "32-true", "none")


step(2, 2)  # the loops are compiled, or read from their cache
before = resident("VmRSS")
counted = step(DOCUMENTS, TOKENS)
print(json.dumps([resident("VmHWM") - before, counted]))
