"""Whether a CSV file escapes quotes by a backslash, as Spark does, where others double them."""

from __future__ import annotations

import re

from data.tables.packed import PACKED_ERRORS
from data.tables.quotes import Quotes, scan
from data.tables.texts import TextFile

_BLOCK = 1 << 20
_SHARE = 100  # one in so many may be otherwise
_PAIRS = re.compile(rb'\\[\\"]')
_DOUBLED = re.compile(rb'[^,\r\n"]""(?!")|(?<!")""[^,\r\n"]')


def is_escaped(file: TextFile, quotes: Quotes) -> bool:
    r"""Whether a whole file escapes quotes by a backslash: only then are its rows whole.

    Parameters
    ----------
    file : TextFile
        Of which quotes are missing, or one too many, as long as they are taken to be doubled.
    quotes : Quotes
        What was found in it so.

    Returns
    -------
    bool
        True where rows are whole (at least 99 in 100 of those that are not) if ``\"`` stands for
        a quote, and hardly any quote is doubled.
    """
    try:
        escaped, doubled = _counted(file)
        if not escaped or doubled * _SHARE > escaped:
            return False
        with file._replace(escaped=True).open() as raw:
            found = scan(raw, 1 << 62)
    except (*PACKED_ERRORS, OSError):
        return False  # it is told of where the rows are read
    return found.unclosed is None and len(found.stray) * _SHARE <= max(len(quotes.stray), 1)


def _counted(file: TextFile) -> tuple[int, int]:
    """Count escaped quotes, and doubled ones, up to those that lie across two blocks."""
    escaped = doubled = 0
    with file.open() as raw:
        while block := raw.read(_BLOCK):
            escaped += sum(pair == b'\\"' for pair in _PAIRS.findall(block))
            doubled += len(_DOUBLED.findall(_PAIRS.sub(b"", block)))
    return escaped, doubled
