"""JSON: lists of objects, objects one after another, and what is cut or no JSON."""

import json

import pytest

from data.tables import json as json_tables
from data.tables import records
from data.tables.read import DataError, column_names, read_chunks

ROWS = [{"a": f"é {number}", "b": [None, "x" * number]} for number in range(40)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def read(path, content, **options):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_chunks(path, required=("a", "b"), **options))


def rows_of(chunks):
    return [
        {"a": a, "b": b}
        for chunk in chunks
        for a, b in zip(chunk.columns["a"], chunk.columns["b"], strict=True)
    ]


@pytest.mark.parametrize(
    "content",
    [
        LINES,
        LINES.replace("\n", "\r\n\r\n"),
        LINES.rstrip(),
        "\ufeff" + LINES,
        json.dumps(ROWS),
        json.dumps(ROWS, indent=4, ensure_ascii=False),
        " \n" + json.dumps(ROWS) + "\n",
        "\n".join(json.dumps(row, indent=1) for row in ROWS),
        json.dumps({name: {str(n): row[name] for n, row in enumerate(ROWS)} for name in "ab"}),
    ],
    ids=["lines", "blank lines", "no end", "mark", "list", "indented list", "space", "indented",
         "by column"],
)  # fmt: skip
@pytest.mark.parametrize("block", [7, 64, 1 << 20])
def test_what_stands_in_a_file_tells_how_it_is_read(content, block, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "BLOCK", block)
    for name in ("t.json", "t.jsonl"):
        assert rows_of(read(tmp_path / name, content)) == ROWS
        assert column_names(tmp_path / name) == ["a", "b"]


@pytest.mark.parametrize("chunk_rows", [1, 3, 39, 40, 100])
def test_chunks_cover_all_rows_in_order(chunk_rows, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "BLOCK", 100)
    chunks = read(tmp_path / "t.jsonl", LINES, chunk_rows=chunk_rows)
    assert rows_of(chunks) == ROWS
    assert max(chunk.n_rows for chunk in chunks) <= chunk_rows
    assert [chunk.start for chunk in chunks] == [
        sum(chunk.n_rows for chunk in chunks[:place]) for place in range(len(chunks))
    ]


def test_chunks_of_long_rows_hold_few(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "BLOCK", 1000)
    monkeypatch.setattr(json_tables, "CHUNK_BYTES", 5000)
    rows = "".join(json.dumps({"a": "x" * 400, "b": ""}) + "\n" for _ in range(100))
    chunks = read(tmp_path / "t.jsonl", rows)
    assert sum(chunk.n_rows for chunk in chunks) == 100
    assert max(chunk.n_rows for chunk in chunks) <= (5000 + 1000) // 400  # and a block


def test_a_list_is_looked_through_for_surrogates_once_a_block(tmp_path, monkeypatch):
    looked, mended = [], records.Records._mended
    monkeypatch.setattr(
        records.Records, "_mended", lambda *args: looked.append(len(args[1])) or mended(*args)
    )
    rows = [{"a": "x", "b": "\ud83d"}] * 500
    (chunk,) = read(tmp_path / "t.json", json.dumps(rows))
    assert len(looked) < 10  # once a record, a block of many would take seconds
    assert (chunk.columns["b"], chunk.replaced) == (["\ufffd"] * 500, 500)


def test_what_is_missing_or_null_is_empty_and_other_types_stay(tmp_path):
    content = '{"a": null, "b": 1.5, "c": {"d": [true]}}\n{"b": ["x"], "e": 1}\n'
    (chunk,) = read(tmp_path / "t.jsonl", content)
    assert chunk.columns == {
        "a": ["", ""], "b": [1.5, ["x"]], "c": [{"d": [True]}, ""], "e": ["", 1]
    }  # fmt: skip


def test_bad_bytes_and_lone_surrogates_are_replaced_and_counted(tmp_path):
    content = b'{"a": "caf\xe9", "b": ["\\ud83d!", {"\\uDC00": "\\ud83d\\ude00"}]}\n'
    (chunk,) = read(tmp_path / "t.jsonl", content)
    assert chunk.columns == {"a": ["caf\ufffd"], "b": [["\ufffd!", {"\ufffd": "😀"}]]}
    assert chunk.replaced == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected objects of JSON, found an empty file"),
        ("[]", "found an empty file"),
        ("a,b\n1,2\n", r"row 1: expected JSON, a list .* \(Expecting value"),
        (LINES[:-20], "row 40: expected JSON"),
        (json.dumps(ROWS)[:-1] + ', {"a": "x', r"row 41: expected JSON, .*Unterminated string"),
        (LINES + '{"a": 1,, "b": 2}\n' + LINES, "row 41: expected JSON"),
        ('{"a": "1", "b": "2"}\n[1]\n', "row 2: .*found list where an object was expected"),
        ('{"a": ' + "[" * 100_000, "row 1: expected JSON, .*nested too deeply"),
        ('{"a": 1}', "expected the columns a, b, found 'a'; not there: b"),
    ],
)
@pytest.mark.parametrize("block", [64, 1 << 20])
def test_faults(content, message, block, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "BLOCK", block)
    with pytest.raises(DataError, match=rf"^t\.jsonl.*{message}"):
        read(tmp_path / "t.jsonl", content)
