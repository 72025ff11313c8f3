"""How files are to be read, as far as someone says it: ``--layout``, ``--columns``, ``--votes``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypedDict

from data.labels import TIE, A, B
from data.layouts.layout import BOTH_BAD, WORDS, Vote, as_word
from data.layouts.registry import LAYOUTS
from data.tables.read import DataError, shown
from data.tables.texts import known_encoding

BothBad = Literal["tie", "skip"]
RepeatedVotes = Literal["keep", "once"]
SKIP_AT_MOST = 0.05
_SIDES: dict[str, Vote] = {"a": A, "b": B, "tie": TIE, "both-bad": BOTH_BAD}


class ReadingTold(TypedDict):
    """What a run tells of how its files were read."""

    layout: str | None
    columns: dict[str, str]
    votes: dict[str, Vote]
    both_bad: BothBad
    repeated_votes: RepeatedVotes | None
    encoding: str | None
    raw: bool
    skip_at_most: float


@dataclass(frozen=True)
class Reading:
    """How files are to be read.

    Attributes
    ----------
    layout : str, optional
        A name of `data.layouts.registry.LAYOUTS`; by default a file's columns tell.
    columns : mapping of str to str
        A layout's column → what the file calls it.
    votes : mapping of str to int
        What stands in the winner's column, in small letters → `A`, `B`, `TIE` or `BOTH_BAD`; by
        default the layout's own words.
    both_bad : {"tie", "skip"}
        Whether votes that both answers are bad are ties, or left out.
    repeated_votes : {"keep", "once"}, optional
        Whether votes that an earlier row has are those of several people, or copies; by default
        few of them are copies, and many are an error, see `data.votes.Votes`.
    encoding : str, optional
        Of CSV and JSON text. By default it is UTF-8, and a file of which much is not is refused.
    raw : bool
        Whether cells of a test file that begin like lists, in no notation that is known, are text.
    skip_at_most : float
        The share of the rows of a file that may be left out because they cannot be read.

    Raises
    ------
    DataError
        There is no such layout or encoding, or the share is none.
    """

    layout: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    votes: Mapping[str, Vote] = field(default_factory=dict)
    both_bad: BothBad = "tie"
    repeated_votes: RepeatedVotes | None = None
    encoding: str | None = None
    raw: bool = False
    skip_at_most: float = SKIP_AT_MOST

    def __post_init__(self) -> None:
        if self.encoding is not None:
            object.__setattr__(self, "encoding", known_encoding(self.encoding))
        if not 0 <= self.skip_at_most <= 1:
            raise DataError(f"--skip-at-most {self.skip_at_most:g}: expected a share from 0 to 1.")
        if self.layout is not None and self.layout not in LAYOUTS:
            raise DataError(
                f"--layout {self.layout}: no such layout. Expected one of {', '.join(LAYOUTS)}."
            )

    @property
    def words(self) -> Mapping[str, Vote]:
        """What stands for which vote."""
        return self.votes or WORDS

    @property
    def knows_ties(self) -> bool:
        """Whether `votes`, where they are given, name a tie."""
        return not self.votes or not {TIE, BOTH_BAD}.isdisjoint(self.votes.values())

    def told(self) -> ReadingTold:
        """Return what a run notes of it, so that its files are read alike again."""
        return {
            "layout": self.layout,
            "columns": dict(self.columns),
            "votes": dict(self.votes),
            "both_bad": self.both_bad,
            "repeated_votes": self.repeated_votes,
            "encoding": self.encoding,
            "raw": self.raw,
            "skip_at_most": self.skip_at_most,
        }

    def binding(self) -> Reading:
        """Return what of it says which training rows there are."""
        return replace(self, raw=False, skip_at_most=SKIP_AT_MOST)


def parse_columns(text: str) -> dict[str, str]:
    """Read ``--columns``.

    >>> parse_columns("prompt=question,response_a=out 1")
    {'prompt': 'question', 'response_a': 'out 1'}
    """
    known = dict.fromkeys(name for one in LAYOUTS.values() for name in one.looked_at())
    found: dict[str, str] = {}
    for name, own in _pairs(text, "--columns", "prompt=question,response_a=out1"):
        if name not in known:
            raise DataError(
                f"--columns {name}=…: no layout has a column of this name. Expected one of "
                f"{', '.join(known)}, before the = sign."
            )
        if name in found:
            raise DataError(f"--columns {name}=…: given twice. Give it once.")
        found[name] = own
    return found


def parse_votes(text: str) -> dict[str, Vote]:
    """Read ``--votes``; several words may stand for the same.

    >>> parse_votes("a=left,b=right,tie=same,tie=Neither")
    {'left': 0, 'right': 1, 'same': 2, 'neither': 2}
    """
    found: dict[str, Vote] = {}
    for side, word in _pairs(text, "--votes", "a=left,b=right,tie=same"):
        if side not in _SIDES:
            raise DataError(
                f"--votes {side}={word}: expected a, b, tie or both-bad before the = sign."
            )
        if found.setdefault(as_word(word), _SIDES[side]) != _SIDES[side]:
            raise DataError(f"--votes: {shown(word)} stands for two votes. Give it once.")
    if not {A, B}.issubset(found.values()):
        raise DataError(f"--votes {text}: expected a word for a and one for b.")
    return found


def _pairs(text: str, flag: str, example: str) -> Sequence[tuple[str, str]]:
    pairs = []
    for piece in text.split(","):
        name, sign, value = (part.strip() for part in piece.partition("="))
        if not (name and sign and value):
            raise DataError(f"{flag} {text}: expected NAME=VALUE with commas between: {example}.")
        pairs.append((name, value))
    return pairs
