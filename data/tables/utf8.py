"""Bytes as text: those that are no UTF-8, and lone surrogates, become U+FFFD and are counted."""

from __future__ import annotations

import codecs
import io

MARK = "\ufffd".encode()


def decoded(data: bytes) -> tuple[str, int]:
    r"""Decode bytes; also return how many U+FFFD stand for bad ones.

    >>> decoded(b"caf\xc3\xa9 \xff \xef\xbf\xbd")
    ('café � �', 1)
    """
    text = data.decode("utf-8", "replace")
    return text, text.count("\ufffd") - data.count(MARK)


def repair_surrogates(text: str) -> tuple[str, int]:
    r"""Join surrogate pairs and replace lone surrogates by U+FFFD; also return how many were lone.

    >>> repair_surrogates("\ud83d\ude00 \ude00")
    ('😀 �', 1)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        # UTF-16 is where surrogates live: its decoder joins the pairs and replaces the rest.
        fixed = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return fixed, fixed.count("\ufffd") - text.count("\ufffd")
    return text, 0


class BareBytes:
    """Bytes without the byte-order marks they begin with, and without one more byte.

    Parameters
    ----------
    raw : binary file
    without : int, optional
        Place of the byte to leave out, counted from the end of the marks.

    Attributes
    ----------
    marks : int
        Length of the marks, once something was read.
    """

    def __init__(self, raw: io.BufferedIOBase, without: int | None = None) -> None:
        self._raw = raw
        self._without = -1 if without is None else without
        self._place = -1
        self.marks = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, `size` or a few more if it is positive; b"" at the end."""
        data = self._raw.read(size) if self._place >= 0 else self._first()
        at = self._without - self._place
        self._place += len(data)
        if not 0 <= at < len(data):
            return data
        return data[:at] + data[at + 1 :] or self.read(size)

    def _first(self) -> bytes:
        self._place = 0
        while (data := self._raw.read(len(codecs.BOM_UTF8))) == codecs.BOM_UTF8:
            self.marks += len(data)
        return data


class Utf8Stream(io.TextIOBase):
    """UTF-8 bytes as text between `prefix` and `suffix`.

    Byte-order marks at the start are dropped, and bad bytes become U+FFFD. `replaced` counts them,
    which the text alone cannot tell from a U+FFFD of the file. The byte at `without` is left out,
    see `BareBytes`.
    """

    def __init__(
        self,
        raw: io.BufferedIOBase,
        prefix: str = "",
        suffix: str = "",
        *,
        without: int | None = None,
    ) -> None:
        self._bytes = BareBytes(raw, without)
        self._prefix = prefix
        self._suffix = suffix
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._tail = b""
        self.replaced = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int | None = -1) -> str:
        """Return the next piece of text, of about `size` bytes if positive; "" at the end."""
        text, self._prefix = self._prefix, ""
        data = b" "
        while not text and data:
            data = self._bytes.read(-1 if size is None else size)
            text = self._decoder.decode(data, final=not data)
            self._count(data, text)
        if not data:
            text, self._suffix = text + self._suffix, ""
        return text

    def _count(self, data: bytes, text: str) -> None:
        window = self._tail + data
        self.replaced += text.count("\ufffd") - window.count(MARK)
        self._tail = window[-2:]
