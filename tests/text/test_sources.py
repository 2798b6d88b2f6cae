from pathlib import Path

import pytest

from text.sources.addresses import is_address, local_content, local_path


def test_what_a_local_source_holds_follows_its_content_and_not_its_times_or_place(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder / "data").mkdir(parents=True)
        (tmp_path / folder / "data" / "train.csv").write_text("text,label\n", encoding="utf-8")
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    assert local_content(one) == local_content(other)
    (tmp_path / "other" / "data" / "train.csv").rename(tmp_path / "other" / "data" / "test.csv")
    assert local_content(one) != local_content(other)
    file = tmp_path / "one" / "data" / "train.csv"
    before = local_content(str(file))
    file.write_text("text;label\n", encoding="utf-8")
    assert local_content(str(file)) != before


def test_a_local_address_is_a_local_path_that_is_watched(tmp_path: Path) -> None:
    file = tmp_path / "a b%20.csv"
    file.write_text("text,label\n", encoding="utf-8")
    for source in (f"file://{file}", f"FILE://{file}", f"local://{file}"):
        assert not is_address(source)
        assert local_path(source) == file
        assert local_content(source) == local_content(str(file)) is not None


@pytest.mark.parametrize("source", [None, "", "no/such/file", "https://host/data.csv", "memory://data", "x" * 5000])
def test_there_is_nothing_to_watch_where_nothing_is_local(source: str | None) -> None:
    assert local_content(source) is None


def test_a_relative_path_is_meant_from_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.csv").touch()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert local_path("data.csv") == tmp_path / "data.csv"
