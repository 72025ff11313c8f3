"""Quotes of CSV files: the pass beforehand sees the rows that the parser sees."""

import io
import random

import numpy as np
import pandas as pd
import pytest

from data.tables import quotes
from data.tables.quotes import Unclosed, scan

PIECES = ('"', '"', '""', ",", "\n", "\r", "\r\n", " ", "\t", "a", "\ufeff")


@pytest.mark.parametrize(
    ("content", "stray", "unclosed"),
    [
        (b"a,b\n1,x\n", [], None),
        (b'a,b\n1,"x"\n"2","y"\r\n"3","z"', [], None),
        (b'a,b\n1,"x"y\n2,"z" \n', [1, 2], None),
        (b'a,b\n1,x"y"z\n', [], None),
        (b'a,b\n\n  \n1,"x"y"z"\n', [1], None),
        (b'a,b\n1,x\n2,"y\n3,z', [], Unclosed(2, 10, False)),
        (b'a,b\n1,x\n2,"y\n \r\n', [], Unclosed(2, 10, True)),
        (b'\xef\xbb\xbf"a,b\n1,x\n', [], Unclosed(0, 0, False)),
    ],
)
def test_rows_are_named(content: bytes, stray: list[int], unclosed: Unclosed | None) -> None:
    found = scan(io.BytesIO(content), 100)
    assert (found.stray.tolist(), found.unclosed) == (stray, unclosed)


def test_blocks_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b'a,b\r\n1,"x""y"\r\n2,"x"y\r\n\r\n3,"z\n""'
    whole = scan(io.BytesIO(content), 1)
    assert whole.cuts == [1, 1]
    for size in range(1, 8):
        monkeypatch.setattr(quotes, "_BLOCK", size)
        found = scan(io.BytesIO(content), 1)
        np.testing.assert_array_equal(found.stray, whole.stray)
        assert found[1:] == whole[1:]


def test_rows_are_those_of_the_parser() -> None:
    """Chunks are cut by our count; and without an open quote none stays open behind it."""
    drawn = random.Random(0)
    for _ in range(1500):
        text = "h,i\n" + "".join(drawn.choice(PIECES) for _ in range(drawn.randint(1, 25)))
        found = scan(io.BytesIO(text.encode()), 1)
        if found.unclosed:
            content = text.encode()
            assert scan(io.BytesIO(content), 1, without=found.unclosed.place).unclosed is None
            continue
        rows = pd.read_csv(
            io.StringIO("0,1,2\n" + text + "\n", newline=""),
            usecols=lambda name: name in "012",
            index_col=False,
            dtype=object,
            na_filter=False,
        )
        ended = scan(io.BytesIO(text.encode() + b"\n"), 1)
        assert sum(ended.cuts) == len(rows) - 1, text
