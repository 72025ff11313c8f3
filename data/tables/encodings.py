"""Which encoding bytes that are no UTF-8 are likely in: judged by what each would make of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import NamedTuple

_BLOCK = 1 << 20
_LOOKED_AT = 1 << 16  # bytes of lines that are no UTF-8, which are enough to judge by
_LEAST = 0.2  # of the characters beyond ASCII that must be usual ones
_SHORT_RUN = 2  # letters with marks, and quotes, stand alone among ASCII, or in twos

_SIMPLIFIED = (
    "的一是不了在有人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子"
    "说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体"
    "制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线"
    "内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通"
    "并提直题程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组"
    "见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热"
    "领七海口东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白教速花"
    "带安场身车例真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土"
    "许步群广石记需段研界拉林律叫且究观越织装影算低持音众书布复容儿须际商非验连断深难近矿千周委"
    "素技备半办青省列习响约支般史感劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲"
    "快效斯院查江型眼王按格养易置派层片始却专状育厂京识适属圆包火住调满县局照参红细引听该铁价严"
    "，。、：；？！“”（）"
)
_TRADITIONAL = (
    "的一是不了在有人我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得于著下自之年"
    "過發後作里用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心"
    "她本前開但因只從想實日軍者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間"
    "由問很最重並物手應戰向頭文體政美相見被利什二等產或新己制身果加西斯月話合回特代內信表化老給"
    "世位次度門任常先海通教兒原東聲提立及比員解水名真論處走義各入幾口認條平系氣題活爾更別打女變"
    "四神總何電數安少報才結反受目太量再感建務做接必場件計管期市直德資命山金指克許統區保至隊形社"
    "便空決治展馬科司五基眼書非則聽白卻界達光放強即像難且權思王象完設式色路記南品住告類求據程北"
    "，。、：；？！「」（）"
)
_KANA = "".join(map(chr, [*range(0x3041, 0x3097), *range(0x30A1, 0x30FB), 0x30FC])) + "。、「」"
_HANGUL = (
    "이다는을의에가고하지은를로도한기사서어리인그있나아자니라대시해정수으일스들부전상보게만주여제"
    "과장우드과요했구비년원면성것동안국트경까조된무와거신중세유모마오등내선관적방계공소연후개식진"
    "치물화저러간할회않문위생용들던합습질될미같더결명피학데없단심현말차달당법체네근분래노타심편답"
)
_RUSSIAN = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"
_WESTERN = "éèêëàâäáãåæçîïíìôöóòõøœûüúùñßÿýÉÈÀÂÄÅÆÇÖØÜÑÁÓÚÍ’‘“”–—…«»°·€£©®¿¡ºª•™§²³½\xa0"
_CENTRAL = "ąćęłńóśźżčďěňřšťůžáéíýúőűöüäôľĺŕăâîșțşţđĄĆĘŁŃÓŚŹŻČĎŘŠŽÁÉÍÝÚŐŰÖÜ„”’–—…"

# The first of those that do equally well is taken; name of Python's codec → its usual characters.
_USUAL = {
    "cp1252": _WESTERN,
    "cp1250": _CENTRAL,
    "gb18030": _SIMPLIFIED,
    "big5": _TRADITIONAL,
    "shift_jis": _KANA,
    "euc_jp": _KANA,
    "euc_kr": _HANGUL,
    "cp1251": _RUSSIAN,
    "koi8_r": _RUSSIAN,
}
_ALONE = ("cp1252", "cp1250")  # their letters stand among those of ASCII
_CALLED = {
    "gb18030": "GBK (GB18030)",
    "big5": "Big5",
    "shift_jis": "Shift-JIS",
    "euc_jp": "EUC-JP",
    "euc_kr": "EUC-KR",
    "koi8_r": "KOI8-R",
}


class Likely(NamedTuple):
    """An encoding that bytes are likely in.

    Attributes
    ----------
    name : str
        Of Python's codec, as ``--encoding`` takes it.
    mixed : bool
        Whether other lines are UTF-8 beyond ASCII.
    """

    name: str
    mixed: bool = False

    @property
    def called(self) -> str:
        """What people call it."""
        return _CALLED.get(self.name, self.name.upper())


def likely_encoding(raw: io.BufferedIOBase) -> Likely | None:
    r"""Judge which encoding a file is in that is no UTF-8; None where nothing stands out.

    >>> likely_encoding(io.BytesIO("id,p\n1,这是一个很好的问题\n".encode("gbk")))
    Likely(name='gb18030', mixed=False)
    >>> likely_encoding(io.BytesIO("Où est le café d'été ?".encode("cp1252"))).called
    'CP1252'
    >>> likely_encoding(io.BytesIO("id,prompt\n1,Hi\n".encode("utf-16-le"))).called
    'UTF-16-LE'
    """
    wide = order_of_bytes(raw.read(512))
    if wide:
        return Likely(wide)
    raw.seek(0)
    sample, n_bad, n_good = b"", 0, 0
    for line in _lines(raw):
        if line.isascii():
            continue
        try:
            line.decode()
            n_good += 1
        except UnicodeDecodeError:
            n_bad += 1
            sample += line
        if len(sample) >= _LOOKED_AT:
            break
    scores = {name: usual_share(sample, name) for name in _USUAL}
    best = max(scores, key=lambda name: scores[name])
    return Likely(best, n_good > n_bad) if scores[best] >= _LEAST else None


def undecodable_lines(raw: io.BufferedIOBase) -> tuple[int, int]:
    r"""Count the lines of a file that are no UTF-8, and all of them.

    >>> undecodable_lines(io.BytesIO(b"a\ncaf\xe9\n\xef\xbf\xbd\n"))
    (1, 3)
    """
    bad = whole = 0
    for line in _lines(raw):
        whole += 1
        try:
            line.decode()
        except UnicodeDecodeError:
            bad += 1
    return bad, whole


def order_of_bytes(start: bytes) -> str | None:
    """Return which order the bytes of UTF-16, or UTF-32, are in, where every other one is NUL.

    >>> order_of_bytes("id,prompt".encode("utf-16-be")), order_of_bytes(b"id,prompt")
    ('utf-16-be', None)
    """
    zeros = [start[at::2].count(0) * 4 > len(start) for at in (0, 1)]
    return {(True, False): "utf-16-be", (False, True): "utf-16-le"}.get((zeros[0], zeros[1]))


def _lines(raw: io.BufferedIOBase) -> Iterator[bytes]:
    """Yield the lines of a file; of one that is longer than a block pieces."""
    while block := raw.read(_BLOCK):
        yield from (block + raw.readline(_BLOCK)).splitlines(keepends=True)


def usual_share(sample: bytes, encoding: str) -> float:
    """Return which share of the characters beyond ASCII are usual, less twice what is none at all.

    >>> usual_share("Ünïcödé".encode("cp1252"), "cp1252")
    1.0
    >>> usual_share("Привет".encode("cp1251"), "koi8_r") < 0.2
    True
    """
    text = sample.decode(encoding, "replace")
    usual, bad, number, run = 0, 0, 0, 0
    known, alone = frozenset(_USUAL[encoding]), encoding in _ALONE
    for character in [*text, " "]:
        if character.isascii():
            usual -= run if alone and run > _SHORT_RUN else 0
            run = 0
            continue
        number += 1
        bad += character == "\ufffd" or "\x80" <= character < "\xa0"
        if character in known:
            usual += 1
            run += 1
    return (max(usual, 0) - 2 * bad) / number if number else 0.0
