"""The verdict says which variants start from pretraining, and warns where not all do."""

from dataclasses import replace
from typing import Any

from analysis.verdict.starts import start_remark
from tests.analysis.made_up import make_experiment, make_settings

LM: dict[str, Any] = {
    "objective": "lm", "documents": 72_500, "unlabelled": True, "perplexity": {"forward": 78.25, "backward": 80.0},
}  # fmt: skip
VECTORS: dict[str, Any] = {"objective": "vectors", "documents": 22_500, "unlabelled": False}


def remark(pretrained: dict[str, dict[str, Any]]) -> str:
    return start_remark(make_experiment(), replace(make_settings(), pretrained=pretrained))


def test_random_weights_are_not_mentioned() -> None:
    assert remark({}) == ""


def test_pretraining_of_all_variants_is_named_with_its_perplexity() -> None:
    assert remark({"lstm": LM, "bilstm": LM}) == (
        "lstm and bilstm start from a language model, pretrained on 72,500 training and unlabelled texts (held-out "
        "perplexity 78.2 forward, 80.0 backward)."
    )


def test_variants_that_start_differently_are_a_warning() -> None:
    assert remark({"bilstm": VECTORS}) == (
        "bilstm starts from word vectors, pretrained on 22,500 training texts. Warning: lstm starts from random "
        "weights, so a difference between variants may come from the pretraining and not from the models themselves."
    )
