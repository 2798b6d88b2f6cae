"""The rules on learning curves: what sets them off, what does not, and what they say."""

from typing import Any

import pytest

from analysis.verdict.convergence import (
    chosen_epoch,
    epochs_remark,
    is_improving,
    is_past_its_best,
    is_unfinished,
    not_converged,
    overfit,
    validation_remark,
)
from tests.analysis.made_up import SOUND, History, by_variant, history, make_comparison, make_experiment, make_settings

# ---- not converged


@pytest.mark.parametrize(
    ("last", "improving"),
    [
        (history([0.6, 0.5, 0.4]), True),
        (history([0.6, 0.4, 0.395], train_loss=0.2), False),  # 1 %
        (history([0.6, 0.4, 0.45]), False),  # past its best
        (history([0.012, 0.006, 0.003]), False),  # near 0 half is nothing
        (history([0.6, 0.4, 0.41], validation_accuracy=[0.8, 0.82, 0.84]), True),
        (history([0.6, 0.4, 0.41], validation_accuracy=[0.8, 0.84, 0.845]), False),
    ],
)
def test_a_training_has_not_converged_if_its_last_epoch_still_improved_it(last: History, improving: bool) -> None:
    finding = not_converged(make_settings(), by_variant(SOUND, last))

    assert (finding.variants if finding else []) == (["bilstm"] if improving else [])


def test_convergence_is_judged_by_the_mean_over_seeds() -> None:
    improving, worse = history([0.6, 0.5, 0.48]), history([0.6, 0.5, 0.52])

    assert is_improving([improving, improving])
    assert not is_improving([improving, worse])


def test_one_epoch_shows_no_convergence() -> None:
    finding = not_converged(
        make_settings({"max_seconds": 9.0, "schedule": "constant"}), by_variant(history([0.4]), history([0.4]))
    )

    assert finding is not None
    assert finding.words.startswith("lstm and bilstm were trained for one epoch, too few")
    assert "raise train.max_seconds" in finding.advice


EMBEDDED = history(  # a training of the embedded data: it fits its documents, and the last epochs are no better
    [0.698, 0.566, 0.363, 0.301, 0.247, 0.239, 0.248],
    [0.500, 0.713, 0.849, 0.863, 0.900, 0.913, 0.909],
    train_accuracy=[0.508, 0.639, 0.828, 0.929, 0.963, 0.984, 0.993],
    train_loss=[0.694, 0.631, 0.416, 0.208, 0.115, 0.065, 0.040],
)
TREC = history(  # as shipped, 4 epochs
    [0.671, 0.548, 0.540, 0.549], [0.791, 0.835, 0.842, 0.840], [0.61, 0.90, 0.96, 0.98], [0.98, 0.33, 0.155, 0.091]
)
SST2 = history([0.457, 0.484, 0.594], [0.795, 0.790, 0.788], [0.71, 0.90, 0.97], [0.55, 0.25, 0.08])
SLOW = history(  # trec with a learning rate of 0.0002: a longer training halves this loss
    [1.591, 1.370, 1.091, 0.983, 0.940, 0.927],
    [0.310, 0.520, 0.640, 0.685, 0.702, 0.703],
    [0.25, 0.46, 0.60, 0.69, 0.73, 0.753],
    [1.64, 1.49, 1.22, 1.00, 0.889, 0.845],
)


def test_a_falling_learning_rate_does_not_hide_that_a_training_ended_too_early() -> None:
    finding = not_converged(make_settings(), by_variant(EMBEDDED, SLOW))

    assert finding is not None and finding.variants == ["bilstm"]
    assert finding.words == "bilstm improved until the learning rate fell, and does not yet fit the training documents"
    assert "raise train.epochs or train.learning_rate" in finding.advice


@pytest.mark.parametrize("shipped", [EMBEDDED, TREC, SST2])
def test_the_shipped_settings_are_not_called_too_short_where_they_are_not(shipped: History) -> None:
    assert not_converged(make_settings(), by_variant(shipped, shipped)) is None


def test_a_variant_that_is_at_the_noise_of_its_data_has_converged() -> None:
    noisy = history([0.60, 0.57, 0.565, 0.562, 0.561, 0.5605], train_loss=[0.66, 0.58, 0.566, 0.562, 0.56, 0.559])

    assert not_converged(make_settings(), by_variant(noisy, noisy)) is None


def test_the_late_epochs_are_a_share_of_the_learning_rates_whatever_the_schedule() -> None:
    linear = history([1.6, 1.3, 1.0, 0.95, 0.945, 0.94], train_loss=0.9)
    constant = [{**epoch, "learning_rate": 0.003} for epoch in linear]

    assert is_unfinished([linear], 0.003)  # the last three of six epochs
    assert not is_unfinished([constant], 0.003)  # the last two, in which the loss fell by 1 %


# ---- overfit


def test_a_variant_overfits_if_it_reads_training_documents_much_better() -> None:
    far = history([0.5, 0.45, 0.46], train_accuracy=[0.8, 0.97, 0.99])
    near = history([0.5, 0.45, 0.46], train_accuracy=[0.8, 0.94, 0.99])

    finding = overfit(make_settings(), by_variant(near, far))

    assert finding is not None and finding.variants == ["bilstm"]
    assert finding.words == "bilstm overfits: it fits its training documents much better than new ones"
    assert "(bilstm 97.0 % right in training, 85.0 in validation)" in finding.advice


