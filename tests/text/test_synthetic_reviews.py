import hashlib
import json
import re
from collections import Counter
from itertools import chain, product
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.linear_model import LogisticRegression
from torchtext.data.utils import get_tokenizer

from config import data, params
from core.errors import ParamsError
from text.synthetic import grammar
from text.synthetic.reviews import LABELS, LONGEST_OPINION, LONGEST_SENTENCE, generate

DEFAULTS = data.SyntheticReviewsParams().model_dump()
SMALL = {"train_rows": 96, "validation_rows": 48, "test_rows": 48}

tokenize = get_tokenizer("basic_english")


def make(seed: int = 1, **changes: Any) -> dict[str, pa.Table]:
    return generate(seed=seed, **(DEFAULTS | changes))


@pytest.fixture(scope="module")
def default() -> dict[str, pa.Table]:
    return make()


def rows_of(by_split: dict[str, pa.Table]) -> list[dict[str, Any]]:
    return [row for table in by_split.values() for row in table.to_pylist()]


def digest(table: pa.Table) -> str:
    return hashlib.sha256(repr(table.to_pylist()).encode()).hexdigest()


def deciding_tokens(row: dict[str, Any]) -> list[str]:
    tokens: list[str] = tokenize(row["text"])
    return tokens[row["tokens_before"] : len(tokens) - row["tokens_after"]]


def expression(pattern: str, groups: dict[str, str]) -> str:
    """The regular expression that tells whether tokens joined by blanks were written with `pattern`."""
    names = iter(re.findall(r"{(\w+)}", pattern))
    text = " ".join(tokenize(re.sub(r"{\w+}", "xslotx", pattern)))
    return re.sub("xslotx", lambda _: groups[next(names)], re.escape(text).replace(r"\ ", " "))


def any_of(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word.lower()) for word in words)


PRAISE = any_of((*grammar.PRAISE, *grammar.PRAISE_VERBS))
BLAME = any_of((*grammar.BLAME, *grammar.BLAME_VERBS))


def clause(name: str) -> str:
    return rf"the [\w -]+? (?:is )?(?P<{name}>{PRAISE}|{BLAME})"


def read(sentence: str, rule: str) -> set[int]:
    """The labels that a sentence of this rule can be read to say; tokens joined by blanks."""
    labels = set()
    for frame in chain.from_iterable(grammar.OWN.values()):
        inner = re.fullmatch(expression(frame, {"opinion": "(?P<opinion>.+)"}), sentence)
        for pattern, decides in grammar.RULES[rule] if inner else ():
            slots = {
                "A": f"(?P<A>{PRAISE}|{BLAME})",
                "B": f"(?P<B>{PRAISE}|{BLAME})",
                "A_clause": clause("A"),
                "B_clause": clause("B"),
                "film": f"(?:{any_of(grammar.FILM)})",
                "aspect": r"[\w -]+?",
                "I": "i",
                "my": "my",
                "me": "me",
            }
            article = expression(pattern, slots).replace(" a ", " an? ")
            if inner and (match := re.fullmatch(article, inner["opinion"])):
                labels.add(int(re.fullmatch(PRAISE, match[decides]) is not None))
    return labels


def test_equal_arguments_give_equal_reviews_and_another_seed_gives_others() -> None:
    first, again, other = make(**SMALL), make(**SMALL), make(seed=2, **SMALL)
    assert {split: digest(table) for split, table in first.items()} == {
        split: digest(table) for split, table in again.items()
    }
    assert not {row["text"] for row in rows_of(first)} & {row["text"] for row in rows_of(other)}


def test_the_reviews_of_the_defaults_are_the_published_ones(default: dict[str, pa.Table]) -> None:
    # A change of words, patterns or code changes this digest, and with it every result that was published.
    assert digest(default["test"])[:16] == "bb8ed33b4c65ce4f"


def test_splits_have_the_asked_sizes_and_columns(default: dict[str, pa.Table]) -> None:
    assert {split: len(table) for split, table in default.items()} == {
        split: DEFAULTS[f"{split}_rows"] for split in ("train", "validation", "test")
    }
    schema = dict.fromkeys(("id", "text", "place", "attribution", "rule"), "string")
    schema |= dict.fromkeys(("label", "tokens_before", "tokens_after"), "int32")
    for table in default.values():
        assert {field.name: str(field.type) for field in table.schema} == schema
        assert not any(column.null_count for column in table.columns)


def test_no_id_and_no_text_occurs_twice_over_all_splits(default: dict[str, pa.Table]) -> None:
    rows = rows_of(default)
    assert len({row["id"] for row in rows}) == len({row["text"] for row in rows}) == len(rows)


def test_more_training_rows_leave_the_other_rows_as_they_are() -> None:
    fewer, more = make(**SMALL), make(**(SMALL | {"train_rows": 200}))
    assert more["train"].slice(0, SMALL["train_rows"]) == fewer["train"]
    assert (more["validation"], more["test"]) == (fewer["validation"], fewer["test"])


