"""CSV files in which quotes are escaped by a backslash, and those that only look so."""

import csv
import io
import json

import pytest

from data.tables.csv import ESCAPED
from data.tables.read import read_chunks

CELLS = [
    ('["Name two rivers, please."]', '["The \\"Elbe\\", too.\\nYes", null]'),
    ('say "hi"', "back\\slash \\\\ two"),
    ("", '5"'),
    ('"quoted"', "two\nlines, with a comma"),
]


def written(rows, *, escaped):
    stream = io.StringIO()
    how = {"escapechar": "\\", "doublequote": False} if escaped else {}
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n", **how)
    writer.writerow(("a", "b"))
    writer.writerows(rows)
    return stream.getvalue().encode()


def read(path, content, **options):
    path.write_bytes(content)
    chunks = list(read_chunks(path, required=("a", "b"), **options))
    rows = [row for one in chunks for row in zip(one.columns["a"], one.columns["b"], strict=True)]
    torn = sum(len(one.stray_quotes | one.long_rows) for one in chunks)
    return rows, torn, [note for one in chunks for note in one.notes]


@pytest.mark.parametrize("chunk_rows", [1, 3, 10_000])
@pytest.mark.parametrize("close_quotes", [False, True])
def test_escaped_quotes_are_read(chunk_rows, close_quotes, tmp_path):
    rows = CELLS * 50
    how = {"chunk_rows": chunk_rows, "close_quotes": close_quotes}
    content = written(rows, escaped=True)
    assert read(tmp_path / "t.csv", content, **how) == (rows, 0, [ESCAPED])
    assert read(tmp_path / "t.csv", written(rows, escaped=False), **how) == (rows, 0, [])


def test_escapes_that_lie_across_blocks(tmp_path):
    for before in range(4):
        rows = [("x" * ((1 << 20) - 10 - before) + '"\\"' * 9, "y")]
        assert read(tmp_path / "t.csv", written(rows, escaped=True))[0] == rows


def test_one_torn_row_makes_no_other_dialect(tmp_path):
    """JSON in CSV is full of backslashes before doubled quotes."""
    rows = [(json.dumps([f'say "{n}"']), "b") for n in range(50)]
    content = written(rows, escaped=False) + b'"[\\"x, y\\"]","b"\n'
    found, torn, notes = read(tmp_path / "t.csv", content, close_quotes=True)
    assert (found[:50], torn, notes) == (rows, 1, [])
