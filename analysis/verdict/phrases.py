"""Numbers and lists in words, and the significance level of the verdict and the report."""

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
    """Parts of a sentence as a list.

    >>> listed(["lstm"]), listed(["lstm", "gru", "rnn"])
    ('lstm', 'lstm, gru and rnn')
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def short(text: str, most: int = 12) -> str:
    """`text` in at most `most` characters, without its middle: names that begin alike may end differently.

    >>> short("card_payment_fee_charged", 12), short("card_payment_not_recognised", 12)
    ('card_p…arged', 'card_p…nised')
    """
    head = most // 2
    return text if len(text) <= most else f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"
