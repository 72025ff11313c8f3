"""Broken test files, from bytes to probabilities: only a fault of the whole file stops one."""

import gzip
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from data.battles import DataError, iter_test, read_training
from features import FAMILIES
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
HEADER = b"id,prompt,response_a,response_b\n"
LONG = 600_000  # bytes of a cell; one of 6 MB goes through all families in test_hostile_text
BIDI = "\u202e\u2066שלום مرحبا\u202c"
MARKS = "e" + "\u0301\u0315" * 5000


class Hostile(NamedTuple):
    """What stands in a test file, and what is read from it.

    `answers` are the turns of response A, `counts` what is counted beside rows and kept.
    """

    content: bytes
    ids: list[str]
    answers: list[list[str | None]]
    counts: dict[str, int] = {}


def rows(*cells: str | bytes, header: bytes = HEADER) -> bytes:
    """A file with these cells as response A, quoted as CSV wants it."""
    raw = [cell.encode() if isinstance(cell, str) else cell for cell in cells]
    quoted = [b'"' + cell.replace(b'"', b'""') + b'"' for cell in raw]
    return header + b"".join(b"%d,p,%s,b\n" % place for place in enumerate(quoted))


def one(cell: str | bytes, answer: list[str | None], **counts: int) -> Hostile:
    """One row with this cell as response A."""
    return Hostile(rows(cell), ["0"], [answer], counts)


def raw(cell: str) -> Hostile:
    """One row whose response A starts as JSON and is none: its text is the turn."""
    return one(cell, [cell], raw_cells=1)


def plain(content: bytes, *ids: str, **counts: int) -> Hostile:
    """Rows whose response A is ``a``."""
    return Hostile(content, list(ids), [["a"]] * len(ids), counts)


