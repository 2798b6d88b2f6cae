"""Fair matching: the same number of parameters by solving for the hidden size."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.params import Params, parse
from core.errors import ParamsError
from pipelines.match import count_parameters, resolve

SIZES = {"vocabulary_size": 300, "num_classes": 3}


def make_params(baseline: dict[str, Any], other: dict[str, Any], **compare: Any) -> Params:
    return parse(
        {
            "data": {"name": "synthetic_reviews"},
            "variants": {"base": baseline, "other": other},
            "compare": {"variants": ["base", "other"], "seeds": [1], "baseline": "base", **compare},
        }
    )


variants = st.fixed_dictionaries(
    {
        "cell": st.sampled_from(["rnn", "gru", "lstm"]),
        "bidirectional": st.booleans(),
        "layers": st.integers(1, 3),
        "hidden_size": st.integers(1, 200),
        "embedding_size": st.integers(1, 40),
        "pooling": st.sampled_from(["last", "attention", ["last", "max"]]),
        "head_size": st.none() | st.integers(1, 50),
    }
)


@settings(max_examples=60, deadline=None)
@given(variants, variants)
def test_no_other_hidden_size_comes_nearer_to_the_baseline(baseline: dict[str, Any], other: dict[str, Any]) -> None:
    params = make_params(baseline, other, matching="parameters")
    target = count_parameters(params.variants["base"], **SIZES)
    try:
        solved = resolve(params, "other", **SIZES)
    except ParamsError:
        smallest = params.variants["other"].model_copy(update={"hidden_size": 1})
        assert count_parameters(smallest, **SIZES) > target
        return
    gap = abs(count_parameters(solved, **SIZES) - target)
    for hidden_size in {max(solved.hidden_size - 1, 1), solved.hidden_size + 1}:
        near = solved.model_copy(update={"hidden_size": hidden_size})
        assert gap <= abs(count_parameters(near, **SIZES) - target)
    assert solved.model_dump(exclude={"hidden_size"}) == params.variants["other"].model_dump(exclude={"hidden_size"})


def test_the_bidirectional_textbook_model_gets_fewer_units_to_have_as_many_parameters() -> None:
    params = make_params({"cell": "lstm"}, {"cell": "lstm", "bidirectional": True}, matching="parameters")
    solved = resolve(params, "other", 20_000, 2)
    # Per direction 4 (128 h + h² + 2 h) parameters; one direction with 64 units has 49,664, two with 37 have 49,432.
    assert solved.hidden_size == 37
    assert resolve(params, "base", 20_000, 2).hidden_size == 64


def test_without_matching_by_parameters_variants_stay_as_they_are() -> None:
    params = make_params({"cell": "lstm"}, {"cell": "lstm", "bidirectional": True})
    assert resolve(params, "other", **SIZES) == params.variants["other"]


def test_what_cannot_be_matched_is_named() -> None:
    params = make_params({"cell": "rnn", "embedding_size": 1}, {"cell": "lstm"}, matching="parameters")
    with pytest.raises(ParamsError, match=r"with hidden_size 1 variants\.other has 38,.*smaller embedding_size"):
        resolve(params, "other", **SIZES)


@pytest.mark.parametrize(("compare", "train"), [({"matching": "training_time"}, {}), ({}, {"max_seconds": 9.0})])
def test_a_time_limit_and_matching_by_time_belong_together(compare: dict[str, Any], train: dict[str, Any]) -> None:
    content = {
        "data": {"name": "synthetic_reviews"},
        "variants": {"base": {"cell": "lstm"}},
        "train": {"schedule": "constant", **train},
        "compare": {"variants": ["base"], "seeds": [1], "baseline": "base", **compare},
    }
    with pytest.raises(ParamsError, match=r"train\.max_seconds is .*, but compare\.matching is"):
        parse(content)
