"""The section pretrain, and variants that start from it: what cannot work ends in one line."""

import re
from typing import Any

import pytest

from config.params import Params, parse
from core.errors import ParamsError


def parsed(pretrain: dict[str, Any], variant: dict[str, Any] | None = None, **sections: Any) -> Params:
    content: dict[str, Any] = {
        "data": {"name": "synthetic_reviews"},
        "pretrain": pretrain,
        "variants": {"base": {"cell": "lstm"}, "other": {"cell": "lstm", "start": "pretrain", **(variant or {})}},
        "compare": {"variants": ["base", "other"], "seeds": [1], "baseline": "base"},
    }
    for name, section in sections.items():
        content[name] = content.get(name, {}) | section
    return parse(content)


MISTAKES: list[tuple[dict[str, Any], str]] = [
    (
        {"pretrain": {}},
        "variants.other.start is 'pretrain', but pretrain.objective is 'none'; allowed with it: vectors",
    ),
    ({"pretrain": {"objective": "bert"}}, "pretrain.objective is 'bert'; allowed: none, vectors, lm"),
    ({"pretrain": {"objective": "lm", "bttp": 3}}, "pretrain.bttp is an unknown key; did you mean bptt?"),
    (
        {"pretrain": {"objective": "lm", "hidden_size": 32}},
        "variants.other.hidden_size is 64, but pretrain.hidden_size is 32; with start: pretrain they must be the same",
    ),
    (
        {"pretrain": {"objective": "vectors", "embedding_size": 32}},
        "variants.other.embedding_size is 128, but pretrain.embedding_size is 32; with start: pretrain they must be",
    ),
    (
        {"pretrain": {"objective": "lm"}, "variant": {"cell": "gru"}},
        "variants.other.cell is 'gru', but pretrain.cell is 'lstm'; with start: pretrain they must be the same",
    ),
    (
        {"pretrain": {"objective": "lm", "direction": "forward"}, "variant": {"bidirectional": True}},
        "variants.other.start is 'pretrain', but pretrain.direction is 'forward'; allowed with it: both",
    ),
    (
        {"pretrain": {"objective": "lm", "direction": "backward"}},
        "variants.other.start is 'pretrain', but pretrain.direction is 'backward'; allowed with it: forward, both",
    ),
    (
        {"pretrain": {"objective": "vectors"}, "tokenize": {"vectors": "glove.txt"}},
        "variants.other.start is 'pretrain', but tokenize.vectors is 'glove.txt'; allowed with it: null",
    ),
    (
        {"pretrain": {"objective": "lm"}, "compare": {"matching": "parameters"}},
        "compare.matching is 'parameters', which chooses the hidden size of other, but other starts from a language",
    ),
    (
        {"pretrain": {"objective": "lm"}, "compare": {"settings": [{"hidden_size": 32}]}},
        "compare.settings[0] names hidden_size, but other starts from pretraining, which fixes it; allowed: other keys",
    ),
    (
        {"pretrain": {"objective": "lm"}, "compare": {"tuning": {"trials": 1, "space": {"embedding_size": [1, 2]}}}},
        "compare.tuning.space names embedding_size, but other starts from pretraining, which fixes it; allowed: other",
    ),
    (
        {"pretrain": {"objective": "lm"}, "compare": {"settings": [{"start": "random"}]}},
        "compare.settings[0].start is an unknown key; ",
    ),
    (
        {"pretrain": {"objective": "lm"}, "data": {"name": "cr", "folds": 3}, "compare": {"seeds": [1, 2, 3]}},
        "pretrain.objective is 'lm', but data.folds is 3; allowed with folds: none, since one pretraining would see",
    ),
    (
        {"pretrain": {"objective": "lm"}, "train": {"unfreeze": 1, "devices": 2}},
        "train.unfreeze is 1, but train.devices is 2 and train.num_nodes 1; allowed with them: 0, since several",
    ),
    (
        {"pretrain": {"objective": "lm"}, "train": {"unfreeze": 1, "early_stopping": 2}},
        "train.unfreeze is 1, but train.early_stopping is 2, which may end the training before all layers have begun",
    ),
    (
        {"pretrain": {"objective": "lm"}, "train": {"unfreeze": 2, "epochs": 4}},
        "train.unfreeze is 2, so that the lowest layer of base begins to learn in epoch 5, but train.epochs is 4;",
    ),
    (
        {"pretrain": {"objective": "lm"}, "train": {"unfreeze": 1}, "compare": {"tuning": {"trials": 1, "epochs": 1}}},
        "train.unfreeze is 1, so that the lowest layer of base begins to learn in epoch 3, but compare.tuning.epochs",
    ),
    (
        {
            "pretrain": {"objective": "lm"},
            "train": {"unfreeze": 1, "epochs": 3},
            "compare": {"settings": [{"layers": 4}]},
        },
        "train.unfreeze is 1, so that the lowest layer of base begins to learn in epoch 6, but train.epochs is 3;",
    ),
    (
        {"pretrain": {"objective": "lm"}, "variant": {"start": "random"}},
        "pretrain.objective is 'lm', but no variant of compare.variants has start: pretrain; allowed without one: none",
    ),
    (
        {"pretrain": {"objective": "lm"}, "variant": {"embedding_normalization": "frequency"}},
        "variants.other.embedding_normalization is 'frequency', but other starts from a language model, which was",
    ),
    (
        {"pretrain": {"objective": "lm"}, "variant": {"initialization": "pytorch", "forget_bias": 1.0}},
        "variants.other.forget_bias is 1.0, but other starts from a language model, which was trained without it;",
    ),
    (
        {"pretrain": {"objective": "lm"}, "compare": {"settings": [{"embedding_normalization": "frequency"}]}},
        "compare.settings[0] names embedding_normalization, but other starts from pretraining, which fixes it;",
    ),
    (
        {"pretrain": {"objective": "lm"}, "train": {"layer_rates": 0.0}},
        "train.layer_rates is 0.0; allowed: greater than 0",
    ),
    (
        {"pretrain": {"objective": "lm"}, "train": {"layer_rates": 2.0}},
        "train.layer_rates is 2.0; allowed: less than or",
    ),
]


@pytest.mark.parametrize(("sections", "message"), MISTAKES, ids=[message[:60] for _, message in MISTAKES])
def test_what_cannot_work_is_named(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match="^" + re.escape(f"params.yaml: {message}")):
        parsed(**sections)


def test_what_fits_is_taken() -> None:
    assert parsed({"objective": "lm"}, {"bidirectional": True, "layers": 2}).variants["other"].start == "pretrain"
    assert parsed({"objective": "vectors"}, {"cell": "gru", "hidden_size": 7}, compare={"matching": "parameters"})
    assert parsed({"objective": "lm"}, compare={"matching": "parameters", "baseline": "other"})
    assert parsed({"objective": "vectors"}, {"embedding_normalization": "frequency"})
    assert parsed({"objective": "lm"}, {"layers": 2, "initialization": "pytorch", "forget_bias": 1.0})
    assert parsed({"objective": "lm"}, {"freeze_embedding": True}, train={"unfreeze": 1, "epochs": 3})
    assert parsed({"objective": "lm", "direction": "forward"}, compare={"settings": [{"pooling": "mean"}]})


def test_variants_that_are_not_compared_need_not_fit() -> None:
    assert parsed({}, compare={"variants": ["base"]}).pretrain.objective == "none"
