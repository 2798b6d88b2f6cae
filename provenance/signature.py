"""The signature of a training, trial, pretraining or reference: one digest of all that its result depends on.

Two trainings with the same signature have the same result, so one may resume from the other's checkpoint.
"""

import hashlib
import json
from typing import Any

from models import machine
from provenance import source_code


def signature(config: dict[str, Any], stage: str = "train") -> str:
    """A digest of `config`, of the source files of `stage`, and of the device.

    `config` has the settings, the checksums of the tokens and the versions of the libraries. The device is not part of
    it, since no output may name a machine.
    """
    train = config.get("train", {"accelerator": "cpu", "num_nodes": 1})  # references run on the CPU
    device = machine.kind(train["accelerator"], alone=train["num_nodes"] == 1)
    content = json.dumps([config, source_code.checksums(stage), device], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
