"""Bytes as text: those that are no UTF-8 become U+FFFD, and are counted."""

from __future__ import annotations

import codecs
import io

_MARK = "\ufffd".encode()


def decoded(data: bytes) -> tuple[str, int]:
    r"""Decode bytes; also return how many U+FFFD stand for bad ones.

    >>> decoded(b"caf\xc3\xa9 \xff \xef\xbf\xbd")
    ('café � �', 1)
    """
    text = data.decode("utf-8", "replace")
    return text, text.count("\ufffd") - data.count(_MARK)


class Utf8Stream(io.TextIOBase):
    """UTF-8 bytes as text between `prefix` and `suffix`.

    The byte-order mark is dropped, and bad bytes become U+FFFD. `replaced` counts them, which the
    text alone cannot tell from a U+FFFD of the file.
    """

    def __init__(self, raw: io.BufferedIOBase, prefix: str = "", suffix: str = "") -> None:
        self._raw = raw
        self._prefix = prefix
        self._suffix = suffix
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._tail = b""
        self.replaced = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int | None = -1) -> str:
        """Return the next piece of text, of at most `size` bytes if positive; "" at the end."""
        text, self._prefix = self._prefix, ""
        data = b" "
        while not text and data:
            data = self._raw.read(-1 if size is None else size)
            text = self._decoder.decode(data, final=not data)
            self._count(data, text)
        if not data:
            text, self._suffix = text + self._suffix, ""
        return text

    def _count(self, data: bytes, text: str) -> None:
        window = self._tail + data
        self.replaced += text.count("\ufffd") - window.count(_MARK)
        self._tail = window[-2:]
