"""Numbers on which several packages must agree."""

UNKNOWN_INDEX = 0  # the token number of words that the vocabulary lacks
PADDING_INDEX = 1  # the token number behind a document's end in a batch
LARGEST_ERROR = 0.3  # of an output of a solved document or sequence (Hochreiter and Schmidhuber 1997, section 5)
SMALLEST_PROBABILITY = 1e-12  # a probability that was rounded to 0 costs 27.6 nats, not infinitely many
