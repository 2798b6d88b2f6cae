import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DataError
from text.sources.archives import members, names

FILES = {
    "data/train.csv": b"text,label\na,1\n" * 1000,
    "data/test.csv": b"",
    "data/deep/er/notes.txt": b"\x00\xff\n\r\n",
}


def tar(path: Path, entries: list[tuple[tarfile.TarInfo, bytes]], compression: str = "gz") -> Path:
    with tarfile.open(path, f"w:{compression}") as archive:  # type: ignore[call-overload]
        for entry, content in entries:
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    result = tarfile.TarInfo(name)
    result.type, result.linkname = kind, target
    return result


def make_tar_gz(folder: Path) -> Path:
    return tar(folder / "data.tar.gz", [(entry(name), content) for name, content in FILES.items()])


def make_tar_xz(folder: Path) -> Path:
    return tar(folder / "data.tar.xz", [(entry(name), content) for name, content in FILES.items()], "xz")


def make_tar_bz2(folder: Path) -> Path:
    return tar(folder / "data.tar.bz2", [(entry(name), content) for name, content in FILES.items()], "bz2")


def make_tar_zst(folder: Path) -> Path:
    path = make_tar(folder)
    path.with_suffix(".tar.zst").write_bytes(zstd(path.read_bytes()))
    return path.with_suffix(".tar.zst")


def make_tar(folder: Path) -> Path:
    return tar(folder / "data.tar", [(entry(f"./{name}"), content) for name, content in FILES.items()], "")


def make_zip(folder: Path) -> Path:
    path = folder / "data.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("data")
        for name, content in FILES.items():
            archive.writestr(name, content)
    return path


