"""The cold start of a training, before its clock starts.

In the first step of a process numba compiles the loops or loads them from its cache, and libraries set up threads and
kernels. That step takes seconds instead of milliseconds, and chance decides which training of a comparison compiles.
"""

import time
from copy import deepcopy

import numpy as np
import torch
from pytorch_lightning import Trainer
from torch.nn.functional import cross_entropy

from models.training.clipping import clip
from models.training.module import ClassifierModule
from models.training.step_records import totals
from text.batches import Documents, Share, TokenBatches


def warm_up(trainer: Trainer, module: ClassifierModule, documents: Documents, batch_size: int) -> float:
    """Takes one step of training and one of validation with a copy of `module`, and throws the copy away.

    Weights, optimizer, history and random generators do not change, so a training ends with the same bits as without it
    (tests/models/test_warmup.py).

    Returns:
        the seconds that it took
    """
    started = time.perf_counter()
    device = trainer.strategy.root_device
    first = np.arange(min(batch_size, len(documents.lengths)))
    copied = trainer.precision_plugin.convert_module(deepcopy(module)).to(device)
    assert isinstance(copied, ClassifierModule)
    batch = copied.transfer_batch_to_device(TokenBatches(documents)[Share(first, len(first), 0)], device, 0)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):  # dropout draws numbers
        optimizer = copied.build_optimizer(device, trainer.world_size, str(trainer.precision))
        for training in (True, False):
            copied.train(training)
            with torch.set_grad_enabled(training), trainer.precision_plugin.forward_context():
                if training:
                    beside = copied.extra_losses is not None and copied.extra_losses.unlabelled_batch
                    loss, _ = copied.step_loss(batch, batch if beside else None)
                else:
                    logits = copied.classifier(batch.tokens, batch.lengths)  # (batch, classes)
                    totals(logits, batch.labels, cross_entropy(logits, batch.labels, reduction="sum"))
            if training:
                torch.autograd.backward(loss)
                clip(optimizer, trainer.gradient_clip_val)
                optimizer.step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
