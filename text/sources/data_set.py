"""What the catalogue says of a data set: official files, licence, citation, splits, labels and parser."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import DataError
from text.sources import parsers
from text.sources.addresses import is_address
from text.sources.archives import is_archive_name
from text.sources.corpus import Document


@dataclass(frozen=True)
class File:
    """A file at its official address; `checksum` is `md5:…` or `sha256:…`; None: nobody published one."""

    address: str
    checksum: str | None

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.address.rpartition("/")[2]


@dataclass(frozen=True)
class DataSet:
    """A data set; `labels` maps the labels in its files to the names of the classes, and is empty if they are names.

    The one split of a data set without official splits is called all.
    """

    licence: str
    citation: str
    files: tuple[File, ...] = ()
    splits: Mapping[str, str] = field(default_factory=dict)  # split: name of its file or folder
    labels: Mapping[str, str] = field(default_factory=dict)
    parser: parsers.Parser | None = None  # None: custom, and generated data sets

    def label_names(self) -> list[str]:
        """The classes in the order of their indices; empty if only the data show them."""
        return list(self.labels.values())

    def sources(self, source: str | None, checksum: str | None) -> list[File]:
        """The files to download: the official ones, or those at the user's own `source`.

        Raises:
            DataError: `checksum` is given, but there are several files.
        """
        if source is None:
            return list(self.files)
        if len(self.files) > 1 and is_address(source) and not is_archive_name(urlsplit(source).path):
            # The data set has several files, so the address must be that of a folder with all of them.
            if checksum is not None:
                raise DataError(
                    f"data.checksum is given, but data.source {source!r} stands for {len(self.files)} files"
                )
            return [File(f"{source.rstrip('/')}/{file.name}", checksum) for file in self.files]
        return [File(source, checksum)]

    def parse(self, paths: Sequence[Path], unlabelled: bool) -> Iterator[Document]:
        """The documents in the downloaded `paths`."""
        assert self.parser is not None
        splits = {split: file for split, file in self.splits.items() if unlabelled or split != "unlabelled"}
        return self.parser(paths, splits, self.labels)
