"""What one training step takes of the memory, and what is counted before: two numbers of bytes. Run as a program.

python memory_of_a_step.py '{"cell": "lstm", …}'
"""

import json
import sys
from pathlib import Path

import psutil
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from models import memory
from models.adamw import RowwiseAdamW
from models.classifier import TextClassifier

WORDS, DOCUMENTS, TOKENS = 200, 32, 4000


def step(documents: int, tokens: int) -> int:
    """Takes a step, and returns what is counted for it."""
    classifier = TextClassifier(WORDS, 2, **json.loads(sys.argv[1]))
    lengths = torch.full((documents,), tokens)
    classifier(torch.randint(WORDS, (documents, tokens), dtype=torch.int32), lengths).sum().backward()
    RowwiseAdamW(classifier.parameters(), lr=0.001, weight_decay=0.0).step()
    return memory.needed(classifier, documents * tokens, "cpu")


step(2, 2)  # the loops are compiled, or read from their cache
before = psutil.Process().memory_info().rss
counted = step(DOCUMENTS, TOKENS)
print(json.dumps([int(memory.peak_mb("cpu") * 1e6) - before, counted]))