def make_folder(folder: Path) -> Path:
    for name, content in FILES.items():
        (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tree" / name).write_bytes(content)
    return folder / "tree"


def make_folder_with_gzip(folder: Path) -> Path:
    file = make_folder(folder) / "data/train.csv"
    file.with_name("train.csv.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    return folder / "tree"


def make_zip_of_compressed_files(folder: Path) -> Path:
    path = folder / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/train.csv.zst", zstd(FILES["data/train.csv"]))
        archive.writestr("data/test.csv.gz", gzip.compress(FILES["data/test.csv"]))
        archive.writestr("data/deep/er/notes.txt.xz", lzma.compress(FILES["data/deep/er/notes.txt"]))
    return path


def zstd(content: bytes) -> bytes:
    written = pa.BufferOutputStream()
    with pa.CompressedOutputStream(written, "zstd") as stream:
        stream.write(content)
    return bytes(written.getvalue())


MAKERS = [
    *(make_tar_gz, make_tar, make_zip, make_folder, make_folder_with_gzip),
    *(make_tar_xz, make_tar_bz2, make_tar_zst, make_zip_of_compressed_files),
]
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zst": zstd,
}


def contents(path: Path) -> dict[str, bytes]:
    return {member.name: member.read() for member in members(path)}


@pytest.mark.parametrize("make", MAKERS)
def test_every_kind_gives_the_same_files(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    assert contents(path) == FILES
    assert sorted(names(path)) == sorted(FILES)


@pytest.mark.parametrize("make", MAKERS)
def test_only_wanted_files_are_given(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    found = [member.name for member in members(make(tmp_path), lambda name: name.endswith("train.csv"))]
    assert found == ["data/train.csv"]


@pytest.mark.parametrize("make", MAKERS)
def test_lines_and_a_file_to_read_twice_hold_the_same(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    assert {member.name: b"".join(member.lines()) for member in members(path)} == FILES
    for member in members(path):
        with member.file() as file:
            assert file.read() == FILES[member.name]
            file.seek(0)
            assert file.read() == FILES[member.name]


def test_a_single_file_is_a_member_with_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_bytes(b"text")
    assert contents(tmp_path / "reviews.csv") == {"reviews.csv": b"text"}


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_compression_around_a_single_file_is_taken_off(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"reviews.csv{suffix}").write_bytes(COMPRESSIONS[suffix](b"text" * 9))
    assert contents(tmp_path / f"reviews.csv{suffix}") == {"reviews.csv": b"text" * 9}
    (tmp_path / "download").write_bytes(COMPRESSIONS[suffix](b"text" * 9))
    assert contents(tmp_path / "download") == {"download": b"text" * 9}


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_a_compressed_file_that_was_cut_is_named(tmp_path: Path, suffix: str) -> None:
    whole = COMPRESSIONS[suffix](bytes(range(256)) * 9)
    (tmp_path / "reviews.csv").write_bytes(whole[: len(whole) - 20])
    with pytest.raises(DataError, match=r"reviews\.csv (is damaged|cannot be read)"):
        contents(tmp_path / "reviews.csv")


def test_what_begins_like_bzip2_may_be_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"BZh is no compression")
    assert contents(tmp_path / "a.txt") == {"a.txt": b"BZh is no compression"}


def test_excel_files_are_files_although_they_are_zips(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "")
    assert contents(tmp_path / "a.xlsx") == {"a.xlsx": (tmp_path / "a.xlsx").read_bytes()}


def test_the_content_tells_what_a_file_is_not_its_name(tmp_path: Path) -> None:
    assert contents(make_tar_gz(tmp_path).rename(tmp_path / "download")) == FILES


def test_hidden_files_are_no_data(tmp_path: Path) -> None:
    path = tar(tmp_path / "data.tar.gz", [(entry("._train.csv"), b"junk"), (entry("a/.DS_Store"), b"junk")])
    assert contents(path) == {}


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (entry("/etc/passwd"), "a path outside the folder"),
        (entry("data/../../passwd"), "a path outside the folder"),
        (entry("..\\passwd"), "a path outside the folder"),
        (entry("C:/passwd"), "a path outside the folder"),
        (entry("link", tarfile.SYMTYPE, "/etc/passwd"), "a link"),
        (entry("link", tarfile.LNKTYPE, "data/train.csv"), "a link"),
        (entry("device", tarfile.CHRTYPE), "not a plain file"),
        (entry("device", tarfile.BLKTYPE), "not a plain file"),
        (entry("pipe", tarfile.FIFOTYPE), "not a plain file"),
    ],
)
def test_a_tar_that_is_not_safe_is_refused(tmp_path: Path, bad: tarfile.TarInfo, fault: str) -> None:
    path = tar(tmp_path / "data.tar.gz", [(entry("data/train.csv"), b"text"), (bad, b"")])
    with pytest.raises(DataError, match=rf"data\.tar\.gz is refused: its member .* is {fault}; allowed:"):
        contents(path)


@pytest.mark.parametrize(
    ("name", "mode", "fault"),
    [
        ("/etc/passwd", stat.S_IFREG, "a path outside the folder"),
        ("data/../../passwd", stat.S_IFREG, "a path outside the folder"),
        ("link", stat.S_IFLNK, "a link"),
        ("device", stat.S_IFCHR, "not a plain file"),
    ],
)
def test_a_zip_that_is_not_safe_is_refused(tmp_path: Path, name: str, mode: int, fault: str) -> None:
    info = zipfile.ZipInfo(name)
    info.external_attr = (mode | 0o644) << 16
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr(info, b"/etc/passwd")
    with pytest.raises(DataError, match=rf"data\.zip is refused: its member .* is {fault}; allowed:"):
        contents(tmp_path / "data.zip")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1  # the flag in the last entry of the directory
    path.write_bytes(data)
    with pytest.raises(DataError, match="is encrypted"):
        contents(path)


@pytest.mark.parametrize("kind", [*COMPRESSIONS, "tar.gz", "tar.gz, skipped", "zip"])
def test_an_archive_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path: Path, kind: str) -> None:
    path, bomb = tmp_path / "bomb", bytes(5_000_000)
    if kind in COMPRESSIONS:
        path.write_bytes(COMPRESSIONS[kind](bomb))
    elif kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bomb", bomb)
    else:
        tar(path, [(entry("bomb"), bomb)])
    with pytest.raises(DataError, match="bomb is refused: it unpacks to more than"):
        for member in members(path, lambda _: "skipped" not in kind, floor=1000):
            member.read()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), make=st.sampled_from([make_tar_gz, make_tar, make_zip]))
def test_a_cut_archive_is_recognised(tmp_path: Path, data: st.DataObject, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    whole = path.read_bytes()
    # So much tells what it is; and behind the last member a plain tar holds nothing but padding.
    start, end = (512, whole.rindex(b"notes.txt") + 512) if make is make_tar else (4, len(whole))
    path.write_bytes(whole[: data.draw(st.integers(start, end - 1))])
    with pytest.raises(DataError, match="is damaged"):
        contents(path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), make=st.sampled_from([make_tar_gz, make_tar, make_zip]))
def test_a_flipped_bit_never_ends_in_a_traceback(
    tmp_path: Path, data: st.DataObject, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        found = contents(path)
    except DataError:
        return
    if make is make_tar_gz and position >= 10:  # behind gzip's header its checksum sees everything
        assert found == FILES
