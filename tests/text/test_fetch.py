import gzip
import hashlib
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import fsspec
import pytest

from core.errors import DataError
from tests.text.conftest import Server
from text.sources import fetch as fetch_module

CONTENT = random.Random(0).randbytes(300_000)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"

fetch = partial(fetch_module.fetch, attempts=3, pause=0.0, timeout=5.0)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def kept_files(cache: Path) -> list[Path]:
    return [file for file in cache.rglob("*") if file.is_file() and file.suffix != ".lock"]


def test_a_local_path_stays_where_it_is(tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(CONTENT)
    assert fetch(str(file), cache) == fetch(f"file://{file}", cache) == file
    assert fetch(str(file), cache, SHA256) == file
    assert fetch(str(tmp_path), cache) == tmp_path
    assert not cache.exists()


@pytest.mark.parametrize("source", ["no/such/file.csv", "", "~nobody-of-this-name/data.csv", "x" * 5000, "a\0b"])
def test_a_path_that_is_not_there_is_named(cache: Path, source: str) -> None:
    with pytest.raises(DataError, match=r"^data\.source is '.*'; there is no such file or folder$"):
        fetch(source, cache)


@pytest.mark.parametrize("source", ["http://[::1", "http://", "https:///data.csv", "HTTP://:80"])
def test_an_address_that_is_none_is_named(cache: Path, source: str) -> None:
    with pytest.raises(DataError) as caught:
        fetch(source, cache)
    assert source.lower() in str(caught.value).lower()


@pytest.mark.parametrize("checksum", [None, "sha256:" + "0" * 64])
@pytest.mark.parametrize("source", ["/dev/zero", "{folder}/link.csv", "{folder}/pipe.csv", "file://{folder}/pipe.csv"])
def test_what_may_never_end_is_refused(source: str, checksum: str | None, tmp_path: Path, cache: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="a device, pipe or socket; allowed: files and folders"):
        fetch(source.format(folder=tmp_path), cache, checksum)


def test_a_relative_path_is_found_from_the_project_that_dvc_names(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.csv").write_bytes(CONTENT)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert fetch("data.csv", cache).read_bytes() == CONTENT


def test_a_local_file_with_another_checksum_is_refused(tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(b"other")
    found = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(DataError, match=rf"data\.csv has the checksum sha256:{found}; expected {SHA256}$"):
        fetch(str(file), cache, SHA256)


def test_a_folder_has_no_checksum(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(DataError, match=r"data\.checksum is given, but data\.source .* is a folder"):
        fetch(str(tmp_path), cache, SHA256)


@pytest.mark.parametrize("checksum", [None, SHA256, MD5])
def test_a_file_is_downloaded_once_and_then_taken_from_the_cache(
    server: Server, cache: Path, checksum: str | None
) -> None:
    server.files["folder/data.zip"] = CONTENT
    address = f"{server.address}/folder/data.zip"
    path = fetch(address, cache, checksum)
    assert path.name == "data.zip"
    assert path.read_bytes() == CONTENT
    assert fetch(address, cache, checksum) == path
    assert len(server.requests) == 1


def test_two_addresses_with_the_same_file_name_do_not_mix(server: Server, cache: Path) -> None:
    server.files |= {"a/data.csv": b"a", "b/data.csv": b"b"}
    assert [fetch(f"{server.address}/{name}", cache).read_bytes() for name in server.files] == [b"a", b"b"]


@pytest.mark.parametrize("damage", [CONTENT[:-1], CONTENT[:-1] + b"?", b""])
def test_a_damaged_file_in_the_cache_is_downloaded_again(server: Server, cache: Path, damage: bytes) -> None:
    server.files["data.zip"] = CONTENT
    address = f"{server.address}/data.zip"
    fetch(address, cache).write_bytes(damage)
    assert fetch(address, cache).read_bytes() == CONTENT


def test_a_cached_file_that_a_new_checksum_contradicts_is_downloaded_again(server: Server, cache: Path) -> None:
    server.files["data.zip"] = b"old version"
    address = f"{server.address}/data.zip"
    fetch(address, cache)
    server.files["data.zip"] = CONTENT
    assert fetch(address, cache, SHA256).read_bytes() == CONTENT


def test_an_empty_file_can_be_downloaded(server: Server, cache: Path) -> None:
    server.files["empty"] = b""
    assert fetch(f"{server.address}/empty", cache).read_bytes() == b""


@pytest.mark.parametrize("cut", [0, 1, 1000, len(CONTENT) - 1])
def test_an_interrupted_download_starts_again(server: Server, cache: Path, cut: int) -> None:
    server.files["data.zip"], server.cuts = CONTENT, [cut, cut]
    assert fetch(f"{server.address}/data.zip", cache).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_part_of_a_file_is_never_kept(server: Server, cache: Path) -> None:
    server.files["data.zip"], server.cuts = CONTENT, [10, 200_000, 10]
    with pytest.raises(DataError, match=r"/data\.zip: .*received 10 of 300000 bytes.*; gave up after 3 attempts$"):
        fetch(f"{server.address}/data.zip", cache)
    assert kept_files(cache) == []


def test_a_stalled_download_is_named(server: Server, cache: Path) -> None:
    server.files["data.zip"], server.stalls = CONTENT, [40_000]
    message = r"the server sent less than 32 KiB in 0\.2 seconds, after 40,000 bytes in all; gave up after 1 attempts$"
    with pytest.raises(DataError, match=message):
        fetch(f"{server.address}/data.zip", cache, attempts=1, timeout=0.2)
    assert kept_files(cache) == []


def test_compressed_files_stay_compressed(server: Server, cache: Path) -> None:
    """Some servers label an archive by the encoding that it has on the disk."""
    content = gzip.compress(CONTENT)
    server.files["data.tar.gz"], server.headers = content, {"Content-Encoding": "gzip"}
    assert fetch(f"{server.address}/data.tar.gz", cache).read_bytes() == content


def test_a_redirect_is_followed(server: Server, cache: Path) -> None:
    server.files["data.zip"], server.statuses = CONTENT, [302]
    server.headers = {"Location": "/data.zip?signature=hidden"}
    server.files["data.zip?signature=hidden"] = CONTENT
    assert fetch(f"{server.address}/data.zip", cache).read_bytes() == CONTENT
    server.statuses = [302, 403]
    with pytest.raises(DataError, match=r"/other\.zip: the server answered with HTTP status 403 \(Forbidden\)$"):
        fetch(f"{server.address}/other.zip", cache)


def test_a_missing_page_is_requested_once(server: Server, cache: Path) -> None:
    with pytest.raises(DataError, match=r"/none\.zip: the server answered with HTTP status 404 \(Not Found\)$"):
        fetch(f"{server.address}/none.zip", cache)
    assert len(server.requests) == 1


def test_a_transient_failure_of_the_server_is_tried_again(server: Server, cache: Path) -> None:
    server.files["data.zip"], server.statuses = CONTENT, [503, 429]
    assert fetch(f"{server.address}/data.zip", cache).read_bytes() == CONTENT


def test_a_lasting_failure_of_the_server_is_named(server: Server, cache: Path) -> None:
    server.statuses = [503, 503, 503]
    with pytest.raises(DataError, match=r"HTTP status 503 .*; gave up after 3 attempts"):
        fetch(f"{server.address}/data.zip", cache)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("7", [7.0, 7.0]), ("0", [2.0, 4.0]), ("999999", [60.0, 60.0]), ("Wed, 21 Oct 2026 07:28:00 GMT", [2.0, 4.0])],
)
def test_a_pause_is_as_long_as_the_server_asks_within_a_limit(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch, retry_after: str, seconds: list[float]
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(fetch_module, "sleep", pauses.append)
    server.files["data.zip"], server.statuses, server.headers = CONTENT, [503, 429], {"Retry-After": retry_after}
    assert fetch(f"{server.address}/data.zip", cache, pause=2.0).read_bytes() == CONTENT
    assert pauses == seconds


def test_a_web_page_is_no_data(server: Server, cache: Path) -> None:
    server.files["data.zip"] = b"\n<!DOCTYPE html><html><body>Please log in</body></html>"
    with pytest.raises(DataError, match=r"/data\.zip: the server sent a web page instead of the file$"):
        fetch(f"{server.address}/data.zip", cache)
    server.files["data.zip"] = CONTENT
    assert fetch(f"{server.address}/data.zip", cache).read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing_in_the_cache(server: Server, cache: Path) -> None:
    server.files["data.zip"] = b"something else"
    with pytest.raises(DataError, match=rf"/data\.zip has the checksum sha256:[0-9a-f]{{64}}; expected {SHA256}$"):
        fetch(f"{server.address}/data.zip", cache, SHA256)
    assert kept_files(cache) == []
    server.files["data.zip"] = CONTENT
    assert fetch(f"{server.address}/data.zip", cache, SHA256).read_bytes() == CONTENT


def test_a_server_that_is_not_there_is_named(cache: Path) -> None:
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:9/data\.zip: .*Cannot connect to host 127\.0\.0\.1:9"):
        fetch("http://127.0.0.1:9/data.zip", cache)


def test_passwords_and_queries_are_not_shown(cache: Path) -> None:
    with pytest.raises(DataError) as caught:
        fetch("http://someone:secret@127.0.0.1:9/data.zip?token=hidden", cache)
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_cache_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    server.files["data.zip"] = CONTENT
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DataError, match=r"file/.* cannot be written: Not a directory"):
        fetch(f"{server.address}/data.zip", file)


def test_several_at_once_download_a_file_once(server: Server, cache: Path) -> None:
    server.files["data.zip"] = CONTENT
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: fetch(f"{server.address}/data.zip", cache), range(8)))
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert len(server.requests) == 1


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    filesystem = fsspec.filesystem("memory")
    yield filesystem
    filesystem.store.clear()


