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

ENGLISH, OTHER_LATIN = (tuple(_READ["languages"][name]) for name in ("english", "other_latin"))
SCRIPTS: dict[str, str] = _READ["scripts"]
