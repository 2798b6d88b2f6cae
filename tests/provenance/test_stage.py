"""A stage of dvc.yaml learns from its name which training it is."""

import pytest

from provenance.stage import training_parser


@pytest.mark.parametrize(
    ("stage", "variant", "seed"),
    [
        ("train@lstm-1", "lstm", 1),
        ("train@bi-lstm_2-x-4294967295", "bi-lstm_2-x", 2**32 - 1),
        ("../dvc.yaml:evaluate@lstm-0", "lstm", 0),
    ],
)
def test_the_name_of_the_stage_says_which_training_is_meant(
    stage: str, variant: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_STAGE", stage)
    arguments = training_parser(None).parse_args([])
    assert (arguments.variant, arguments.seed) == (variant, seed)
    said = training_parser(None).parse_args(["--variant", "gru", "--seed", "7"])
    assert (said.variant, said.seed) == ("gru", 7)


@pytest.mark.parametrize("stage", ["", "train", "train@lstm; touch x-1", "train@lstm-1; touch x", "train@../x-1"])
def test_outside_of_such_a_stage_the_training_must_be_named(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", stage)
    with pytest.raises(SystemExit):
        training_parser(None).parse_args([])
