"""Tables: formats, chunks, and faults of a whole file."""

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.tables import parquet as parquet_tables
from data.tables import quotes
from data.tables.read import DataError, read_chunks, shown


def _read(path: Path, content: bytes, **options: Any) -> list[dict[str, list[Any]]]:
    path.write_bytes(content)
    return [chunk.columns for chunk in read_chunks(path, required=("a", "b"), **options)]


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (b"a,b\n1,x\n", {"a": ["1"], "b": ["x"]}),
        (b"b,a\nx,1\n", {"a": ["1"], "b": ["x"]}),
        (b"\xef\xbb\xbfa,b\n1,x\n", {"a": ["1"], "b": ["x"]}),
        (b'\xef\xbb\xbf"a",b\n1,x\n', {"a": ["1"], "b": ["x"]}),
        (b'\xef\xbb\xbf\xef\xbb\xbf\xef\xbb\xbf"a",b\n1,x\n', {"a": ["1"], "b": ["x"]}),
        (b"a,b\r\n1,x\r\n", {"a": ["1"], "b": ["x"]}),
        (b"a,b\r1,x", {"a": ["1"], "b": ["x"]}),
        (b"\n\n a , b\n\n1,x\n\n\n", {"a": ["1"], "b": ["x"]}),
        (b'a,b\n1,"x\r\ny"\n', {"a": ["1"], "b": ["x\r\ny"]}),
        (b'a,b\n1,"x ""y"""\n', {"a": ["1"], "b": ['x "y"']}),
        (b'a,b\n1,x "y\n', {"a": ["1"], "b": ['x "y']}),
        (b"a,b\n1,x\0y\n", {"a": ["1"], "b": ["x\0y"]}),
        (b"a,b\nNA,nan\n", {"a": ["NA"], "b": ["nan"]}),
        (b"a,b\n1\n", {"a": ["1"], "b": [""]}),
        (b"a,b\n00012,\n", {"a": ["00012"], "b": [""]}),
        (b",a,b\n7,1,x\n", {"a": ["1"], "b": ["x"]}),
        (b"a,b,c,c\n1,x,2,3\n", {"a": ["1"], "b": ["x"], "c": ["2"]}),
    ],
)
def test_csv_cells_come_as_they_stand(
    tmp_path: Path, content: bytes, columns: dict[str, list[str]]
) -> None:
    assert _read(tmp_path / "t.csv", content) == [columns]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.csv: expected a header and rows, found an empty file"),
        (b" \n\n", "empty file"),
        (b"\xef\xbb\xbf", "empty file"),
        (b"a,b\n", "expected at least one row, found a header and no rows"),
        (b"a,b", "found a header and no rows"),
        (bytes(range(256)) * 10, "found bytes that are none"),
        ("a,b\n1,x\n".encode("utf-16-be"), "found bytes that are none.*--encoding utf-16-be"),
        (b"\x89PNG\r\n\x1a\n" + b"\0\0\0", "found bytes that are none"),
        (b"a,c\n1,x\n", "expected the columns a, b, found 'a, c'; not there: b. Rename or add"),
        (b"A,b\n1,x\n", "not there: a"),
        (b"a;b\n1;x\n", "not there: a, b"),
        (b"a,b,b\n1,x,y\n", "column b: expected it once, found it 2 times in the header"),
        (b'a,b\n1,x\n2,"y\n3,z\n', "t.csv, row 2: expected a closing quote"),
        (b'a,b\n1,"x\n', "t.csv, row 1: expected a closing quote"),
        (b'"a,b\n1,x\n', "t.csv, header: expected a closing quote"),
    ],
)
def test_csv_faults_of_the_whole_file(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _read(tmp_path / "t.csv", content)


def test_unclosed_quote_names_the_row_across_chunks(tmp_path: Path) -> None:
    content = b"a,b\n" + b"1,x\n" * 10 + b'1,"x\n' + b"1,x\n" * 10
    with pytest.raises(DataError, match=r"row 11: expected a closing quote"):
        _read(tmp_path / "t.csv", content, chunk_rows=3)


def test_wanted_columns_only_and_the_first_of_a_repeated_one(tmp_path: Path) -> None:
    content = b"a,b,b,c\n1,x,y,2\n"
    assert _read(tmp_path / "t.csv", content, wanted=("a", "b")) == [{"a": ["1"], "b": ["x"]}]


@pytest.mark.parametrize("chunk_rows", [1, 2, 3, 7, 8, 9, 100])
def test_chunks_cover_all_rows_in_order(tmp_path: Path, chunk_rows: int) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{row},x\n" for row in range(8)))
    chunks = list(read_chunks(path, required=("a", "b"), chunk_rows=chunk_rows))
    assert [row for chunk in chunks for row in chunk.columns["a"]] == list("01234567")
    assert [chunk.start for chunk in chunks] == [
        sum(chunk.n_rows for chunk in chunks[:place]) for place in range(len(chunks))
    ]
    assert max(chunk.n_rows for chunk in chunks) <= chunk_rows


def test_rows_longer_than_the_header_are_marked(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,x\n1,x,y\n1,x,y,z,w\n1,x,\n1\n")
    (chunk,) = read_chunks(path, required=("a", "b"))
    assert chunk.columns == {"a": ["1"] * 5, "b": ["x", "x", "x", "x", ""]}
    assert chunk.long_rows == {1, 2}


def test_every_row_longer_or_shorter_than_the_header(tmp_path: Path) -> None:
    assert _read(tmp_path / "t.csv", b"a,b\n1,x,y,z\n")[0]["a"] == ["1"]
    assert _read(tmp_path / "t.csv", b"a,b\n1\n2\n")[0] == {"a": ["1", "2"], "b": ["", ""]}


def test_more_text_after_a_closing_quote_is_marked(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,x\n1,"x"y\n1,"x ""y"""\n1,"x,y\n1,"z"\n1,x "y\n"1","x"\n')
    for chunk_rows in (1, 2, 100):
        chunks = list(read_chunks(path, required=("a", "b"), chunk_rows=chunk_rows))
        marked = [chunk.start + row for chunk in chunks for row in sorted(chunk.stray_quotes)]
        assert marked == [1, 3]
    assert [cell for chunk in chunks for cell in chunk.columns["b"]] == [
        "x", "xy", 'x "y"', 'x,y\n1,z"', 'x "y', "x"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_chunks_of_long_rows_hold_few(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(quotes, "CHUNK_BYTES", 10_000)
    monkeypatch.setattr(parquet_tables, "CHUNK_BYTES", 10_000)
    lengths = [10] * 50 + [3000] * 50 + [20_000] * 3
    table = pd.DataFrame({"a": range(103), "b": ["x" * length for length in lengths]})
    if name == "t.parquet":
        table.to_parquet(tmp_path / name, row_group_size=50)
    else:
        table.to_csv(tmp_path / name, index=False)
    chunks = list(read_chunks(tmp_path / name, required=("a", "b")))
    held = [[len(cell) for cell in chunk.columns["b"]] for chunk in chunks]
    assert [length for cells in held for length in cells] == lengths
    assert max(sum(cells[:-1]) for cells in held) <= 10_000
    assert len(held[0]) >= 50 or name == "t.parquet"


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        (b'a,b\n1,x\n2,"y\n3,z\n', ["x", "y", "z"]),
        (b'a,b\n1,x\n"2,y\n3,""z""\n', ["x", "y", 'z""']),
        (b'\xef\xbb\xbfa,b\n1,x\n2,"""y\n3,z', ["x", "y", "z"]),
        (b'a,b\n1,x\n2,"y ""z\n', ["x", 'y "z\n']),
        (b'a,b\n1,x\n2,"', ["x", ""]),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_quote_that_is_never_closed_is_closed_in_the_last_line_and_left_out_before(
    content: bytes, cells: list[str], pack: Any, tmp_path: Path
) -> None:
    path = tmp_path / ("t.csv" if pack is bytes else "t.csv.gz")
    path.write_bytes(pack(content))
    for chunk_rows in (1, 2, 100):
        options: Any = {"required": ("a", "b"), "chunk_rows": chunk_rows, "close_quotes": True}
        chunks = list(read_chunks(path, **options))
        assert [cell for chunk in chunks for cell in chunk.columns["b"]] == cells
        assert [chunk.unclosed for chunk in chunks] == [0] * (len(chunks) - 1) + [1]


def test_undecodable_bytes_are_replaced_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    # The second cell holds a U+FFFD of its own, which is none of ours.
    path.write_bytes(b"a,b\ncaf\xe9 \xff,\xef\xbf\xbd\n")
    (chunk,) = read_chunks(path, required=("a", "b"))
    assert chunk.columns == {"a": ["caf\ufffd \ufffd"], "b": ["\ufffd"]}
    assert chunk.replaced == 2


def test_characters_across_the_parsers_reads_stay_whole(tmp_path: Path) -> None:
    # pandas reads 256 KiB at a time: three-byte characters are cut by that border, at every phase.
    for shift in range(3):
        path = tmp_path / "t.csv"
        path.write_text("a,b\n1," + "x" * shift + "\ufffd" * 300_000 + "\n", encoding="utf-8")
        (chunk,) = read_chunks(path, required=("a", "b"))
        assert chunk.columns["b"] == ["x" * shift + "\ufffd" * 300_000]
        assert chunk.replaced == 0


def test_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n" + b"1,x\n" * 1000)
    (columns,) = _read(tmp_path / "t.csv.gz", packed)
    assert columns["a"] == ["1"] * 1000
    for broken in (packed[:-10], packed[:30] + b"\0\0\0\0" + packed[34:]):
        with pytest.raises(DataError, match=r"t.csv.gz: .* (read as such|be unpacked)"):
            _read(tmp_path / "t.csv.gz", broken)


def test_parquet_text_lists_nulls_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    columns = {"a": ["x", None, "y"], "b": [["x"], None, [None]], "c": [b"caf\xc3\xa9", b"", None]}
    pq.write_table(pa.table(columns), path)
    chunks = list(read_chunks(path, required=("a", "b"), chunk_rows=2))
    assert [chunk.start for chunk in chunks] == [0, 2]
    assert chunks[0].columns == {"a": ["x", ""], "b": [["x"], ""], "c": ["café", ""]}
    assert chunks[1].columns == {"a": ["y"], "b": [[None]], "c": [""]}


def test_parquet_index_is_not_a_column(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": ["1", "2"], "b": ["x", "y"]}).iloc[[1]].to_parquet(path)
    (chunk,) = read_chunks(path, required=("a", "b"))
    assert chunk.columns == {"a": ["2"], "b": ["y"]}


def test_parquet_faults(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    for content in (b"", b"a,b\n1,x\n"):
        with pytest.raises(DataError, match=r"t\.parquet: expected a Parquet file"):
            _read(path, content)
    pq.write_table(pa.table({"a": ["x"]}), path)
    with pytest.raises(DataError, match="expected the columns a, b, found 'a'; not there: b"):
        list(read_chunks(path, required=("a", "b")))
    pq.write_table(pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.string())}), path)
    with pytest.raises(DataError, match="no rows"):
        list(read_chunks(path, required=("a", "b")))


def test_other_file_names_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t.txt: expected a name that ends in .csv, .parquet"):
        _read(tmp_path / "t.txt", b"a,b\n1,x\n")
    for name in ("none.csv", "none.csv.gz", "none.parquet"):
        with pytest.raises(FileNotFoundError, match="none"):
            list(read_chunks(tmp_path / name, required=("a",)))


def test_shown_cuts_long_finds() -> None:
    assert shown("x" * 61) == "'" + "x" * 60 + "'..."
    assert shown([1, 2]) == "[1, 2]"
    assert len(shown(list(range(1000)))) == 63
