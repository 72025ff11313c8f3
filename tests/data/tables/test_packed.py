"""Compressed files and archives are known by their first bytes, whatever their name."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pandas as pd
import pyarrow as pa
import pytest

from data.tables.packed import is_packed, unpacked
from data.tables.read import DataError, read_chunks

CSV = b"a,b\n" + b"1,x\n" * 1000
JSONL = b'{"a": "1", "b": "x"}\n' * 1000


def zstd(content):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as file:
        file.write(content)
    return sink.getvalue().to_pybytes()


def zipped(content, *names):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return sink.getvalue()


def parquet():
    sink = io.BytesIO()
    pd.DataFrame({"a": ["1"] * 1000, "b": ["x"] * 1000}).to_parquet(sink)
    return sink.getvalue()


PACKERS = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstd,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda content: zipped(content, "inner.csv", "__MACOSX/._inner.csv"),
}


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize(
    ("name", "content"),
    [("t.csv", CSV), ("t.csv.gz", CSV), ("t.csv.zst", CSV), ("t.jsonl.zst", JSONL),
     ("t.parquet.gz", parquet()), ("t.csv", parquet())],
    ids=["csv", "csv.gz", "csv.zst", "jsonl.zst", "parquet.gz", "parquet named csv"],
)  # fmt: skip
def test_a_file_is_unpacked_whatever_its_name(name, content, pack, tmp_path):
    if pack == "zip" and content == JSONL:
        content = CSV  # what is in an archive has a name of its own
    path = tmp_path / name
    path.write_bytes(PACKERS[pack](content))
    assert is_packed(path) == (pack != "plain")
    chunks = list(read_chunks(path, required=("a", "b"), chunk_rows=300))
    assert [cell for chunk in chunks for cell in chunk.columns["b"]] == ["x"] * 1000


def test_zstd_can_be_sought(tmp_path):
    path = tmp_path / "t"
    path.write_bytes(zstd(bytes(range(256)) * 3000))
    with unpacked(path) as file:
        for place in (700_000, 5, 300_000, 0):
            file.seek(place)
            assert file.read(1) == bytes([place % 256])
        assert file.read()[-1] == 255


def test_an_unclosed_quote_is_mended_in_zstd(tmp_path):
    path = tmp_path / "t.csv.zst"
    path.write_bytes(zstd(b'a,b\n1,x\n2,"y\n3,z\n'))
    (chunk,) = read_chunks(path, required=("a", "b"), close_quotes=True)
    assert chunk.columns["b"] == ["x", "y", "z"]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
@pytest.mark.parametrize("pack", ["gzip", "zstd", "bzip2", "xz"])
def test_a_cut_file_is_told(name, pack, tmp_path):
    content = {"t.csv": CSV, "t.jsonl": JSONL, "t.parquet": parquet()}[name]
    path = tmp_path / name
    path.write_bytes(PACKERS[pack](content)[:-8])
    with pytest.raises(DataError, match=rf"^{name}.*(Write the file|Copy or download it) again"):
        list(read_chunks(path, required=("a", "b")))


def tar():
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        member = tarfile.TarInfo("t.csv")
        member.size = len(CSV)
        archive.addfile(member, io.BytesIO(CSV))
    return sink.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped(CSV, "a.csv", "b.csv"), r"expected one file in the zip .* 2 \('a.csv, b.csv'\)"),
        (zipped(b"", "[Content_Types].xml", "xl/a.xml"), "Excel workbook. Save it as CSV in UTF-8"),
        (tar(), "found a tar archive. Unpack it"),
        (gzip.compress(tar()), "found a tar archive. Unpack it"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), "found a 7z archive"),
        (zipped(CSV, "a.csv")[:-30], "compressed file that cannot be unpacked"),
    ],
    ids=["two files", "Excel", "tar", "tar.gz", "7z", "cut zip"],
)
def test_archives_that_are_not_read_say_so(content, message, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"^t\.csv: .*{message}"):
        list(read_chunks(path, required=("a", "b")))


def test_an_archive_without_a_name_that_tells_is_read_by_what_is_in_it(tmp_path):
    path = tmp_path / "archive.zip"
    path.write_bytes(zipped(JSONL, "folder/votes.jsonl"))
    (chunk,) = read_chunks(path, required=("a", "b"))
    assert chunk.n_rows == 1000
