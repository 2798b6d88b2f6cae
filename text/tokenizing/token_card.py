"""The summary of the stage tokenize in sentences, and warnings of likely mistakes."""

from collections.abc import Mapping
from typing import Any

MOST_UNKNOWN = 0.3
FEWEST_WITH_VECTOR = 0.5


def warnings(summary: Mapping[str, Any]) -> list[str]:
    """A line for each likely mistake, which names the param to change."""
    lines = [_unknown(summary)] if _most_unknown(summary)[1] > MOST_UNKNOWN else []
    vectors = summary.get("vectors")
    if vectors is not None and (share := vectors["share_of_training_tokens"]) < FEWEST_WITH_VECTOR:
        lines.append(
            f"tokenize.vectors has a vector for only {percent(share)} of the training tokens; its words must be in the "
            f"texts' language, split and spelled as tokenize.tokenizer ({summary['tokenize']['tokenizer']}) does it."
        )
    return lines


def _most_unknown(summary: Mapping[str, Any]) -> tuple[str, float]:
    shares = {split: counts["share_unknown"] for split, counts in summary["splits"].items()}
    return max(shares.items(), key=lambda item: item[1])


def _unknown(summary: Mapping[str, Any]) -> str:
    (split, share), settings = _most_unknown(summary), summary["tokenize"]
    line = f"{percent(share)} of the {split} split's tokens are unknown"
    if summary["splits"].get("train", summary["splits"][split])["share_unknown"] > MOST_UNKNOWN:
        return (
            f"{line}: the vocabulary leaves out words of the training texts; raise tokenize.max_size "
            f"({settings['max_size']}) or lower tokenize.min_freq ({settings['min_freq']})."
        )
    if settings["tokenizer"] in ("basic_english", "whitespace"):
        return (
            f"{line}: the training texts do not have those words; set tokenize.tokenizer "
            f"({settings['tokenizer']}) to sentencepiece, which cuts words into pieces that they have."
        )
    return f"{line}: the training texts do not have those characters; check data.source and data.encoding."


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """How the texts became tokens."""
    chosen = f", chosen because {summary['tokenizer_reason']}" if summary["tokenizer_reason"] else ""
    lines = [
        f"Tokens: {summary['tokenize']['tokenizer']}{chosen}.",
        f"The vocabulary has {summary['vocabulary_size']:,} tokens; {_most_unknown_shown(summary)}.",
    ]
    if (vectors := summary.get("vectors")) is not None:
        lines.append(
            f"{percent(vectors['share_of_vocabulary'])} of the vocabulary and "
            f"{percent(vectors['share_of_training_tokens'])} of the training tokens have a pretrained vector; the "
            "others start from random numbers of the same size."
        )
        if vectors["lines_skipped"]:
            lines.append(
                f"Lines of tokenize.vectors that could not be read and were left out: {vectors['lines_skipped']:,}; "
                f"the first is {vectors['first_skipped']}."
            )
    return lines


def _most_unknown_shown(summary: Mapping[str, Any]) -> str:
    shares = [f"{percent(counts['share_unknown'])} ({split})" for split, counts in summary["splits"].items()]
    return f"unknown are {', '.join(shares)}"


def percent(share: float) -> str:
    """A share in percent.

    Example:
        >>> percent(0.1234)
        '12.3 %'
    """
    return f"{100 * share:.1f} %"
