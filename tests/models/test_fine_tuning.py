"""Learning rates by layer, and gradual unfreezing."""

from typing import Any

import pytest
import torch
from torch.optim import AdamW

from core.errors import ParamsError
from models.classifier import TextClassifier
from models.cpu.adamw import BETAS, EPSILON
from models.training.fine_tuning import GradualUnfreezing, check_unfreezing, layers, rate_groups
from models.training.module import ClassifierModule
from tests.models.plain import plain_classifier, plain_module
from tests.models.toy import VOCABULARY_SIZE, order_documents
from text.batches import TokenBatches, loader


def make_classifier(**changes: Any) -> TextClassifier:
    torch.manual_seed(1)
    sizes: dict[str, Any] = {"hidden_size": 4, "embedding_size": 4, "layers": 2, "pooling": "attention"}
    return plain_classifier(VOCABULARY_SIZE, 2, **sizes | changes)


def module_of(classifier: TextClassifier, layer_rates: float, unfreeze: int) -> ClassifierModule:
    return plain_module(
        classifier,
        learning_rate=0.05,
        weight_decay=0.1,
        schedule="constant",
        warmup_share=0.0,
        class_weight="none",
        layer_rates=layer_rates,
        unfreeze=unfreeze,
    )


def test_layers_go_down_from_the_head_and_hold_each_weight_once() -> None:
    classifier = make_classifier(single_bias=True, freeze_embedding=True)
    groups = layers(classifier)
    assert [name for name, _ in groups] == ["head", "recurrent layer 2", "recurrent layer 1", "embedding"]
    weights = [id(tensor) for _, group in groups for tensor in group]
    assert sorted(weights) == sorted(map(id, classifier.parameters()))
    factors = [factor for factor, _ in rate_groups(classifier, 0.5)]
    assert factors == [1, 0.5, 0.25]  # of the frozen embedding none
    learning = [id(tensor) for _, group in rate_groups(classifier, 0.5) for tensor in group]
    assert sorted(learning) == sorted(id(tensor) for tensor in classifier.parameters() if tensor.requires_grad)


def test_without_rates_by_layer_there_is_one_group_in_the_order_of_the_weights() -> None:
    classifier = make_classifier()
    ((factor, group),) = rate_groups(classifier, 1.0)
    assert factor == 1
    assert [id(tensor) for tensor in group] == [id(tensor) for tensor in classifier.parameters()]


def test_steps_are_those_of_pytorchs_adamw_with_a_rate_for_each_layer_while_layers_thaw() -> None:
    """With our optimizer, which moves rows of the embedding lazily, and weights that join it later."""
    own, plain = make_classifier().double(), make_classifier().double()
    module = module_of(own, layer_rates=0.5, unfreeze=1)
    ours = module.build_optimizer(torch.device("cpu"), 1, "64-true")
    names = ("head", "recurrent layer 2", "recurrent layer 1", "embedding")
    assert [name for name, _ in layers(plain)] == [*names]
    groups = [{"params": group, "lr": 0.05 * 0.5**depth} for depth, (_, group) in enumerate(layers(plain))]
    theirs = AdamW(groups, betas=BETAS, eps=EPSILON, weight_decay=0.1)
    documents = order_documents(48)
    start = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    for epoch in range(5):
        module.unfreezing.begin(epoch)
        learning = {names[depth] for depth in range(min(epoch + 1, len(names)))}
        for name, group in layers(plain):
            for tensor in group:
                tensor.requires_grad_(name in learning)
        for batch in loader(documents, 8, seed=epoch, batches=TokenBatches(documents)):
            for classifier, optimizer in ((own, ours), (plain, theirs)):
                logits = classifier(batch.tokens, batch.lengths)
                torch.autograd.backward(torch.nn.functional.cross_entropy(logits, batch.labels))
                optimizer.step()
                optimizer.zero_grad()
        for name, tensor in own.state_dict().items():
            torch.testing.assert_close(tensor, plain.state_dict()[name], rtol=0, atol=1e-10, msg=name)
        assert torch.equal(own.state_dict()["embedding.weight"], start["embedding.weight"]) == (epoch < 3)


def test_a_layer_begins_to_learn_after_its_epochs_and_what_is_frozen_stays_so() -> None:
    classifier = make_classifier(freeze_embedding=True, single_bias=True)
    unfreezing = GradualUnfreezing(classifier, 2)
    learning = []
    for epoch in range(8):
        changed = unfreezing.begin(epoch)
        assert changed == (epoch in (0, 2, 4))
        learning.append([name for name, group in layers(classifier) if any(w.requires_grad for w in group)])
    assert [len(names) for names in learning] == [1, 1, 2, 2, 3, 3, 3, 3]
    assert not any(weights.requires_grad for weights in classifier.encoder.frozen_biases)
    assert not GradualUnfreezing(classifier, 0).begin(0)


def test_too_few_epochs_for_every_layer_are_named() -> None:
    check_unfreezing(make_classifier(), 1, 4)
    check_unfreezing(make_classifier(freeze_embedding=True), 1, 3)
    with pytest.raises(
        ParamsError, match=r"^train.unfreeze is 1, so that the embedding would begin .* epoch 4, but .* 3;"
    ):
        check_unfreezing(make_classifier(), 1, 3)
    check_unfreezing(make_classifier(), 0, 1)
