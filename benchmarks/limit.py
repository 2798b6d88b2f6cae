"""How fast this machine multiplies matrices, in operations per second. `python -m benchmarks.limit <candidate>`."""

import argparse
import json
import os
import time

import torch

SIZE = 2048
CANDIDATES = {
    "float32-one-core": (torch.float32, 1),
    "float32-all-cores": (torch.float32, None),
    "bfloat16-one-core": (torch.bfloat16, 1),
    "bfloat16-all-cores": (torch.bfloat16, None),
}


def main() -> None:
    """Prints one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("candidate", choices=CANDIDATES)
    dtype, threads = CANDIDATES[arguments.parse_args().candidate]
    torch.set_num_threads(threads or os.cpu_count() or 1)
    left, right = (torch.randn(SIZE, SIZE).to(dtype) for _ in range(2))
    left @ right
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"value": 2 * SIZE**3 / sorted(seconds)[len(seconds) // 2]}))


def operations_a_token(variant: str, inputs: int = 128, hidden: int = 64) -> int:
    """Floating-point operations of a training step per real token: forward, and twice as many backward.

    An LSTM's four gates multiply its input and its previous state; a multiplication and an addition are two operations.
    """
    return 3 * 2 * 4 * hidden * (inputs + hidden) * (2 if variant == "bilstm" else 1)


if __name__ == "__main__":
    main()
