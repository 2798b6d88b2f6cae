"""params.yaml: what is right is read, what is wrong ends in one line that names the key."""

import copy
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from config.params import Params, load, parse
from config.train import TrainParams
from config.variants import VariantParams
from core.errors import ParamsError
from models import memory
from models.classifier import TextClassifier
from models.training.fit import build_trainer
from models.training.module import ClassifierModule

SHIPPED = Path(__file__).parents[2] / "params.yaml"


CONTENT: dict[str, Any] = YAML(typ="safe", pure=True).load(SHIPPED.read_text())


def shipped() -> dict[str, Any]:
    return copy.deepcopy(CONTENT)


def write(path: Path, content: Any) -> Path:
    with path.open("w") as file:
        YAML().dump(content, file)
    return path


def leaves(section: dict[str, Any], prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    paths = []
    for key, value in section.items():
        paths += leaves(value, (*prefix, key)) if isinstance(value, dict) else [(*prefix, key)]
    return paths


def changed(key: tuple[str, ...], value: Any) -> dict[str, Any]:
    content = shipped()
    section = content
    for part in key[:-1]:
        section = section[part]
    section[key[-1]] = value
    return content


def test_the_shipped_params_are_right_and_say_every_key_of_their_sections() -> None:
    params = load(SHIPPED)
    written = shipped()
    for name in ("data", "tokenize", "pretrain", "train", "compare", "tracking"):
        assert set(written[name]) == set(type(getattr(params, name)).model_fields)
    assert set(written["variants"]["lstm"]) == set(type(params.variants["lstm"]).model_fields)
    assert set(written) == set(Params.model_fields)


# What has no default: the data set, and what is compared.
REQUIRED = {
    *("data", "data.name", "variants", "variants.lstm.cell", "compare"),
    *("compare.variants", "compare.seeds", "compare.baseline"),
}


def documented(section: dict[str, Any], prefix: str = "") -> list[str]:
    """All keys of the shipped file, sections too, without the variants that are examples; lstm shows the defaults."""
    keys = []
    for key, value in section.items():
        if prefix != "variants." or key == "lstm":
            parts = isinstance(value, dict) and key != "space"  # whose keys are the user's own choice
            keys += [prefix + key, *(documented(value, f"{prefix}{key}.") if parts else [])]
    return [name for name in keys if name != "variants.lstm"]


@pytest.mark.parametrize("name", documented(CONTENT))
def test_what_is_left_out_has_the_value_that_the_shipped_params_show(name: str, tmp_path: Path) -> None:
    content = shipped()
    section = content
    *parents, key = name.split(".")
    for part in parents:
        section = section[part]
    del section[key]
    path = write(tmp_path / "params.yaml", content)
    if name in REQUIRED:
        with pytest.raises(ParamsError, match=rf"params\.yaml: {re.escape(name)} is missing"):
            load(path)
    else:
        assert load(path) == load(SHIPPED)


def test_what_a_variant_leaves_out_has_the_value_shown_for_lstm() -> None:
    variants = parse(shipped()).variants
    shown = variants["lstm"].model_dump()
    for name, written in shipped()["variants"].items():
        assert variants[name].model_dump() == {**shown, **written}


@pytest.mark.parametrize("called", [TextClassifier, ClassifierModule, build_trainer, memory.check])
def test_what_builds_and_trains_a_model_has_no_defaults_of_its_own(called: Callable[..., object]) -> None:
    names = {*TrainParams.model_fields, *VariantParams.model_fields}
    defaults = {
        name: argument.default for name, argument in inspect.signature(called).parameters.items() if name in names
    }
    assert defaults
    assert set(defaults.values()) == {inspect.Parameter.empty}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("variants.bilstm.pooling", "lsat", "variants.bilstm.pooling is 'lsat'; allowed: last, max, mean, attention"),
        (
            "variants.bilstm.pooling",
            ["max", "men"],
            "variants.bilstm.pooling is 'men'; allowed: last, max, mean, attention",
        ),
        (
            "variants.bilstm.pooling",
            ["max", "max"],
            "variants.bilstm.pooling is ['max', 'max']; allowed: different ones of",
        ),
        ("variants.bilstm.pooling", [], "variants.bilstm.pooling is []; allowed: different ones of last, max,"),
        ("variants.bilstm.segment", 0, "variants.bilstm.segment is 0; allowed: greater than or equal to 1"),
        (
            "variants.bad",
            {"cell": "lstm", "segment": 50, "pooling": ["last", "max"]},
            "variants.bad.pooling is ['last', 'max'], but segment is 50: the last state would have read the last piece "
            "alone; allowed with it: max, mean, attention",
        ),
        ("variants.bilstm.weight_drop", 1.0, "variants.bilstm.weight_drop is 1.0; allowed: less than 1"),
        ("train.averaging", "mean", "train.averaging is 'mean'; allowed: none, ema, swa"),
        (
            "train.batch_tokens",
            4000,
            "train.epochs is 'auto', which counts steps of train.batch_size documents; allowed",
        ),
        ("variants.bilstm.hidden_sise", 3, "variants.bilstm.hidden_sise is an unknown key; did you mean hidden_size?"),
        ("train.epochs", "4", "train.epochs is '4'; allowed: auto, or an integer from 1 to"),
        ("train.epochs", True, "train.epochs is True; allowed: auto, or an integer from 1 to"),
        ("train.learning_rate", float("nan"), "train.learning_rate is nan; allowed: a finite number"),
        ("train.batch_size", 0, "train.batch_size is 0; allowed: greater than or equal to 1"),
        ("train.precision", "16-mixed", "train.precision is '16-mixed', which needs a GPU"),
        (
            "train.adversarial.kind",
            "virtul",
            "train.adversarial.kind is 'virtul'; allowed: none, labelled, virtual, both",
        ),
        ("train.adversarial.radius", 0, "train.adversarial.radius is 0; allowed: greater than 0"),
        (
            "train.adversarial",
            {"kind": "virtual", "unlabelled_batch": 8},
            "train.adversarial.unlabelled_batch is 8, but data.unlabelled is false; allowed: 0, or data.unlabelled",
        ),
        (
            "train.adversarial",
            {"kind": "labelled", "unlabelled_batch": 8},
            "train.adversarial.unlabelled_batch is 8, but nothing reads these documents with train.adversarial.kind of",
        ),
        (
            "train",
            {"adversarial": {"kind": "labelled"}, "precision": "16-mixed", "accelerator": "gpu"},
            "train.precision is '16-mixed'; allowed with train.adversarial.kind of 'labelled': 32-true, tf32",
        ),
        (
            "variants.bilstm.embedding_normalization",
            "batch",
            "variants.bilstm.embedding_normalization is 'batch'; allowed: none, frequency",
        ),
        ("compare.variants", ["lstm", "bilsm"], "compare.variants[1] is 'bilsm'; allowed: lstm, bilstm"),
        ("compare.baseline", "gru", "compare.baseline is 'gru'; allowed: lstm, bilstm"),
        ("compare.seeds", [1, 1], "compare.seeds names 1 more than once"),
        ("compare.seeds", [], "compare.seeds is []; allowed: "),
        ("data.name", "imbd", "data.name is 'imbd'; allowed: synthetic_reviews, temporal_order, first_token, imdb"),
        ("data.name", "custom", "data.source is null; with data.name: custom it must name"),
        (
            "tokenize.tokenizer",
            "basic",
            "tokenize.tokenizer is 'basic'; allowed: auto, basic_english, whitespace, characters, sentencepiece",
        ),
        ("data.temporal_order.task", "6c", "data.temporal_order.task is '6c'; allowed: 6a, 6b"),
        ("data.temporal_order.length", 9, "data.temporal_order.length is 9; allowed: greater than or equal to 10"),
        (
            "data.text_column",
            0.5,
            "data.text_column is 0.5; allowed: null, a column's name or, where the files",
        ),
        ("data.text_column", ["a", 2], "data.text_column is ['a', 2]; allowed: null, a column's name or"),
        ("data.text_column", ["a", "a"], "data.text_column is ['a', 'a']; allowed: null, a column's name or"),
        ("data.text_column", [], "data.text_column is []; allowed: null, a column's name or"),
        ("data.label_column", 0, "data.label_column is 0; allowed: null, a column's name or"),
        ("data.label_column", True, "data.label_column is True; allowed: null, a column's name or"),
        (
            "data.label_column",
            ["a", "b"],
            "data.label_column is ['a', 'b']; allowed: null, a column's name or, where the files have no header, its "
            "number, counted from 1; join several columns into one in the file",
        ),
        (
            "data.encoding",
            "utf-16",
            "data.encoding is 'utf-16'; allowed: auto, utf-8, or an encoding of Python's that",
        ),
        ("data.folds", 2, "data.folds is 2; allowed: greater than or equal to 3"),
        ("data.clean", ["html", "url"], "data.clean[1] is 'url'; allowed: html, urls, users"),
        ("data.deduplicate", "train", "data.deduplicate is 'train'; allowed: none, test, all"),
        ("data.encoding", "no such", "data.encoding is 'no such'; allowed: auto, utf-8"),
        ("data.encoding", "rot13", "data.encoding is 'rot13'; allowed: auto, utf-8"),
        (
            "data.temporal_order.train_rows",
            10**9,
            "data.temporal_order.length is 100, in 1000004560 rows; allowed: 200000000 tokens in all, or 1818181 rows",
        ),
        ("data.first_token.test_rows", 10**9, "data.first_token.distractors is 100, in 1000004000 rows; allowed: 2000"),
        ("data.checksum", "md5:1", "data.checksum is 'md5:1'; allowed: null or sha256:<64 hex digits>"),
        ("variants.x y", {"cell": "rnn"}, "variants.x y has the name 'x y'; allowed: letters, digits"),
        ("variants.bad", {}, "variants.bad.cell is missing"),
        ("variants.bad", {"cell": "rnn", "layer_dropout": 0.5}, "variants.bad.layer_dropout is 0.5, but layers is 1"),
        (
            "variants.bad",
            {"cell": "gru", "forget_bias": 1.0},
            "variants.bad.forget_bias is 1.0, but cell is 'gru', which has no forget gate; allowed: null",
        ),
        (
            "variants.bad",
            {"cell": "rnn", "input_bias": -3.0},
            "variants.bad.input_bias is -3.0, but cell is 'rnn', which has no input gate; allowed: null",
        ),
        (
            "variants.bad",
            {"cell": "lstm", "initialization": "keras", "forget_bias": 2.0},
            "variants.bad.forget_bias is 2.0, but initialization is 'keras', which has its own; allowed with it: null",
        ),
        (
            "variants.bad",
            {"cell": "gru", "initialization": "keras", "recurrent_init": "orthogonal"},
            "variants.bad.recurrent_init is 'orthogonal', but initialization is 'keras', which has its own; "
            "allowed with it: uniform",
        ),
        (
            "variants.bilstm.recurrent_init",
            "orthogonl",
            "variants.bilstm.recurrent_init is 'orthogonl'; allowed: uniform, orthogonal",
        ),
        ("trian", {}, "trian is an unknown key; did you mean train?"),
        ("data", None, "data is None; allowed: "),
    ],
)
def test_a_mistake_is_named_with_what_was_found_and_what_is_allowed(
    key: str, value: Any, message: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "params.yaml", changed(tuple(key.split(".")), value))
    with pytest.raises(ParamsError) as raised:
        load(path)
    assert f"params.yaml: {message}" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: [", "is not valid YAML"),
        ("a: 1\na: 2", "is not valid YAML"),
        ("", "holds no sections; it must have data, tokenize"),
        ("- 1", "holds no sections"),
        ("\x00", "is not valid YAML"),
    ],
)
def test_a_file_that_is_no_params_file_is_refused_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError, match=message) as raised:
        load(path)
    assert "\n" not in str(raised.value)