def test_labels_are_balanced_within_each_rule_place_and_side_of_attribution(default: dict[str, pa.Table]) -> None:
    columns = ("rule", "place", "attribution")
    counts = Counter((*(row[name] for name in columns), row["label"]) for row in rows_of({"": default["train"]}))
    cells = list(product(DEFAULTS["rules"], DEFAULTS["places"], DEFAULTS["attribution"], range(len(LABELS))))
    assert counts == dict.fromkeys(cells, len(default["train"]) // len(cells))


def test_the_words_that_say_whose_an_opinion_is_stand_on_the_side_that_is_noted(default: dict[str, pa.Table]) -> None:
    frames = {
        side: [*grammar.OWN[side], *(frame for kind in grammar.DECOYS.values() for frame in kind[side])]
        for side in DEFAULTS["attribution"]
    }
    begins = ("{opinion}", '"{opinion}')
    assert all(frame.lower().startswith(begins) for frame in frames["after"])
    assert not any(frame.lower().startswith(begins) for frame in frames["before"])
    marks = [frame.lower().partition("{opinion}")[2].partition("{")[0] for frame in frames["after"]]  # ", or so "
    for row in default["test"].to_pylist():
        marked = any(mark in row["text"].lower() for mark in marks if mark != ".")
        assert row["attribution"] == "after" or not marked, row["text"]


def test_every_review_praises_as_often_as_it_blames(default: dict[str, pa.Table]) -> None:
    praise, blame = {*grammar.PRAISE}, {*grammar.BLAME}
    praise_verbs, blame_verbs = {*grammar.PRAISE_VERBS}, {*grammar.BLAME_VERBS}
    for row in rows_of({"": default["test"]}):
        tokens = tokenize(row["text"])
        praised = sum(token in praise or token in praise_verbs for token in tokens)
        assert praised == sum(token in blame or token in blame_verbs for token in tokens), row["text"]


def test_the_sentence_at_the_kept_position_decides_the_label(default: dict[str, pa.Table]) -> None:
    for row in default["test"].slice(0, 480).to_pylist():
        assert read(" ".join(deciding_tokens(row)), row["rule"]) == {row["label"]}, row


def test_the_same_words_in_the_other_order_decide_the_other_label(default: dict[str, pa.Table]) -> None:
    def swapped(sentence: str) -> str:
        praised, blamed = re.search(rf"\b({PRAISE})\b", sentence), re.search(rf"\b({BLAME})\b", sentence)
        assert praised and blamed
        other = {praised[0]: blamed[0], blamed[0]: praised[0]}
        return " ".join(other.get(token, token) for token in sentence.split(" "))

    for row in default["test"].slice(0, 480).to_pylist():
        assert read(swapped(" ".join(deciding_tokens(row))), row["rule"]) == {1 - row["label"]}, row


def test_the_deciding_sentence_is_where_its_place_says(default: dict[str, pa.Table]) -> None:
    for row in rows_of(default):
        before, after, length = row["tokens_before"], row["tokens_after"], len(tokenize(row["text"]))
        match row["place"]:
            case "beginning":
                assert before == 0 < after
            case "end":
                assert after == 0 < before
            case "middle":
                assert before and after
                assert abs(before - after) <= LONGEST_OPINION + 2 * LONGEST_SENTENCE
        assert DEFAULTS["min_tokens"] <= length <= DEFAULTS["max_tokens"]


def test_no_sentence_is_longer_than_the_limits_count_on() -> None:
    def longest(pattern: str, slots: dict[str, int]) -> int:
        filled = re.sub(r"{(\w+)}", lambda match: "x " * slots[match[1]], pattern)
        return len(tokenize(filled))

    words = {name: max(len(tokenize(word)) for word in choices) for name, choices in grammar.WORDS.items()}
    names = {"hero": 1, "friend": 1, "he": 1, "title": 3}
    assert max(longest(p, words | names) for group in grammar.NEUTRAL for p in group) <= LONGEST_SENTENCE
    opinion = {"film": 2, "A": 1, "B": 1, "A_clause": 2 + words["aspect"], "B_clause": 2 + words["aspect"]}
    opinion |= {"I": 1, "my": 1, "me": 1, "aspect": words["aspect"]}
    longest_opinion = max(longest(pattern, opinion) for rule in grammar.RULES.values() for pattern, _ in rule)
    own = chain.from_iterable(grammar.OWN.values())
    assert max(longest(frame, {"opinion": longest_opinion}) for frame in own) <= LONGEST_OPINION
    allowed = data.SyntheticReviewsParams.model_fields["max_tokens"].metadata
    assert any(getattr(limit, "ge", None) == LONGEST_OPINION + 2 * LONGEST_SENTENCE for limit in allowed)


def test_at_least_a_thousand_content_words_are_used(default: dict[str, pa.Table]) -> None:
    names = {name.lower() for kind in ("woman", "man", "town") for name in grammar.WORDS[kind]}
    used = {token for row in rows_of({"": default["train"]}) for token in tokenize(row["text"])}
    content = {token for token in used if token.replace("-", "").isalpha()} - names - ENGLISH_STOP_WORDS
    assert len(content) >= 1000


def test_every_rule_lets_each_of_its_two_opinions_decide() -> None:
    for rule, patterns in grammar.RULES.items():
        assert {decides for _, decides in patterns} == {"A", "B"}, rule
        assert all(pattern.index("{A") < pattern.index("{B") for pattern, _ in patterns), rule


def test_no_word_list_repeats_a_word_and_no_word_both_praises_and_blames() -> None:
    for name, words in grammar.WORDS.items():
        assert len(set(words)) == len(words), name
    judging = (*grammar.PRAISE, *grammar.BLAME, *grammar.PRAISE_VERBS, *grammar.BLAME_VERBS)
    assert len(set(judging)) == len(judging)


@pytest.mark.parametrize(("longest_ngram", "limit"), [(1, 0.60), (2, 0.80)])
def test_counting_phrases_does_not_tell_the_label(
    default: dict[str, pa.Table], longest_ngram: int, limit: float
) -> None:
    vectorizer = CountVectorizer(ngram_range=(1, longest_ngram), tokenizer=tokenize, token_pattern=None, min_df=2)
    train = vectorizer.fit_transform(default["train"]["text"].to_pylist())
    test = vectorizer.transform(default["test"]["text"].to_pylist())
    model = LogisticRegression(C=0.1, solver="liblinear").fit(train, default["train"]["label"].to_numpy())
    assert model.score(test, default["test"]["label"].to_numpy()) <= limit


@settings(max_examples=25, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "seed": st.integers(0, 2**32 - 1),
            "train_rows": st.integers(1, 12),
            "validation_rows": st.just(1),
            "test_rows": st.just(1),
            "rules": st.lists(st.sampled_from(get_args(data.Rule)), min_size=1, unique=True),
            "places": st.sampled_from([{"beginning": 1}, {"middle": 2}, {"end": 1}, {"beginning": 3, "end": 1}]),
            "attribution": st.sampled_from([{"before": 1}, {"after": 1}, {"before": 2, "after": 1}]),
            "decoys": st.integers(0, 10),
            "opposed_share": st.sampled_from([0.0, 0.5, 1.0]),
        }
    ),
    st.integers(80, 600),
    st.integers(1, 580),
)
def test_whatever_is_allowed_gives_what_was_asked(changes: dict[str, Any], max_tokens: int, min_tokens: int) -> None:
    min_tokens = min(min_tokens, max_tokens - LONGEST_SENTENCE)
    by_split = make(**changes, min_tokens=min_tokens, max_tokens=max_tokens)
    assert len(by_split["train"]) == changes["train_rows"]
    for row in rows_of(by_split):
        assert min_tokens <= len(tokenize(row["text"])) <= max_tokens
        assert row["rule"] in changes["rules"]
        assert row["place"] in changes["places"]
        assert row["attribution"] in changes["attribution"]
        assert row["tokens_before"] >= 0 <= row["tokens_after"]


