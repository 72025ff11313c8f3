"""Which encoding bytes are likely in."""

import io

import pytest

from data.tables.encodings import likely_encoding

TEXTS = {
    "gb18030": (
        "这是一个很好的问题。",
        "甲,乙,推荐三本书，第1次。",
        "怎样学习编程？首先安装软件。",
    ),
    "big5": ("這是一個很好的問題。", "怎樣學習寫程式？首先安裝軟體"),
    "shift_jis": ("これはとても良い質問です。", "プログラミングの勉強方法"),
    "euc_jp": ("これはとても良い質問です。東京の観光地",),
    "euc_kr": ("이것은 아주 좋은 질문입니다.", "프로그래밍을 배우는 방법"),
    "cp1251": ("Привет, как дела?", "Напиши стихотворение об осени."),
    "koi8_r": ("Привет, как дела?",),
    "cp1252": ("café", "Größe über Straße", "It’s “fine” — really…", "El niño comió piña"),
    "cp1250": ("Zażółć gęślą jaźń", "Příliš žluťoučký kůň"),
    "utf-16-le": ("id,prompt",),
    "utf-16-be": ("id,prompt",),
}
CASES = [(name, text) for name, texts in TEXTS.items() for text in texts]


@pytest.mark.parametrize(("name", "text"), CASES)
def test_an_encoding_is_told_by_a_sentence(name, text):
    found = likely_encoding(io.BytesIO(f"Hi,{text}\n".encode(name)))
    assert found is not None
    assert found.name == name


def test_lines_in_utf8_are_no_evidence_and_are_told():
    odd, good = "café\n".encode("cp1252"), "这是\n".encode()
    assert likely_encoding(io.BytesIO(odd + good * 2)) == ("cp1252", True)
    assert likely_encoding(io.BytesIO(odd * 2 + good)) == ("cp1252", False)


def test_what_is_no_text_is_likely_nothing():
    assert likely_encoding(io.BytesIO(b"\x81\x8d\x8f\x90\x9d" * 99)) is None
    assert likely_encoding(io.BytesIO(b"plain\n")) is None