@pytest.mark.parametrize(
    ("train", "variant", "remedies"),
    [
        ({}, {}, "head_dropout and embedding_dropout of 0.3 to 0.5, train.weight_decay: 0.01, a smaller hidden_size"),
        ({}, {"head_dropout": 0.5}, "embedding_dropout of 0.3 to 0.5, train.weight_decay: 0.01, a smaller hidden_size"),
        ({"weight_decay": 0.01}, {"head_dropout": 0.5, "embedding_dropout": 0.3}, "a smaller hidden_size"),
    ],
)
def test_what_a_variant_has_is_no_advice_against_overfitting(
    train: dict[str, float], variant: dict[str, float], remedies: str
) -> None:
    far = history([0.5, 0.45, 0.46], train_accuracy=[0.8, 0.97, 0.99])

    finding = overfit(make_settings(train, **variant), by_variant(SOUND, far))

    assert finding is not None
    assert finding.advice.endswith(
        f"in validation): {remedies}, a lower train.learning_rate, or more training documents."
    )


def test_the_epoch_that_gave_the_weights_is_that_of_the_monitor() -> None:
    line = history([0.5, 0.4, 0.6], validation_accuracy=[0.8, 0.84, 0.86])

    assert chosen_epoch(line, "validation_loss") == 1
    assert chosen_epoch(line, "validation_accuracy") == 2


@pytest.mark.parametrize(
    ("losses", "overfits"),
    [
        ([0.4, 0.42, 0.45, 0.5, 0.6, 0.7], True),
        ([0.6, 0.5, 0.45, 0.4, 0.5, 0.6], False),  # in the second half
        ([0.4, 0.5, 0.6], False),  # early stopping ended it
        ([0.4, 0.41, 0.42, 0.42, 0.43, 0.44], False),  # hardly worse
    ],
)
def test_a_variant_overfits_if_it_was_best_long_before_the_end(losses: list[float], overfits: bool) -> None:
    line = history(losses)

    assert is_past_its_best(line, chosen_epoch(line, "validation_loss")) == overfits
    finding = overfit(make_settings(), by_variant(SOUND, line))
    assert (finding.variants if finding else []) == (["bilstm"] if overfits else [])
    if finding:
        assert finding.words == (
            "bilstm was trained too long: its validation loss was lowest in epoch 1 of 6, and then rose (overfitting)"
        )
        assert finding.advice.endswith("Train again with train.epochs: 2, and then compare.")


# ---- the epochs whose weights were tested


def test_the_tested_epochs_are_named_for_each_variant_where_they_differ() -> None:
    histories = by_variant(history([0.9, 0.6, 0.7, 0.8]), history([0.9, 0.6, 0.5, 0.4]))

    assert epochs_remark(make_settings(), histories, advise=True) == (
        "Each training was tested with the weights of the epoch with the lowest validation loss: 2 (lstm) and 4 "
        "(bilstm) of 4."
    )


@pytest.mark.parametrize(
    ("settings", "advise", "advised"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"schedule": "constant"}, True, False),
        ({"schedule": "cosine"}, True, True),
    ],
)
def test_fewer_epochs_are_advised_where_all_were_best_before_the_learning_rate_had_fallen(
    settings: dict[str, Any], advise: bool, advised: bool
) -> None:
    histories = by_variant(history([0.9, 0.6, 0.7, 0.8]), history([0.9, 0.7, 0.6, 0.8]))

    said = epochs_remark(make_settings(settings), histories, advise)

    assert said.startswith("Each training was tested with the weights of the epoch with the lowest validation loss: 2 ")
    assert ("try train.epochs: 3, with which the rate falls to 0 in time" in said) == advised


def test_a_single_epoch_is_never_advised() -> None:
    two, four = history([0.5, 0.6]), history([0.5, 0.6, 0.7, 0.8])

    assert "try train.epochs: 2" in epochs_remark(make_settings(), by_variant(four, four), advise=True)
    assert "try train.epochs" not in epochs_remark(make_settings(), by_variant(two, two), advise=True)


def test_nothing_is_said_of_the_tested_epochs_where_they_were_the_last_ones() -> None:
    assert epochs_remark(make_settings(), by_variant(history([0.9, 0.6]), history([0.9, 0.6, 0.5])), True) == ""


# ---- validation and test


@pytest.mark.parametrize(("validation", "opposite"), [(0.844, True), (0.856, False), (0.85, False)])
def test_a_difference_that_validation_reverses_says_so(validation: float, opposite: bool) -> None:
    bilstm = history([0.5, 0.4, 0.45], validation_accuracy=[0.99, validation, 0.99])  # its second epoch is tested
    lstm = history([0.5, 0.4, 0.45])  # 0.85
    experiment = make_experiment([[lstm] * 3, [bilstm] * 3])
    comparison = make_comparison({"lstm": [0.84, 0.85, 0.86], "bilstm": [0.85, 0.86, 0.87]}, gain=0.01)

    remark = validation_remark(experiment, comparison, make_settings())

    assert remark == (
        "On the validation documents the accuracy says the opposite: −0.60 points (bilstm − lstm). The difference may "
        "depend on which documents are taken."
        if opposite
        else ""
    )
