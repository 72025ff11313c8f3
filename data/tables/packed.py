"""Compressed files and archives, known by their first bytes, whatever their name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from data.tables.chunk import DataError, shown

PACKED_SUFFIXES = (".gz", ".zst", ".bz2", ".xz", ".zip")
PACKED_ERRORS = (zipfile.BadZipFile, lzma.LZMAError, pa.ArrowException, zlib.error, EOFError)
_ZIP = b"PK\x03\x04"
_NO_DATA = ("__MACOSX/", ".")  # what a computer puts into an archive on its own
_WORKBOOK = "[Content_Types].xml"


class Rewound(io.RawIOBase):
    """Bytes that come in order; seeking backwards begins again.

    What derives from it says how they are read (`_read`), and how they begin (`_rewind`).
    """

    _place = 0

    def _rewind(self) -> None:
        self._place = 0

    def _read(self, size: int) -> bytes:
        raise NotImplementedError

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes, at most as many as the buffer holds; 0 at the end."""
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, counted from the beginning."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("such a file is read from its beginning")
        if offset < self._place:
            self._rewind()
        while self._place < offset and self.readinto(bytearray(min(offset - self._place, 1 << 20))):
            pass
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place


class _Zstandard(Rewound):
    """A zstd file, decompressed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rewind()

    def _rewind(self) -> None:
        self._file = pa.CompressedInputStream(pa.OSFile(str(self._path)), "zstd")
        super()._rewind()

    def _read(self, size: int) -> bytes:
        return bytes(self._file.read(size))

    def close(self) -> None:
        self._file.close()
        super().close()


def _zipped(path: Path) -> io.BufferedIOBase:
    archive = zipfile.ZipFile(path)
    return io.BufferedReader(archive.open(_member(path, archive)))  # type: ignore[type-var]


def _member(path: Path, archive: zipfile.ZipFile) -> str:
    """Return the name of the one file in an archive."""
    names = archive.namelist()
    if _WORKBOOK in names:
        raise DataError(f"{path.name}: found an Excel workbook. Save it as CSV in UTF-8.")
    files = [name for name in names if not name.startswith(_NO_DATA) and name[-1:] != "/"]
    if len(files) != 1:
        raise DataError(
            f"{path.name}: expected one file in the zip archive, found {len(files)} "
            f"({shown(', '.join(files))}). Unzip it, and name the file."
        )
    return files[0]


# First bytes → how such a file is opened.
_OPENERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"\x28\xb5\x2f\xfd": lambda path: io.BufferedReader(_Zstandard(path), 1 << 18),
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    _ZIP: _zipped,
}
_ARCHIVES = {b"7z\xbc\xaf\x27\x1c": "a 7z archive", b"Rar!": "a RAR archive"}
_TAR_PLACE, _TAR = 257, b"ustar"


def is_packed(path: Path) -> bool:
    """Whether a file's first bytes are those of a compressed one."""
    return _opener(path) is not None


def unpacked(path: Path) -> io.BufferedIOBase:
    """Open a file to read what is in it, decompressed where it is compressed; it can be sought.

    Raises
    ------
    DataError
        An archive that is not read, or a zip archive of several files.
    OSError
        The file cannot be opened.
    """
    opener = _opener(path)
    try:
        file = opener(path) if opener else path.open("rb")
        first = file.read(_TAR_PLACE + len(_TAR))
        file.seek(0)
    except (*PACKED_ERRORS, RuntimeError) as error:
        raise _broken(path, error) from error
    except OSError as error:
        if error.filename is not None or error.errno is not None:
            raise
        raise _broken(path, error) from error
    found = next((what for start, what in _ARCHIVES.items() if first.startswith(start)), None)
    if found or first[_TAR_PLACE:] == _TAR:
        file.close()
        raise DataError(f"{path.name}: found {found or 'a tar archive'}. Unpack it first.")
    return file


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path.name}: found a compressed file that cannot be unpacked ({error}). Copy or "
        "download it again."
    )


def _opener(path: Path) -> Callable[[Path], io.BufferedIOBase] | None:
    with path.open("rb") as file:
        try:
            start = file.read(max(map(len, _OPENERS)))
        except OSError as error:
            error.filename = str(path)  # which opening it tells, and reading does not
            raise
    return next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), None)


def inner_name(path: Path) -> str:
    """Return the name of what is in a file: of a zip archive that of the one file in it."""
    with path.open("rb") as file:
        zipped = file.read(len(_ZIP)) == _ZIP
    if not zipped:
        return bare_name(path.name)
    try:
        with zipfile.ZipFile(path) as archive:
            return bare_name(_member(path, archive))
    except zipfile.BadZipFile as error:
        raise _broken(path, error) from error


def bare_name(name: str) -> str:
    """Return a file's name in small letters without what says that it is compressed.

    >>> bare_name("Train.JSONL.zst")
    'train.jsonl'
    """
    name = name.lower()
    while name.endswith(PACKED_SUFFIXES):
        name = name.rpartition(".")[0]
    return name
