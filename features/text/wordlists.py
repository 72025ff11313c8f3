"""The lists of ``words.toml``, commonest words of languages, and scripts."""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple


class WordList(NamedTuple):
    """Words and phrases with one meaning.

    Attributes
    ----------
    doc : str
        What they are, in words.
    reason : str
        Why they should tell something, or where the choice of entries comes from.
    entries : tuple of str
        The words, see the head of ``words.toml``.
    places : tuple of str
        Where they are looked for: names from `features.text.phrases.PLACES`. Each place makes a
        statistic of its own.
    """

    doc: str
    reason: str
    entries: tuple[str, ...]
    places: tuple[str, ...] = ("anywhere",)

    @classmethod
    def of(cls, row: dict[str, Any]) -> "WordList":
        """Return the list that a table of the file holds."""
        places = tuple(row.get("places", ("anywhere",)))
        return cls(row["doc"], row["reason"], tuple(row["entries"]), places)


_READ = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
ANSWERS, PROMPTS = (
    {name: WordList.of(row) for name, row in _READ[section].items()}
    for section in ("answers", "prompts")
)

# Commonest words, of three letters or more, of the languages that share the Latin script: which
# of them a text is in. Words that English shares with another ("die", "las", "per") are left out.
ENGLISH = ("the", "and", "that", "with", "for", "you", "what", "how", "are", "this", "can", "write")
OTHER_LATIN = (
    "que", "los", "una", "por", "para", "como", "del", "qué",  # Spanish
    "und", "der", "das", "ist", "ein", "eine", "nicht", "ich", "wie",  # German
    "les", "des", "est", "une", "pour", "dans", "qui",  # French
    "não", "uma", "você", "dos",  # Portuguese
    "che", "della", "sono",  # Italian
    "het", "een", "och", "att", "nie", "się", "jest", "bir",  # Dutch, Swedish, Polish, Turkish
)  # fmt: skip

# Scripts other than Latin, by what Rust's regex calls them. Han and kana are one: Japanese mixes
# them. Greek letters stand in mathematics too, so a few of them say nothing of the language.
SCRIPTS: dict[str, str] = {
    "cyrillic": r"\p{Cyrillic}",
    "cjk": r"[\p{Han}\p{Hiragana}\p{Katakana}]",
    "hangul": r"\p{Hangul}",
    "arabic": r"\p{Arabic}",
    "devanagari": r"\p{Devanagari}",
    "hebrew": r"\p{Hebrew}",
    "greek": r"\p{Greek}",
    "thai": r"\p{Thai}",
}
