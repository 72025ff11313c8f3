"""Bytes as text, whole and in a stream."""

import io

import pytest

from data.tables.utf8 import Utf8Stream, decoded


@pytest.mark.parametrize(
    ("data", "text", "replaced"),
    [
        (b"", "", 0),
        ("日本 é".encode(), "日本 é", 0),
        (b"\xe9t\xe9", "\ufffdt\ufffd", 2),
        (b"\xef\xbf\xbd\xff", "\ufffd\ufffd", 1),  # the first is the file's own
        (b"\xe6\x97", "\ufffd", 1),  # a character cut short is one fault
    ],
)
def test_bad_bytes_are_replaced_and_counted(data: bytes, text: str, replaced: int) -> None:
    assert decoded(data) == (text, replaced)
    stream = Utf8Stream(io.BytesIO(data))
    assert "".join(iter(stream.read, "")) == text
    assert stream.replaced == replaced


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_pieces_of_any_size_give_the_same_between_prefix_and_suffix(size: int) -> None:
    data = b"\xef\xbb\xbf" + "a日\ufffd😀".encode() + b"\xff\xe6"
    stream = Utf8Stream(io.BytesIO(data), "<", ">")
    pieces = [*iter(lambda: stream.read(size), "")]
    assert "".join(pieces) == "<a日\ufffd😀\ufffd\ufffd>"
    assert stream.replaced == 2
    assert stream.read(size) == ""


def test_prefix_and_suffix_of_an_empty_file() -> None:
    stream = Utf8Stream(io.BytesIO(b""), "<", ">")
    assert [stream.read(9), stream.read(9), stream.read(9)] == ["<", ">", ""]
    assert stream.readable()
