"""The token that fills the shorter documents of a batch: batching writes it, the classifier ignores it."""

PADDING_INDEX = 1  # in every vocabulary