REPAIRED = {
    "byte-order mark": plain(b"\xef\xbb\xbf" + HEADER + b"1,p,a,b\n", "1"),
    "two byte-order marks": plain(b"\xef\xbb\xbf" * 2 + HEADER + b"1,p,a,b\n", "1"),
    "three byte-order marks": plain(b"\xef\xbb\xbf" * 3 + b'"id"' + HEADER[2:] + b"1,p,a,b\n", "1"),
    "byte-order mark in a cell": one('\ufeff["Hi"]', ["Hi"]),
    "byte-order mark before text": one("\ufeffHi", ["\ufeffHi"]),
    "UTF-16": plain((HEADER + b"1,p,a,b\n").decode().encode("utf-16"), "1"),
    "CRLF": plain((HEADER + b"1,p,a,b\n2,p,a,b\n").replace(b"\n", b"\r\n"), "1", "2"),
    "CRLF in a cell": one("x\r\ny", ["x\r\ny"]),
    "lone CR": plain((HEADER + b"1,p,a,b\n2,p,a,b\n").replace(b"\n", b"\r"), "1", "2"),
    "three line ends": plain(HEADER + b"1,p,a,b\r2,p,a,b\r\n3,p,a,b", "1", "2", "3"),
    "Latin-1": one(b"caf\xe9 \xfc", ["caf\ufffd \ufffd"], repaired_characters=2),
    "Latin-1 in the header": plain(
        b"id,prompt,response_a,response_b,gr\xf6\xdfe\n1,p,a,b,9\n", "1", repaired_characters=2
    ),
    "Shift-JIS": one(b"\x83n\x83\x8d", ["\ufffdn\ufffd\ufffd"], repaired_characters=3),
    "cut UTF-8": one(b"\xe6\x97", ["\ufffd"], repaired_characters=1),
    "U+FFFD of its own": one("\ufffd", ["\ufffd"]),
    "surrogates as bytes": one(b"\xed\xa0\xbd", ["\ufffd" * 3], repaired_characters=3),
    "lone surrogate": one('["a\\ud83d"]', ["a\ufffd"], repaired_characters=1),
    "surrogates in wrong order": one('["\\ude00\\ud83d"]', ["\ufffd" * 2], repaired_characters=2),
    "surrogate pair": one('["\\ud83d\\ude00"]', ["😀"]),
    "NUL": one("a\0b", ["a\0b"]),
    "NUL as an escape": one('["\\u0000"]', ["\0"]),
    "NUL in the header": plain(HEADER[:-1] + b",\0\n1,p,a,b,9\n", "1"),
    "control characters": one('["a\x01\x1b[0m\n"]', ["a\x01\x1b[0m\n"]),
    "quote never closed": Hostile(
        HEADER + b'1,p,a,b\n2,p,"x,y\n3,p,a,b\n',
        ["1", "2", "3"],
        [["a"], ["x"], ["a"]],
        {"unclosed_quotes": 1},
    ),
    "quote never closed in the last cell": plain(
        HEADER + b'1,p,a,b\n2,p,a,"say ""hi""', "1", "2", unclosed_quotes=1
    ),
    "one quote alone": Hostile(
        HEADER + b'"', [""], [[""]], {"unclosed_quotes": 1, "empty_cells": 3}
    ),
    "quote closed in a later row": Hostile(
        HEADER + b'1,p,"x,b\n2,p,"a",b\n3,p,a,b\n',
        ["1", "3"],
        [['x,b\n2,p,a"'], ["a"]],
        {"stray_quotes": 1},
    ),
    "quotes not doubled": Hostile(
        HEADER + b'1,p,"say "hi", you",b\n',
        ["1"],
        [['say hi"']],
        {"stray_quotes": 1, "long_rows": 1},
    ),
    "quote beyond the last column": plain(
        HEADER + b'1,p,a,b,"x\n', "1", unclosed_quotes=1, long_rows=1
    ),
    "quotes inside": one('say "hi"', ['say "hi"']),
    "blank lines": plain(b"\n\n" + HEADER + b"\n1,p,a,b\n\n  \n2,p,a,b\n\n\n", "1", "2"),
    "extra column": plain(b"id,judge,prompt,response_a,response_b\n1,j,p,a,b\n", "1"),
    "column without a name": plain(b",prompt,response_a,response_b\n7,p,a,b\n", "0"),
    "reordered columns": plain(b"response_b,response_a,id,prompt\nb,a,1,p\n", "1"),
    "repeated column": plain(b"id,prompt,response_a,response_b,response_a\n1,p,a,b,z\n", "1"),
    "labels": plain(b"prompt,response_a,response_b,winner_tie\np,a,b,maybe\n", "0"),
    "spaces around the names": plain(b"id , prompt, response_a ,response_b\n1,p,a,b\n", "1"),
    "row too long": plain(HEADER + b"1,p,a,b,9,9,9\n2,p,a,b\n", "1", "2", long_rows=1),
    "row too short": plain(HEADER + b"1,p,a\n", "1", empty_cells=1),
    "empty cell": one("", [""], empty_cells=1),
    "empty list": one("[]", [], empty_cells=1, unequal_turns=1),
    "null turns": one("[null, null]", [None, None], null_turns=2, unequal_turns=1),
    "null alone": one("null", ["null"]),
    "lists of unequal length": one('["x", "y", "z"]', ["x", "y", "z"], unequal_turns=1),
    "nested list": raw('[["Hi"]]'),
    "object": raw('{"role": "user"}'),
    "list of objects": raw('[{"content": "Hi"}]'),
    "list of numbers": raw("[1, 2.5]"),
    "number": one("-1e5", ["-1e5"]),
    "number of 5,000 digits": raw("[" + "1" * 5000 + "]"),
    "NaN": raw("[NaN]"),
    "broken JSON": raw('["Hi", '),
    "JSON and more": raw('["Hi"] and more'),
    "Python's list": raw("['Hi']"),
    "Python's code": one("__import__('os')", ["__import__('os')"]),
    "50,000 levels, open": raw("[" * 50_000),
    "50,000 levels, closed": raw("[" * 50_000 + "]" * 50_000),
    "50,000 objects": raw('{"a":' * 50_000),
    "600 kB": one(json.dumps(["é\n" * (LONG // 3)]), ["é\n" * (LONG // 3)]),
    "600 kB of brackets": raw("[" * LONG),
    "600 kB of white space": one(" " * LONG, [" " * LONG]),
    "slow for backtracking": one("```" + "`a" * 50_000, ["```" + "`a" * 50_000]),
    "right-to-left": one(BIDI, [BIDI]),
    "10,000 combining marks": one(MARKS, [MARKS]),
    "10,000 turns": one(json.dumps(["x"] * 10_000), ["x"] * 10_000, unequal_turns=1),
    "600 kB of turns": one(
        "[" + '"",' * (LONG // 3) + '""]',
        [""] * 9999 + ["\n" * (LONG // 3 - 9999)],
        joined_turns=1,
        unequal_turns=1,
    ),
    "formula as id": plain(HEADER + b"=1+1,p,a,b\n@SUM(A1),p,a,b\n", "=1+1", "@SUM(A1)"),
    "markup as id": plain(HEADER + b"<b>,p,a,b\n", "<b>"),
    "commas and quotes in id": plain(HEADER + b'"a,""b""",p,a,b\n', 'a,"b"'),
    "leading zeros": plain(HEADER + b"00012,p,a,b\n1e5,p,a,b\n", "00012", "1e5"),
    "no id": plain(b"prompt,response_a,response_b\np,a,b\nq,a,b\n", "0", "1"),
    "empty id": plain(HEADER + b",p,a,b\n", ""),
    "duplicate ids": plain(HEADER + b"1,p,a,b\n1,q,a,b\n", "1", "1"),
    "duplicate rows": plain(HEADER + b"1,p,a,b\n" * 3, "1", "1", "1"),
    "NA": one("NA", ["NA"]),
}  # fmt: skip

STOPPED = {
    "empty file": (b"", "expected a header and rows, found an empty file"),
    "blank lines alone": (b"\n \n\n", "found an empty file"),
    "header only": (HEADER, "expected at least one row, found a header and no rows"),
    "UTF-16 without a mark": (
        (HEADER + b"1,p,a,b\n").decode().encode("utf-16-le"),
        r"found bytes that are none \(a binary file, or another encoding\)\. Save it as CSV",
    ),
    "picture": (b"\x89PNG\r\n\x1a\n\0\0\0", "found bytes that are none"),
    "archive": (b"PK\x03\x04" + bytes(range(256)), "found (a comp.* unpacked|bytes that are none)"),
    "web page": (
        b"<!DOCTYPE html>\n<p>",
        r"found '<!DOCTYPE html>'\. The nearest is .*; not there: prompt, resp",
    ),
    "semicolons": (HEADER.replace(b",", b";") + b"1;p;a;b\n", "must be UTF-8 text with commas"),
    "missing column": (b"id,prompt,response_a\n1,p,a\n", "not there: response_b. Rename or add"),
    "other case": (HEADER.upper() + b"1,p,a,b\n", "not there: prompt, response_a, response_b"),
    "header never closed": (b'"' + HEADER + b"1,p,a,b\n", "header: expected a closing quote"),
}


@pytest.fixture(scope="module")
def pipeline(small_encoder_settings):
    """All families and a linear member, fitted on a part of the sample."""
    settings = [
        *small_encoder_settings,
        f"families={json.dumps(list(FAMILIES))}",
        'model.members=["linear"]',
        "model.inner_folds=2",
        "learners.linear.penalties=[0.3]",
    ]
    read = read_training(SAMPLE / "train.csv")
    return build_pipeline(load_config(settings=settings)).fit(read.battles[:200], read.y[:200])


@pytest.mark.parametrize("name", REPAIRED)
def test_every_row_gets_probabilities_in_order(name, pipeline, tmp_path):
    expected = REPAIRED[name]
    path = tmp_path / "test.csv"
    path.write_bytes(expected.content)
    (read,) = iter_test(path)
    counts = {key: count for key, count in read.counts.items() if count}
    n_rows = len(expected.ids)
    assert counts == {"rows": n_rows, "kept": n_rows, **expected.counts}
    assert read.battles["id"].tolist() == expected.ids
    assert [list(turns) for turns in read.battles["response_a"]] == expected.answers
    p = pipeline.predict_proba(read.battles)
    assert p.shape == (n_rows, 3)
    assert (p > 0).all()
    assert (p < 1).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0, atol=4e-16)


@pytest.mark.parametrize("name", STOPPED)
def test_a_fault_of_the_whole_file_stops_it(name, tmp_path):
    content, message = STOPPED[name]
    path = tmp_path / "test.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"test\.csv.*{message}"):
        list(iter_test(path))
    packed = tmp_path / "test.csv.gz"
    packed.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=rf"test\.csv\.gz.*{message}"):
        list(iter_test(packed))
