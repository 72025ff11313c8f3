"""The quotes of a CSV file, looked through before it is read.

What follows a closing quote, and a quote that is never closed, are faults that a parser passes over
or finds at the very end, with all the rest of the file in one cell. This pass also tells where
chunks are to end, so that a chunk of long rows holds few.
"""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.tables.chunk import CHUNK_BYTES
from data.tables.utf8 import BareBytes

_BLOCK = 1 << 20


class Unclosed(NamedTuple):
    """A quote that is never closed: in which row (0 is the header), where, and before what."""

    row: int
    place: int
    in_last_line: bool


class Quotes(NamedTuple):
    """What `scan` found.

    Attributes
    ----------
    stray : ndarray of int64
        Rows (from 1, 0 is the header) in which a closing quote is followed by more text.
    cuts : list of int
        The number of rows of each chunk, but for the rows that are left after those.
    unclosed : Unclosed or None
    """

    stray: NDArray[np.int64]
    cuts: list[int]
    unclosed: Unclosed | None

    @property
    def are_whole(self) -> bool:
        """Whether each quote is closed, and nothing follows where it is."""
        return self.unclosed is None and not len(self.stray)


def scan(raw: io.BufferedIOBase, most_rows: int, *, without: int | None = None) -> Quotes:
    r"""Look through the bytes of a CSV file, at about a gigabyte a second.

    Parameters
    ----------
    raw : binary file
        Read to its end.
    most_rows : int
        Of a chunk.
    without : int, optional
        Place of a byte that is passed over, see `data.tables.utf8.BareBytes`.

    Examples
    --------
    >>> scan(io.BytesIO(b'a,b\n1,"x"y\n2,"z\n'), 100)
    Quotes(stray=array([1]), cuts=[], unclosed=Unclosed(row=2, place=13, in_last_line=True))
    """
    from data.tables import quotes_kernel as kernel

    memory = np.zeros(kernel.SIZE, dtype=np.int64)
    memory[kernel.ODD] = -1
    odd, cut = np.empty((2, _BLOCK), dtype=np.int64)
    stray, cuts = [np.empty(0, dtype=np.int64)], []
    source, base = BareBytes(raw, without), 0
    while block := source.read(_BLOCK):
        data = np.frombuffer(block, dtype=np.uint8)
        kernel.scan_block(data, base, memory, odd, cut, most_rows, CHUNK_BYTES)
        base += len(block)
        stray.append(odd[: memory[kernel.N_ODD]].copy())
        cuts += cut[: memory[kernel.N_CUTS]].tolist()
    unclosed = None
    if memory[kernel.STATE] == kernel.QUOTED:
        row, place = int(memory[kernel.RECORD]), int(memory[kernel.OPENED])
        unclosed = Unclosed(row, place, _in_last_line(raw, source.marks + place))
    return Quotes(np.concatenate(stray), cuts, unclosed)


def _in_last_line(raw: io.BufferedIOBase, place: int) -> bool:
    """Whether no further line follows; a line of more than a chunk's bytes counts as the last."""
    raw.seek(place)
    tail = raw.read(CHUNK_BYTES).rstrip()
    return b"\n" not in tail and b"\r" not in tail
