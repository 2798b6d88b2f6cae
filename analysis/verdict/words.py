"""Numbers in words, as the verdict and the report print them, and the level that both call sure."""

from collections.abc import Sequence

SIGNIFICANCE = 0.05


def p_value(value: float) -> str:
    """A p-value as it is printed.

    >>> p_value(0.00002), p_value(0.0312), p_value(0.4567), p_value(1.0)
    ('p < 0.001', 'p = 0.031', 'p = 0.46', 'p = 1')
    """
    if value < 0.001:
        return "p < 0.001"
    if value >= 0.995:
        return "p = 1"
    return f"p = {value:.2f}" if value >= 0.1 else f"p = {value:.3f}"


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence, one after another.

    >>> listed(["lstm"]), listed(["lstm", "gru", "rnn"])
    ('lstm', 'lstm, gru and rnn')
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
