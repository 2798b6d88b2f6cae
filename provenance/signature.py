"""What a training's or a reference's result depends on, as one number.

Two trainings with the same signature have the same result, so that one resumes from the other's checkpoint.
"""

import hashlib
import json
from typing import Any

from models import machine
from provenance import source_code


def signature(config: dict[str, Any], stage: str = "train") -> str:
    """A digest of what `stage` is configured with, of its source files, and of what computes here.

    `config` is what stands in config.json (ready for JSON): the settings, the digests of the tokens, the versions of
    the libraries. The device is not part of it, since an output names no machine.
    """
    train = config.get("train", {"accelerator": "cpu", "num_nodes": 1})  # references know the CPU alone
    device = machine.kind(train["accelerator"], alone=train["num_nodes"] == 1)
    content = json.dumps([config, source_code.checksums(stage), device], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
