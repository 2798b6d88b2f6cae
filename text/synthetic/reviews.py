"""synthetic_reviews, the built-in data set: film reviews whose label depends on the order of words.

A review has one deciding opinion, at its beginning, middle or end; decoys, which are quotations, or opinions of other
people or about other films; and sentences about the plot. Every opinion contains one word of praise and one of blame,
and its rule says which of the two decides. So word counts do not reveal the label, and neither does a phrase without
the words that say whose opinion it is. By default, these words precede each opinion in half of the reviews, and follow
it in the other half.

Words and patterns: text/synthetic/grammar.py. Limits of the parameters: config/data.py.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, count
from random import Random
from typing import Any

import pyarrow as pa

from text.synthetic.draws import below
from text.synthetic.grammar import (
    BLAME,
    BLAME_VERBS,
    CLAUSE_WITH_ADJECTIVE,
    CLAUSE_WITH_VERB,
    DECOYS,
    FILM,
    NEUTRAL,
    OTHER_FILM,
    OWN,
    PRAISE,
    PRAISE_VERBS,
    RULES,
    WORDS,
)

LABELS = ("negative", "positive")
LONGEST_SENTENCE = 20  # tokens of a sentence without an opinion
LONGEST_OPINION = 40  # tokens of a deciding sentence
_FEWEST_OTHERS = 2  # sentences besides the deciding one, which can then stand in the middle

_SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "text": pa.string(),
        "label": pa.int32(),
        "place": pa.string(),
        "attribution": pa.string(),
        "tokens_before": pa.int32(),
        "tokens_after": pa.int32(),
        "rule": pa.string(),
    }
)
_FIRST_PERSON = {"I": "I", "my": "my", "me": "me"}
_THIRD_PERSON = {"she": {"I": "she", "my": "her", "me": "her"}, "he": {"I": "he", "my": "his", "me": "him"}}

# The tokens of basic_english; torchtext, which finds the same, imports torch, and that takes a second.
_TOKEN = re.compile(r"['.,()!?]|[^\s'.,()!?;:]+")


def generate(
    *,
    seed: int,
    train_rows: int,
    validation_rows: int,
    test_rows: int,
    min_tokens: int,
    max_tokens: int,
    rules: Sequence[str],
    places: Mapping[str, int],
    attribution: Mapping[str, int],
    decoys: int,
    opposed_share: float,
) -> dict[str, pa.Table]:
    """All splits; the same arguments give the same bytes on any machine.

    Labels are balanced, also within each rule, place and side of attribution; no text occurs twice. More training rows
    do not affect the other splits or the earlier training rows.

    Args:
        seed: the seed of all random numbers.
        train_rows, validation_rows, test_rows: the number of reviews in each split.
        min_tokens: the smallest number of basic_english tokens in a review.
        max_tokens: the largest; at least min_tokens + LONGEST_SENTENCE and LONGEST_OPINION + 2 · LONGEST_SENTENCE.
        rules: names of RULES that opinions follow.
        places: relative frequencies of the deciding opinion's places: beginning, middle, end.
        attribution: relative frequencies of the side on which words say whose an opinion is: before, after.
        decoys: largest number of decoys in a review; all numbers from 0 are equally frequent if max_tokens allows.
        opposed_share: share of the decoys that say the opposite of the label.

    Returns:
        "train", "validation" and "test", each with id, text, label (index into LABELS), place, attribution,
        tokens_before and tokens_after (basic_english tokens before and after the deciding sentence), rule.
    """
    sizes = {"test": test_rows, "validation": validation_rows, "train": train_rows}
    place_cycle, side_cycle = (
        [name for name, n in weights.items() for _ in range(n)] for weights in (places, attribution)
    )
    seen: set[str] = set()
    by_split = {}
    for number, (split, rows) in enumerate(sizes.items()):
        composer = _Composer(Random(seed * len(sizes) + number), min_tokens, max_tokens, rules, decoys, opposed_share)
        columns: dict[str, list[Any]] = {name: [] for name in _SCHEMA.names}
        for row in range(rows):
            combination, label = divmod(row, len(LABELS))
            combination, rule = divmod(combination, len(rules))
            cycle, place = divmod(combination, len(place_cycle))
            chosen = label, rules[rule], place_cycle[place], side_cycle[cycle % len(side_cycle)]
            review = composer.review(*chosen)
            while review["text"] in seen:
                review = composer.review(*chosen)
            seen.add(review["text"])
            review["id"] = f"{split}-{row + 1:05d}"
            for name, column in columns.items():
                column.append(review[name])
        by_split[split] = pa.table(columns, schema=_SCHEMA)
    return {split: by_split[split] for split in ("train", "validation", "test")}


@dataclass(frozen=True)
class _Composer:
    """Composes reviews of sentences; the attributes are arguments of `generate`."""

    random: Random
    min_tokens: int
    max_tokens: int
    rules: Sequence[str]
    decoys: int
    opposed_share: float

    def review(self, label: int, rule: str, place: str, side: str) -> dict[str, Any]:
        """One row of the table, without its id."""
        writer = _Writer(self.random, side)
        deciding = writer.deciding(rule, label)
        decoys = self._decoys(writer, label, _length(deciding))
        others = self._plot(writer, len(decoys), sum(map(_length, [deciding, *decoys])))
        for decoy in decoys:
            others.insert(below(self.random, len(others) + 1), decoy)
        lengths = [_length(sentence) for sentence in others]
        at = _position(place, lengths)
        return {
            "text": " ".join([*others[:at], deciding, *others[at:]]),
            "label": label,
            "place": place,
            "attribution": side,
            "tokens_before": sum(lengths[:at]),
            "tokens_after": sum(lengths[at:]),
            "rule": rule,
        }

    def _decoys(self, writer: "_Writer", label: int, length: int) -> list[str]:
        """At most `decoys` decoys for a review that already has `length` tokens."""
        sentences: list[str] = []
        for _ in range(below(self.random, self.decoys + 1)):
            rule = self.rules[below(self.random, len(self.rules))]
            opposed = self.random.random() < self.opposed_share
            sentence = writer.decoy(rule, 1 - label if opposed else label)
            length += _length(sentence)
            missing = max(0, _FEWEST_OTHERS - len(sentences) - 1)
            if length + missing * LONGEST_SENTENCE > self.max_tokens:
                break
            sentences.append(sentence)
        return sentences

    def _plot(self, writer: "_Writer", others: int, length: int) -> list[str]:
        """Sentences without opinion, in narrative order, for a review with `length` tokens and `others` decoys."""
        target = self.min_tokens + below(self.random, self.max_tokens - self.min_tokens + 1)
        groups: list[list[str]] = [[] for _ in NEUTRAL]
        for number in count():
            if length >= target and others + number >= _FEWEST_OTHERS:
                break
            sentence = writer.neutral(number % len(groups))
            length += _length(sentence)
            if length > self.max_tokens:  # the review is then long enough: see max_tokens above
                break
            groups[number % len(groups)].append(sentence)
        return [sentence for group in groups for sentence in group]


class _Writer:
    """Writes the sentences of one review: people and film stay the same, and no word is drawn twice.

    The words that say whose an opinion is stand on one `side` of all its opinions, "before" or "after".
    """

    def __init__(self, random: Random, side: str) -> None:
        self._random = random
        self._side = side
        self._used: set[str] = set()
        pronoun = ("she", "he")[below(random, 2)]
        self._fixed = {
            "hero": self._new(WORDS["woman" if pronoun == "she" else "man"]),
            "he": pronoun,
            "friend": self._new(WORDS["woman"] + WORDS["man"]),
            "title": f"The {self._new(WORDS['material']).title()} {self._new(WORDS['object']).title()}",
        }

    def deciding(self, rule: str, label: int) -> str:
        """The reviewer's own opinion of the film, which decides for `label`."""
        return self._sentence(self._new(OWN[self._side]), opinion=self._opinion(rule, label, _FIRST_PERSON, FILM))

    def decoy(self, rule: str, label: int) -> str:
        """An opinion for `label` that does not count."""
        kind = self._any(tuple(DECOYS))
        pronoun = self._any(("she", "he"))
        opinion = self._opinion(
            rule,
            label,
            _THIRD_PERSON[pronoun] if kind == "someone" else _FIRST_PERSON,
            OTHER_FILM if kind == "other_film" else FILM,
        )
        someone = self._new(WORDS[f"someone_{pronoun}"])
        return self._sentence(
            self._new(DECOYS[kind][self._side]), opinion=opinion, Opinion=_capitalize(opinion), someone=someone
        )

    def neutral(self, group: int) -> str:
        """A sentence without an opinion, of a group of NEUTRAL."""
        return self._sentence(self._new(NEUTRAL[group]))

    def _opinion(self, rule: str, label: int, person: dict[str, str], films: Sequence[str]) -> str:
        pattern, decides = RULES[rule][below(self._random, len(RULES[rule]))]
        slots = person | {"film": self._any(films)}
        for slot in ("A", "B"):
            praises = (slot == decides) == (LABELS[label] == "positive")
            slots[slot] = self._usual(PRAISE if praises else BLAME)
            if self._random.random() < 0.5:
                clause = self._fill(CLAUSE_WITH_ADJECTIVE, adjective=slots[slot])
            else:
                clause = self._fill(CLAUSE_WITH_VERB, verb=self._usual(PRAISE_VERBS if praises else BLAME_VERBS))
            slots[f"{slot}_clause"] = clause
        return self._fill(pattern, **slots)

    def _sentence(self, pattern: str, **slots: str) -> str:
        text = self._fill(pattern, **slots)
        return _capitalize(re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text, flags=re.IGNORECASE))

    def _fill(self, pattern: str, **slots: str) -> str:
        known = self._fixed | slots
        return re.sub(r"{(\w+)}", lambda match: known.get(match[1]) or self._new(WORDS[match[1]]), pattern)

    def _any(self, choices: Sequence[str]) -> str:
        return choices[below(self._random, len(choices))]

    def _new(self, choices: Sequence[str]) -> str:
        """A random choice that was not drawn before, unless all were."""
        return self._use(self._any(self._unused(choices)))

    def _usual(self, choices: Sequence[str]) -> str:
        """Like `_new`, but the n-th choice is drawn with a probability proportional to n to the power -1.5.

        A model learns the few frequent words early, and they help to learn the many rare ones. If all words were
        equally frequent, a small training set would not show which words praise and which blame, because each opinion
        has one of each.
        """
        unused = self._unused(choices)
        weights = _weights(len(unused))
        return self._use(unused[bisect_right(weights, self._random.random() * weights[-1])])

    def _unused(self, choices: Sequence[str]) -> Sequence[str]:
        if self._used.isdisjoint(choices):
            return choices
        return [choice for choice in choices if choice not in self._used] or choices

    def _use(self, choice: str) -> str:
        self._used.add(choice)
        return choice


def _position(place: str, lengths: Sequence[int]) -> int:
    """The index of the deciding sentence among sentences with `lengths` tokens; the middle halves the tokens."""
    if place == "middle":
        imbalance = [abs(sum(lengths[:at]) - sum(lengths[at:])) for at in range(len(lengths) + 1)]
        return imbalance.index(min(imbalance[1:-1]), 1)
    return {"beginning": 0, "end": len(lengths)}[place]


@cache
def _weights(number: int) -> list[float]:
    """The running sum of the first `number` frequencies of words."""
    return list(accumulate(1 / (rank * math.sqrt(rank)) for rank in range(1, number + 1)))


def _length(sentence: str) -> int:
    return len(_TOKEN.findall(sentence.replace('"', "")))


def _capitalize(text: str) -> str:
    return text[0].upper() + text[1:]
