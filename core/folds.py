"""Cross-validation: the splits fold-1, fold-2, …, and which of them a training with a given seed uses.

Seed 1 tests on fold 1, seed 2 on fold 2, and so on; with 10 folds seed 11 tests on fold 1 again. A training's
validation split is the fold after its test fold, and it learns from all others.
"""

FEWEST = 3  # one to test, one to validate, one to learn from


def names(folds: int) -> list[str]:
    """The folds as splits."""
    return [f"fold-{number}" for number in range(1, folds + 1)]


def fold_of(seed: int, folds: int) -> int:
    """The fold, counted from 0, on which a training with this seed is tested.

    >>> [fold_of(seed, 10) for seed in (1, 10, 11, 0)]
    [0, 9, 0, 9]
    """
    return (seed - 1) % folds


def splits_of(role: str, seed: int, folds: int | None) -> list[str]:
    """The splits that are the train, validation or test documents of a training; without folds the split of that name.

    >>> [splits_of(role, 4, 4) for role in ("test", "validation", "train")]
    [['fold-4'], ['fold-1'], ['fold-2', 'fold-3']]
    >>> splits_of("test", 4, None)
    ['test']
    """
    if folds is None:
        return [role]
    test = fold_of(seed, folds)
    validation = (test + 1) % folds
    if role == "train":
        return [name for number, name in enumerate(names(folds)) if number not in (test, validation)]
    return [names(folds)[test if role == "test" else validation]]
