"""Files of text as UTF-8 bytes, whatever they are encoded in and however quotes are escaped."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, cast

from data.tables.chunk import DataError
from data.tables.encodings import order_of_bytes
from data.tables.packed import Rewound, unpacked
from data.tables.utf8 import MARK

Recode = Callable[[bytes], bytes]  # a block, b"" at the end → what it is read as
_BLOCK = 1 << 20
_LOOKED_AT = 512  # bytes of its beginning
_BAD = b"\xff"  # stands nowhere in UTF-8: it is repaired and counted where text is decoded
_ESCAPED = re.compile(rb'\\(["\\])')
# Longer marks first: that of UTF-32 begins as that of UTF-16.
_BOMS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8",
}
_ORDERED = ("utf-16", "utf-32")  # of which Python decodes nothing without a mark of the order


class TextFile(NamedTuple):
    r"""A file of text, and how it is read.

    Attributes
    ----------
    path : Path
    encoding : str, optional
        By default UTF-8. A byte-order mark tells more than this does.
    escaped : bool
        Whether quotes in quoted cells of a CSV file are written ``\"``, as Spark does.
    """

    path: Path
    encoding: str | None = None
    escaped: bool = False

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.path.name

    def open(self) -> io.BufferedIOBase:
        """Open it, decompressed, as the UTF-8 bytes of a table that doubles quotes."""
        raw = unpacked(self.path)
        encoding = self._encoding(raw)
        if encoding is not None:
            raw = _recoded(raw, lambda: _to_utf8(encoding))
        return _recoded(raw, _doubling) if self.escaped else raw

    def bytes(self) -> io.BufferedIOBase:
        """Open it, decompressed, as it stands."""
        return unpacked(self.path)

    def read_as(self) -> str | None:
        """Return the encoding that it is read from; None where that is UTF-8."""
        with unpacked(self.path) as raw:
            return self._encoding(raw)

    def _encoding(self, raw: io.BufferedIOBase) -> str | None:
        first = raw.read(_LOOKED_AT)
        raw.seek(0)
        marked = next((name for mark, name in _BOMS.items() if first.startswith(mark)), None)
        if marked is None and self.encoding in _ORDERED:
            order = order_of_bytes(first) or "utf-16-le"  # the order of most machines
            return order.replace("utf-16", self.encoding)
        found = marked or self.encoding or "utf-8"
        return None if codecs.lookup(found).name in ("utf-8", "utf-8-sig") else found


def known_encoding(name: str) -> str:
    """Return the name that Python has for an encoding.

    >>> known_encoding("GBK"), known_encoding("Windows-1252")
    ('gbk', 'cp1252')

    Raises
    ------
    DataError
        There is none of this name.
    """
    try:
        b"a".decode(name, "replace")
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise DataError(
            f"--encoding {name}: no such encoding. Expected a name that Python knows, such as "
            "utf-8, gb18030, big5, shift_jis, euc-kr, cp1251, cp1252, utf-16."
        ) from None


class _Recoded(Rewound):
    """What a file is read as, block by block."""

    def __init__(self, source: io.BufferedIOBase, begin: Callable[[], Recode]) -> None:
        self._source, self._begin = source, begin
        self._rewind()

    def _rewind(self) -> None:
        self._source.seek(0)
        self._recode, self._ready, self._ended = self._begin(), memoryview(b""), False
        super()._rewind()

    def _read(self, size: int) -> bytes:
        while not self._ready and not self._ended:
            block = self._source.read(_BLOCK)
            self._ended = not block
            self._ready = memoryview(self._recode(block))
        found, self._ready = bytes(self._ready[:size]), self._ready[size:]
        return found

    def close(self) -> None:
        """Close the file that is read."""
        self._source.close()
        super().close()


def _recoded(source: io.BufferedIOBase, begin: Callable[[], Recode]) -> io.BufferedIOBase:
    return cast(io.BufferedIOBase, io.BufferedReader(_Recoded(source, begin), _BLOCK))


def _to_utf8(encoding: str) -> Recode:
    """Return what decodes one block after the other."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    # U+FFFD may stand in a Unicode text as such; in any other it can only be what was replaced.
    unicode = codecs.lookup(encoding).name.startswith("utf")

    def recode(block: bytes) -> bytes:
        data = decoder.decode(block, final=not block).encode("utf-8", "surrogatepass")
        return data if unicode else data.replace(MARK, _BAD)

    return recode


def _doubling() -> Recode:
    r"""Return what doubles escaped quotes, block by block.

    >>> recode = _doubling()
    >>> recode(b'"say \\"hi\\\\ \\'), recode(b'", x\\n"'), recode(b"")
    (b'"say ""hi\\ ', b'"", x\\n"', b'')
    """
    rest = b""

    def recode(block: bytes) -> bytes:
        nonlocal rest
        data, rest = rest + block, b""
        if block and (len(data) - len(data.rstrip(b"\\"))) % 2:  # what it escapes comes next
            data, rest = data[:-1], b"\\"
        return _ESCAPED.sub(lambda found: b'""' if found[1] == b'"' else b"\\", data)

    return recode