def test_params_allow_the_rules_and_places_that_there_are() -> None:
    assert get_args(data.Rule) == tuple(grammar.RULES) == tuple(DEFAULTS["rules"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_tokens": 79}, "data.synthetic_reviews.max_tokens is 79; allowed: "),
        (
            {"min_tokens": 71},
            "data.synthetic_reviews.max_tokens is 90; with min_tokens of 71 it must be 91 or more",
        ),
        ({"train_rows": 0}, "data.synthetic_reviews.train_rows is 0; allowed: "),
        ({"rules": []}, "data.synthetic_reviews.rules is []; allowed: "),
        ({"rules": ["irony"]}, "data.synthetic_reviews.rules[0] is 'irony'; allowed: negation, contrast, "),
        ({"rules": ["choice", "choice"]}, "data.synthetic_reviews.rules names 'choice' more than once"),
        ({"places": {"begin": 1}}, "data.synthetic_reviews.places.begin is an unknown key; did you mean beginning?"),
        (
            {"places": {"beginning": 0, "middle": 0, "end": 0}},
            "data.synthetic_reviews.places.beginning, middle and end are all 0; one of them must be 1 or more",
        ),
        (
            {"attribution": {"before": 0, "after": 0}},
            "data.synthetic_reviews.attribution.before and after are both 0; one of them must be 1 or more",
        ),
        ({"decoys": 11}, "data.synthetic_reviews.decoys is 11; allowed: "),
        ({"opposed_share": 1.5}, "data.synthetic_reviews.opposed_share is 1.5; allowed: "),
    ],
)
def test_a_wrong_value_ends_in_one_line_that_names_it(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    content = {
        "data": {"name": "synthetic_reviews", "synthetic_reviews": changes},
        "variants": {"lstm": {"cell": "lstm"}},
        "compare": {"variants": ["lstm"], "seeds": [1], "baseline": "lstm"},
    }
    path = tmp_path / "params.yaml"
    path.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    with pytest.raises(ParamsError) as caught:
        params.load(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