# Written out these lists would have 2**60 entries.
ALIASES = ", ".join(["&a0 [x]", *(f"&a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))])


@pytest.mark.parametrize(
    ("epochs", "message"),
    [
        ("[" * 3000 + "]" * 3000, "is not valid YAML: its brackets or keys are nested too deeply"),
        ("{a: " * 3000 + "}" * 3000, "is not valid YAML: its brackets or keys are nested too deeply"),
        (f"[{ALIASES}]", r"train.epochs is \[\['x'\], \[\['x'\], \['x'\]\], .*; allowed: auto, or an integer"),
        ("&a [*a]", r"train.epochs is \[\[\[\[...\]\]\]\]; allowed: auto, or an integer"),
        ("0x" + "f" * 10_000, "train.epochs is a number with thousands of digits; allowed: auto, or an integer"),
        ("9" * 10_000, "is not valid YAML: Exceeds the limit"),
        ("1e999999999", "train.epochs is inf; allowed: auto, or an integer"),
        ("2020-01-01", r"train.epochs is datetime.date\(2020, 1, 1\); allowed: auto, or an integer"),
        ("!!python/object/apply:os.system [true]", "is not valid YAML: could not determine a constructor"),
        (f"1\n  ? {'k' * 100_000}\n  : 1", r"train\.k{71}\.\.\. is an unknown key; allowed: epochs, "),
        ("1\n  1: 2", r"train.1 is an unknown key|train\[1\] is 1; allowed: keys should be strings"),
    ],
)
def test_what_yaml_can_hold_and_params_cannot_is_refused_in_one_short_line(
    epochs: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(re.sub(r"(?m)^  epochs: auto  ", lambda _: f"  epochs: {epochs}  ", SHIPPED.read_text()))
    with pytest.raises(ParamsError, match=message) as raised:
        load(path)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 800


def test_merge_keys_are_read(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    text = SHIPPED.read_text()
    for name in ("lstm", "bilstm"):
        text = re.sub(rf"(?m)^  {name}:", rf"  {name}: &{name}", text)
    path.write_text(text.replace("\ntrain:", "\n  small: {<<: [*lstm, *bilstm], hidden_size: 3}\ntrain:"))
    variants = load(path).variants
    assert variants["small"] == variants["lstm"].model_copy(update={"hidden_size": 3})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"params.yaml is missing"):
        load(tmp_path / "params.yaml")


def test_scientific_notation_is_a_number_as_it_is_for_dvc(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(SHIPPED.read_text().replace("learning_rate: 0.003", "learning_rate: 3e-3"))
    assert load(path).train.learning_rate == 0.003


EXTREMES: list[Any] = [
    *(0, -1, 1, 2**31, 2**32, 2**63, 2**64, 10**30, -(10**30), 10**400),
    *(0.0, -0.0, 1.0, 1e308, 5e-324, float("inf"), float("-inf"), float("nan")),
    *("", " ", "null", "1", "x" * 100_000, "a\nb", "a\x00b", "\ud800", "../x", "; touch x", "$(touch x)", "\u202eabc"),
    *([], [[]], {}, {"": None}, [None], ["lstm", "lstm"], [1, 1], [2**64], {"lstm": {}}, {1: 2}, True, False, None),
]
values = st.one_of(
    st.sampled_from(EXTREMES),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_subnormal=False),  # some test in this process may have switched them off
    st.text(max_size=20),
    st.lists(st.one_of(st.integers(), st.text(max_size=5), st.none()), max_size=3),
    st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), st.integers(), max_size=2),
)
keys = st.sampled_from(leaves(shipped()))
sections = st.sampled_from(sorted({key[:-1] for key in leaves(shipped())} - {()}))


def check_value(key: tuple[str, ...], value: Any) -> None:
    """Whether the value is taken as it is, or refused in a line that names the key."""
    try:
        params = parse(changed(key, value))
    except ParamsError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 500
        assert key[-1] in str(error) or key[0] in str(error)
    else:
        section: Any = params.model_dump()
        for part in key:
            section = section[part]
        assert (
            section in (value, float(value)) if type(value) is int else section == value
        )  # nothing was bent into shape or replaced by a default


def check_misspelling(key: tuple[str, ...], position: int, letter: str) -> None:
    """Whether an unknown key is refused by its name; `position` says which letter of a real one is another."""
    name = key[-1]
    wrong = name[: position % len(name)] + letter + name[position % len(name) + 1 :]
    section: Any = shipped()
    for part in key[:-1]:
        section = section[part]
    if wrong in section or key[:-1] == ("variants",):
        return
    with pytest.raises(ParamsError) as raised:
        parse(changed((*key[:-1], wrong), section[name]))
    assert "\n" not in str(raised.value)
    assert f"{'.'.join((*key[:-1], wrong))} is an unknown key" in str(raised.value)


@pytest.mark.parametrize("key", leaves(shipped()), ids=".".join)
def test_every_extreme_of_every_key_is_taken_or_named(key: tuple[str, ...]) -> None:
    for value in EXTREMES:
        check_value(key, value)


@settings(max_examples=600, deadline=None)
@given(key=keys, value=values)
def test_any_value_of_any_key_is_taken_or_named(key: tuple[str, ...], value: Any) -> None:
    check_value(key, value)


@settings(max_examples=300, deadline=None)
@given(key=keys, position=st.integers(0, 100), letter=st.sampled_from("abcdefghijklmnopqrstuvwxyz_"))
def test_any_misspelling_of_any_key_is_named(key: tuple[str, ...], position: int, letter: str) -> None:
    check_misspelling(key, position, letter)


@settings(max_examples=100, deadline=None)
@given(section=sections, value=values)
def test_any_value_in_the_place_of_a_section_is_taken_or_named(section: tuple[str, ...], value: Any) -> None:
    try:
        parse(changed(section, value))
    except ParamsError as error:
        assert "\n" not in str(error)
        assert section[0] in str(error)


@settings(max_examples=300, deadline=None)
@given(content=st.one_of(st.text(max_size=300), st.binary(max_size=300)))
def test_any_file_is_refused_in_one_line(content: str | bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("params") / "params.yaml"
    path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    with pytest.raises(ParamsError) as raised:
        load(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["temporal_order", "first_token"])
def test_symbols_of_generated_sequences_stay_what_they_are(name: str) -> None:
    content = shipped()
    content["data"]["name"] = name
    for tokenizer in ("auto", "whitespace"):
        content["tokenize"] = {"tokenizer": tokenizer}
        assert parse(content).tokenize.tokenizer == tokenizer
    for tokenizer in ("basic_english", "characters", "sentencepiece"):
        content["tokenize"] = {"tokenizer": tokenizer}
        with pytest.raises(ParamsError) as raised:
            parse(content)
        assert f"tokenize.tokenizer is '{tokenizer}'; allowed with data.name {name}: auto, whitespace" in str(
            raised.value
        )


def test_text_and_label_columns_are_all_names_or_all_numbers() -> None:
    content = changed(("data", "text_column"), ["title", "body"])
    content["data"]["label_column"] = 3
    message = (
        r"data.label_column is 3, but data.text_column is \['title', 'body'\]; both must be names, or both numbers"
    )
    with pytest.raises(ParamsError, match=message):
        parse(content)
    content["data"]["label_column"] = "body"
    with pytest.raises(
        ParamsError, match=r"data.label_column is 'body', which is also in data.text_column; they must differ"
    ):
        parse(content)


def test_each_fold_needs_as_many_seeds() -> None:
    content = shipped()
    content["data"] |= {"name": "cr", "folds": 3}
    for seeds in ([1, 2, 3], [4, 2, 6], [1, 2, 3, 4, 5, 6], [0, 1, 2]):
        content["compare"]["seeds"] = seeds
        assert parse(content).compare.seeds == seeds
    for seeds in ([1], [1, 2, 4], [1, 2, 3, 4]):
        content["compare"]["seeds"] = seeds
        with pytest.raises(ParamsError, match=r"compare\.seeds is \[.*\], but with data\.folds of 3 each fold needs"):
            parse(content)


SETTINGS_MISTAKES: list[tuple[dict[str, Any], str]] = [
    (
        {"tuning": {"space": {"learning_rat": [1, 2]}}},
        "compare.tuning.space.learning_rat is an unknown key; did you mean learning_rate? allowed: batch_size,",
    ),
    ({"tuning": {"space": {"cell": ["rnn", "gru"]}}}, "compare.tuning.space.cell is an unknown key; "),
    ({"tuning": {"space": {"epochs": [1, 2]}}}, "compare.tuning.space.epochs is an unknown key; "),
    (
        {"tuning": {"space": {}}},
        "compare.tuning.space is {}; allowed: keys of train and variants, each with its values",
    ),
    ({"tuning": {"space": {"pooling": ["max"]}}}, "compare.tuning.space.pooling is ['max']; allowed: a list of two or"),
    ({"tuning": {"space": {"pooling": ["max", "max"]}}}, "compare.tuning.space.pooling is ['max', 'max']; allowed: a"),
    (
        {"tuning": {"space": {"weight_decay": {"low": 0, "high": 1, "log": True}}}},
        "compare.tuning.space.weight_decay is",
    ),
    ({"tuning": {"space": {"weight_decay": {"low": 1, "high": 1}}}}, "compare.tuning.space.weight_decay is"),
    ({"tuning": {"trials": 1, "space": {"pooling": ["max", "men"]}}}, "compare.tuning.space has a setting that lstm"),
    (
        {"tuning": {"trials": 1, "space": {"pooling": {"low": 1, "high": 2}}}},
        "compare.tuning.space.pooling is a range;",
    ),
    (
        {"tuning": {"trials": 1, "space": {"batch_size": {"low": 1.5, "high": 8}}}},
        "compare.tuning.space has a setting that lstm cannot have: batch_size is 1.5; allowed: integer",
    ),
    (
        {"tuning": {"trials": 1, "space": {"layers": [1, 2], "layer_dropout": [0.0, 0.1]}}},
        "compare.tuning.space has a setting that lstm cannot have: layer_dropout is 0.1, but layers is 1; it needs",
    ),
    (
        {"tuning": {"trials": 1, "space": {"hidden_size": [32, 64]}}, "matching": "parameters"},
        "compare.tuning.space names hidden_size, but compare.matching is 'parameters', which chooses the hidden size;",
    ),
    (
        {"tuning": {"trials": 1, "space": {"pooling": ["max", ["max", "mean"]]}}, "matching": "parameters"},
        "compare.tuning.space names pooling, but compare.matching is 'parameters', which chooses the hidden size;",
    ),
    (
        {"tuning": {"trials": 1, "repeats": 2}},
        "compare.tuning.repeats is 2; allowed: 1, or 3, the number of compare.seeds",
    ),
    ({"tuning": {"epochs": 0}}, "compare.tuning.epochs is 0; allowed: null, auto, or an integer from 1 to 1000000"),
    ({"tuning": {"trails": 2}}, "compare.tuning.trails is an unknown key; did you mean trials?"),
    ({"settings": {"pooling": "max"}}, "compare.settings is {'pooling': 'max'}; allowed: a list of settings such as"),
    ({"settings": [{"pooling": "max"}, {}]}, "compare.settings is [{'pooling': 'max'}, {}]; allowed: a list of"),
    ({"settings": [{"poolin": "max"}]}, "compare.settings[0].poolin is an unknown key; did you mean pooling?"),
    (
        {"settings": [{"pooling": "x"}]},
        "compare.settings[0] is a setting that lstm cannot have: pooling is 'x'; allowed:",
    ),
    (
        {"settings": [{"pooling": "max"}] * 2},
        "compare.settings names {'pooling': 'max'} more than once; each may occur",
    ),
    (
        {"settings": [{"single_bias": True}], "matching": "parameters"},
        "compare.settings[0] has single_bias: true, but compare.matching is 'parameters', which chooses the hidden",
    ),
    (
        {"settings": [{"layers": 2}], "matching": "parameters"},
        "compare.settings[0] has layers: 2, but compare.matching is 'parameters', which chooses the hidden size;",
    ),
    (
        {"settings": [{"averaging": "swa", "early_stopping": 3}]},
        "compare.settings[0] is a setting that lstm cannot have: train.averaging is 'swa'",
    ),
    (
        {"tuning": {"space": {"learning_rate": {"low": 1, "high": 10**400}}}},
        "compare.tuning.space.learning_rate is {'high': 1000",
    ),
]


def test_epochs_that_count_batches_of_documents_are_refused_where_batches_of_tokens_are_tried() -> None:
    content = changed(("train", "epochs"), 3)
    content["compare"]["tuning"] = {"trials": 1, "epochs": "auto", "space": {"batch_tokens": [1000, 2000]}}
    with pytest.raises(ParamsError, match=r"compare.tuning.epochs is 'auto', which counts steps of train.batch_size"):
        parse(content)


def test_the_number_of_devices_is_named_with_what_is_allowed() -> None:
    with pytest.raises(ParamsError, match=r"^params.yaml: train.devices is 'two'; allowed: auto, or an integer from 1"):
        parse(changed(("train", "devices"), "two"))


@pytest.mark.parametrize(("compare", "message"), SETTINGS_MISTAKES)
def test_a_setting_that_cannot_be_trained_is_named_before_anything_runs(compare: dict[str, Any], message: str) -> None:
    content = shipped()
    content["compare"] |= compare
    with pytest.raises(ParamsError, match="^" + re.escape(f"params.yaml: {message}")):
        parse(content)


@pytest.mark.parametrize("more", [{"settings": [{"pooling": "mean"}]}, {"tuning": {"trials": 1}}])
def test_settings_are_trained_on_one_device_each(more: dict[str, Any]) -> None:
    content = changed(("train", "devices"), 2)
    content["compare"] |= more
    with pytest.raises(ParamsError, match=r"train.devices is 2 and train.num_nodes 1; allowed with compare\."):
        parse(content)


def test_in_a_cross_validation_each_fold_needs_a_search_of_its_own() -> None:
    content = shipped()
    content["data"] |= {"name": "cr", "folds": 3}
    content["compare"] |= {"settings": [{"pooling": "mean"}], "tuning": {"trials": 1}}
    with pytest.raises(ParamsError, match=r"compare.tuning.repeats is 1; allowed with data.folds: 3, the number of"):
        parse(content)
    content["compare"]["tuning"]["repeats"] = 3
    assert parse(content).compare.tuning.repeats == 3


def test_a_space_that_is_not_searched_need_not_suit_the_variants() -> None:
    content = changed(("compare", "tuning"), {"space": {"layers": [1, 2], "layer_dropout": [0.0, 0.1]}})
    assert parse(content).compare.tuning.trials == 0


def test_words_and_pairs_are_compared_beside_the_same_variant_without_them() -> None:
    content = shipped()
    content["variants"]["wide"] = {"cell": "lstm", "bidirectional": True, "ngrams": True}
    content["compare"]["variants"] = ["lstm", "wide"]
    with pytest.raises(
        ParamsError, match=r"compare.variants\[1\] is 'wide', which has ngrams: true; allowed with the same"
    ):
        parse(content)

    content["compare"]["variants"] = ["lstm", "bilstm", "wide"]
    assert parse(content).variants["wide"].ngrams


def test_a_space_replaces_the_values_of_a_variant_that_its_own_would_conflict_with() -> None:
    content = shipped()
    space = {"segment": [None, 50], "pooling": ["max", "mean"]}  # the variant's own pooling is last
    content["compare"] |= {"variants": ["textbook_lstm"], "baseline": "textbook_lstm", "seeds": [1, 2, 3]}
    content["compare"]["tuning"] = {"trials": 1, "space": space}
    assert set(parse(content).compare.tuning.space) == set(space)
    content["compare"]["tuning"] = {"trials": 1, "space": {"segment": [None, 50]}}
    with pytest.raises(ParamsError, match=r"textbook_lstm cannot have: pooling is 'last', but segment is 50"):
        parse(content)


def test_averages_of_the_last_steps_are_refused_where_weights_begin_to_learn_late() -> None:
    with pytest.raises(ValueError, match=r"train.averaging is 'swa', .* train.unfreeze of 2; allowed with it: none"):
        TrainParams.model_validate({"averaging": "swa", "unfreeze": 2})


def test_what_needs_a_known_number_of_steps_is_refused_where_a_training_may_end_early() -> None:
    limited = {"max_seconds": 60.0, "schedule": "constant"}
    for limit in (limited, {"early_stopping": 3}):
        with pytest.raises(ValueError, match=r"train.averaging is 'swa', the mean of the last quarter of all steps"):
            TrainParams.model_validate({**limit, "averaging": "swa"})
    assert TrainParams.model_validate({**limited, "averaging": "ema", "batch_tokens": 4000}).epochs_for(9, 2) == 10**6