def test_other_kinds_of_addresses_go_through_fsspec(memory: fsspec.AbstractFileSystem, cache: Path) -> None:
    memory.pipe("/bucket/data.csv", CONTENT)
    path = fetch("memory://bucket/data.csv", cache, SHA256)
    assert path.read_bytes() == CONTENT
    memory.rm("/bucket/data.csv")
    assert fetch("memory://bucket/data.csv", cache, SHA256) == path


def test_a_folder_comes_through_fsspec_whole(memory: fsspec.AbstractFileSystem, cache: Path) -> None:
    memory.pipe({"/bucket/data/train.csv": b"train", "/bucket/data/more/test.csv": b"test"})
    path = fetch("memory://bucket/data", cache)
    assert (path / "train.csv").read_bytes() == b"train"
    assert (path / "more/test.csv").read_bytes() == b"test"


def test_a_file_that_leads_out_of_its_folder_is_refused(
    memory: fsspec.AbstractFileSystem, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object store takes any name."""
    memory.pipe("/bucket/data/train.csv", b"train")
    monkeypatch.setattr(type(memory), "find", lambda *_: ["/bucket/data/train.csv", "/bucket/data/../../../evil.csv"])
    with pytest.raises(
        DataError, match=r"^memory://bucket/data: its file '.*evil\.csv' has a path outside the folder$"
    ):
        fetch("memory://bucket/data", cache)
    assert not list(tmp_path.rglob("*.csv"))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("memory://bucket/none.csv", r"^memory://bucket/none\.csv: there is no such file or folder$"),
        ("nosuchkind://data.csv", r"^nosuchkind://data\.csv: .*Protocol not known"),
        ("oci://bucket/data.csv", r"^oci://bucket/data\.csv: a package .* is not installed: .*ocifs"),
    ],
)
def test_what_fsspec_cannot_fetch_is_named(cache: Path, address: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fetch(address, cache)


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTM_VS_BILSTM_CACHE", "/somewhere")
    assert fetch_module.default_cache() == Path("/somewhere")
    monkeypatch.delenv("LSTM_VS_BILSTM_CACHE")
    assert fetch_module.default_cache() == Path.home() / ".cache/lstm-vs-bilstm"
