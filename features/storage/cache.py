"""Arrays kept on disk from one run to the next, by the hash of what they were made from.

A cache saves time and nothing else: where it cannot be written, or its files are damaged, a warning
says so and the run goes on.
"""

import hashlib
import json
import os
import tempfile
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from io import BufferedRandom, BufferedReader
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
File = BufferedReader | BufferedRandom

SUFFIX, WRITING = ".arrays", ".arrays-writing"
DIGEST_BYTES = 32
LONGEST_WRITE = 3600.0  # seconds between two writes to a file


class Cache:
    """A folder of arrays, kept below a size by removing those not used for the longest time.

    Any number of processes may share the folder. A file appears under its name when all of it is on
    disk. It holds a BLAKE2b hash of its content, then the names as JSON and the arrays in NumPy's
    own format; nothing in it is run when it is read.

    Parameters
    ----------
    folder : Path
        Made when something is first put there. Files that are not the cache's are left alone.
    limit_bytes : int
        What all files together may take.
    sync : bool, default=True
        Wait until a file is on disk. Without it a loss of power may take files along, which are
        then found to be damaged.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = Cache(Path(folder), limit_bytes=1_000_000)
    ...     kept = cache.put("5eed", {"counts": np.arange(3)})
    ...     kept, cache.get("5eed"), cache.get("0dd")
    (True, {'counts': array([0, 1, 2])}, None)
    """

    def __init__(self, folder: Path, limit_bytes: int, *, sync: bool = True) -> None:
        self.folder, self.limit_bytes, self.sync = folder, limit_bytes, sync
        self._told = False  # that nothing can be kept: once is enough

    def keys(self, start: str) -> list[str]:
        """Return the keys that start so, in rising order; none where there is no folder."""
        with suppress(OSError):
            return sorted(path.stem for path in self.folder.glob(f"{start}*{SUFFIX}"))
        return []

    def get(self, key: str, *, mapped: bool = False) -> Arrays | None:
        """Return the arrays of a key, or None where there are none or not as they were put.

        Parameters
        ----------
        key : str
        mapped : bool
            Leave the arrays on disk, to be read where they are looked at; they cannot be changed.

        Raises
        ------
        ValueError
            The key has other characters than letters and digits.
        """
        path = self._path(key)
        try:
            with path.open("rb") as file:
                arrays = _read(file, mapped=mapped)
        except FileNotFoundError:
            return None
        except OSError as error:
            _warn(f"{path}: cannot be read ({error}). What it holds is computed again.")
            return None
        if arrays is None:
            _warn(f"{path}: damaged, and removed. What it held is computed again.")
            _remove(path)
            return None
        with suppress(OSError):  # of a folder that others own: the order of use is not kept
            os.utime(path)
        return arrays

    def put(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> bool:
        """Keep arrays under a key, if there is room and the folder can be written.

        Returns
        -------
        bool
            Whether they were kept; if not, a warning has said why.

        Raises
        ------
        ValueError
            The key has other characters than letters and digits, or an array holds Python objects.
        """
        path = self._path(key)
        for name, array in arrays.items():
            if array.dtype.hasobject:
                raise ValueError(f"The array {name!r} must hold numbers. Got {array.dtype}.")
        size = sum(array.nbytes for array in arrays.values())
        if size > self.limit_bytes:
            _warn(f"{path}: not kept, its {size:,} bytes pass the limit of {self.limit_bytes:,}.")
            return False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(size)
            self._write(path, arrays)
            self._make_room(0)
        except OSError as error:
            if not self._told:
                _warn(f"{path}: not kept ({error}). The run goes on without it.")
            self._told = True
            return False
        return True

    def _path(self, key: str) -> Path:
        if not (key.isascii() and key.isalnum()):
            raise ValueError(f"key must consist of letters and digits. Got {key!r} instead.")
        return self.folder / f"{key}{SUFFIX}"

    def _write(self, path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        handle, aside = tempfile.mkstemp(WRITING, "", self.folder)
        try:
            with os.fdopen(handle, "w+b") as file:
                _write(file, arrays)
                file.flush()
                if self.sync:
                    os.fsync(file.fileno())
            os.replace(aside, path)
        except BaseException:
            _remove(Path(aside))
            raise

    def _make_room(self, size: int) -> None:
        """Remove files, the longest unused first, until so many bytes more are within the limit.

        What another process is writing counts as well, and stays unless it was killed long ago.
        """
        total, removable = size, []
        for file in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another process was quicker
                status = file.stat()
                if not file.name.endswith((SUFFIX, WRITING)) or not S_ISREG(status.st_mode):
                    continue
                total += status.st_size
                if file.suffix == SUFFIX or status.st_mtime < time.time() - LONGEST_WRITE:
                    removable.append((status.st_mtime_ns, file.name, status.st_size))
        for _, name, length in sorted(removable):
            if total <= self.limit_bytes:
                return
            _remove(self.folder / name)
            total -= length


def _write(file: File, arrays: Mapping[str, NDArray[Any]]) -> None:
    file.write(bytes(DIGEST_BYTES))
    file.write(json.dumps(list(arrays)).encode() + b"\n")
    for array in arrays.values():
        np.save(file, array, allow_pickle=False)
    file.flush()
    digest = _digest(file)
    file.seek(0)
    file.write(digest)


def _read(file: File, *, mapped: bool) -> Arrays | None:
    """Return a file's arrays, or None where its content does not have the hash in it."""
    if file.read(DIGEST_BYTES) != _digest(file):
        return None
    file.seek(DIGEST_BYTES)
    names = json.loads(file.readline())
    return {name: _mapped(file) if mapped else np.load(file) for name in names}


def _mapped(file: File) -> NDArray[Any]:
    """Map the array that starts here, and go behind it. It outlasts the file's removal."""
    np.lib.format.read_magic(file)
    shape, in_columns, dtype = np.lib.format.read_array_header_1_0(file)
    start, order, size = file.tell(), "F" if in_columns else "C", int(np.prod(shape))
    if not size:  # nothing to map
        return np.empty(shape, dtype)
    array = np.memmap(file, dtype, "r", start, shape, order)  # type: ignore[call-overload]
    file.seek(start + size * dtype.itemsize)  # mapping goes elsewhere
    return array


def _digest(file: File) -> bytes:
    file.seek(DIGEST_BYTES)
    return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES)).digest()


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=3)
