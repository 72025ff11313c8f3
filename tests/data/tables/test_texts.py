"""Text in other encodings, and with other escapes, as UTF-8 bytes that double quotes."""

import gzip

import pytest

from data.tables.read import DataError, column_names, read_chunks
from data.tables.texts import TextFile, known_encoding

ROWS = [("é", "日本 “x”"), ("ß", "a,\n" * 300_000)]
CSV = "a,b\n" + "".join(f'"{a}","{b}"\n' for a, b in ROWS)


def cells(path, **options):
    chunks = list(read_chunks(path, required=("a", "b"), **options))
    found = [row for one in chunks for row in zip(one.columns["a"], one.columns["b"], strict=True)]
    return found, sum(one.replaced for one in chunks), chunks[0].notes


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16-le", "utf-32-be", "utf-7"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_text_in_an_encoding_that_is_named(encoding, pack, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(pack(CSV.encode(encoding)))
    assert column_names(path, encoding) == ["a", "b"]
    assert cells(path, encoding=encoding) == (ROWS, 0, (f"read as {encoding.upper()}",))
    # a part from the middle, then one before it
    with TextFile(path, encoding).open() as file:
        file.seek(2_000)
        after = file.read(10)
        file.seek(0)
        assert file.read(2_010)[2_000:] == after


@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_json_in_utf_16_without_a_mark_is_told(name, tmp_path):
    path = tmp_path / name
    path.write_bytes('{"a": "x", "b": "y"}\n'.encode("utf-16-be") * 2)
    with pytest.raises(
        DataError, match=rf"^{name}: .* likely UTF-16-BE\. Pass --encoding utf-16-be"
    ):
        column_names(path)
    assert cells(path, encoding="utf-16-be")[0] == [("x", "y")] * 2


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_without_a_mark_the_bytes_tell_their_order(encoding, order, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(CSV.encode(f"{encoding}-{order}"))
    assert column_names(path, encoding) == ["a", "b"]
    assert cells(path, encoding=encoding) == (
        ROWS,
        0,
        (f"read as {encoding.upper()}-{order.upper()}",),
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_tells_more_than_a_flag(encoding, tmp_path):
    (tmp_path / "t.csv").write_bytes(CSV.encode(encoding))
    assert cells(tmp_path / "t.csv")[:2] == (ROWS, 0)
    assert cells(tmp_path / "t.csv", encoding="gb18030")[:2] == (ROWS, 0)


@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
def test_json_too(name, tmp_path):
    between = "\n" if name == "t.jsonl" else ","
    text = between.join(f'{{"a": "{n}", "b": "日本"}}' for n in range(3))
    (tmp_path / name).write_bytes((text if name == "t.jsonl" else f"[{text}]").encode("shift_jis"))
    found, replaced, _ = cells(tmp_path / name, encoding="shift_jis")
    assert (found, replaced) == ([(str(n), "日本") for n in range(3)], 0)


def test_bytes_that_are_none_of_it_are_repaired_and_counted(tmp_path):
    (tmp_path / "t.csv").write_bytes("a,b\n日,x\n".encode("gb18030") + b"\xff,\x81\n")
    found, replaced, _ = cells(tmp_path / "t.csv", encoding="gb18030")
    assert found[0] == ("日", "x")
    assert found[1][0] == "\ufffd"
    assert replaced == 2


def test_encodings_are_known_by_pythons_names():
    assert (known_encoding("UTF8"), known_encoding("latin1")) == ("utf-8", "iso8859-1")
    for name in ("klingon", "hex", ""):
        with pytest.raises(DataError, match=f"--encoding {name}: no such encoding"):
            known_encoding(name)
