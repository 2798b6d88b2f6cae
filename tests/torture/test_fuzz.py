"""Many more examples of what the suite tries with few: params, data, archives and damaged files."""

import random
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.choices import TokenizerName
from core.errors import DataError
from tests.config.test_params import check_misspelling, check_value, keys, values
from tests.guarantees.conftest import finished, project
from tests.guarantees.project import Project
from tests.guarantees.test_bad_data import check_any_bytes, files
from tests.guarantees.test_files import READ_BY, check_damage, damage
from tests.text.test_archives import MAKERS, contents
from text.tokenizing.tokenizers import build_tokenizer

__all__ = ["finished", "project"]  # the fixtures

many: Any = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=20_000, **many)
@given(key=keys, value=values)
def test_any_value_of_any_key_is_taken_or_named(key: tuple[str, ...], value: Any) -> None:
    check_value(key, value)


@settings(max_examples=3_000, **many)
@given(key=keys, position=st.integers(0, 100), letter=st.characters(codec="ascii", exclude_categories=["Cc"]))
def test_any_misspelling_of_any_key_is_named(key: tuple[str, ...], position: int, letter: str) -> None:
    check_misspelling(key, position, letter)


@settings(max_examples=1_000, **many)
@given(file=files(), tokenizer=st.sampled_from(get_args(TokenizerName)))
def test_nearly_right_files_become_tokens_or_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: tuple[bytes, str], tokenizer: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    check_any_bytes(tmp_path, *file, tokenizer)


@settings(max_examples=5_000, **many)
@given(text=st.text(), name=st.sampled_from(["basic_english", "whitespace", "characters"]))
def test_any_text_becomes_tokens(text: str, name: Any) -> None:
    numbers, lengths = build_tokenizer(name, None)([text, text])
    assert lengths.sum() == len(numbers)
    assert lengths[0] == lengths[1]
    assert (numbers[: lengths[0]] == numbers[lengths[0] :]).all()


@pytest.mark.parametrize("make", MAKERS[:3], ids=lambda make: make.__name__)
def test_damaged_archives_are_whole_or_named(make: Any, tmp_path: Path) -> None:
    path = make(tmp_path)
    whole = path.read_bytes()
    for seed in range(1_000):
        damage(path, "cut" if seed % 2 else "flipped", random.Random(seed))
        try:
            contents(path)
        except DataError as error:
            assert "\n" not in str(error)
        path.write_bytes(whole)


@pytest.mark.parametrize("kind", ["cut", "flipped"])
@pytest.mark.parametrize("name", READ_BY)
def test_damaged_outputs_are_named(name: str, kind: str, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("DVC_ROOT", str(project.folder))
    for seed in range(20 if "raw" in name or "predictions" in name else 100):
        check_damage(project, name, kind, seed)
