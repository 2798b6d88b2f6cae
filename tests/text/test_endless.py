"""Batches of unlabelled documents: each document once an epoch, the same ones at the same step."""

import numpy as np
import pytest

from tests.models.toy import order_documents
from text.batches import TokenBatches
from text.endless import EndlessBatches

DOCUMENTS = order_documents(23)


def endless(**changes: int) -> EndlessBatches:
    return EndlessBatches(DOCUMENTS, 5, **{"seed": 1, **changes}, batches=TokenBatches(DOCUMENTS))


def test_an_epoch_has_every_document_once_and_each_epoch_another_order() -> None:
    batches = endless()
    epochs = [np.concatenate([batches[5 * epoch + step].indices for step in range(5)]) for epoch in range(3)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(23))] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_a_step_has_the_same_documents_whichever_was_asked_for_before() -> None:
    forward, backward = endless(), endless()
    steps = {step: forward[step].indices.tolist() for step in range(12)}
    assert {step: backward[step].indices.tolist() for step in reversed(range(12))} == steps


@pytest.mark.parametrize("step", [0, 3])
def test_processes_share_what_a_step_reads(step: int) -> None:
    parts = [endless(rank=rank, world_size=2)[step] for rank in (0, 1)]
    together = np.concatenate([part.indices for part in parts])
    assert len(set(together)) == len(together) == parts[0].total == parts[1].total
