"""Where the time of a training step goes. `python -m benchmarks.profile --variant bilstm`.

Prints PyTorch's profile of 30 steps of this project's model over the corpus, most expensive operations first.
"""

import argparse

import torch
from torch.nn.functional import cross_entropy

from benchmarks.corpus import Documents, prepare
from benchmarks.shape import Shape
from benchmarks.train import build_project
from models import machine
from text.batches import loader


def main() -> None:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--variant", choices=["lstm", "bilstm"], default="lstm")
    arguments.add_argument("--bfloat16", action="store_true")
    chosen = arguments.parse_args()
    if chosen.bfloat16 and not machine.computes_in_bfloat16("cpu"):
        arguments.error("--bfloat16 needs a CPU that computes in it, which this one does not")
    prepare()
    machine.prepare(1)
    classifier = build_project(Shape(chosen.variant == "bilstm"))
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=0.003, weight_decay=0.0, fused=True)
    batches = list(loader(Documents(32 * 40), 32, seed=1))

    def train(steps: int) -> None:
        for batch in batches[:steps]:
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=chosen.bfloat16):
                logits = classifier(batch.tokens, batch.lengths)
            torch.autograd.backward(cross_entropy(logits, batch.labels))
            torch.nn.utils.clip_grad_norm_(classifier.parameters(), 1.0)
            optimizer.step()

    train(10)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        train(30)
    print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=15, max_name_column_width=45))


if __name__ == "__main__":
    main()
