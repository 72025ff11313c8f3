"""Which votes were read before: copies, votes of several people, and contradictions.

A vote is what was asked, what was answered by whom, and who won. No further column makes it
another one, but for the judge's in layouts that have one; nor does the order of its answers.
"""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from data.cells import Conversation
from data.labels import TIE, A, B
from data.layouts.layout import Battle
from data.layouts.reading import RepeatedVotes
from data.soft import Shares
from data.tables.read import DataError

COPIES, COPIED_SHARE = 5, 0.01  # so many rows, or so large a share of them, are taken for copies
_MARSHAL = 2  # later formats tell strings apart by where they are kept
_SWAPPED = {A: B, B: A, TIE: TIE}


class Votes:
    """Tells votes already read from new ones by a 16-byte digest of each battle.

    Parameters
    ----------
    repeated : {"keep", "once"}, optional
        Whether votes that an earlier row has are kept, as those of several people, or left out, as
        copies. By default they are left out, and `check` refuses more of them than copies are.
        Those with A and B exchanged do not count there: such rows are made, to have more of them.

    Examples
    --------
    >>> votes = Votes()
    >>> one = Battle(["Hi"], ["Hello!"], ["Hey"], A, "x", "y")
    >>> swapped = Battle(["Hi"], ["Hey"], ["Hello!"], B, "y", "x")
    >>> [votes.add(battle) for battle in (one, swapped, one._replace(vote=TIE))]
    [None, 'swapped_copies', 'contradictory']
    """

    def __init__(self, repeated: RepeatedVotes | None = None) -> None:
        self._repeated = repeated
        self._bits: dict[bytes, int] = {}  # of a battle: a bit for each vote in each order
        self._left_out = 0

    def add(self, battle: Battle, judges: Sequence[object] = ()) -> str | None:
        """Remember a vote, and return the key of `COUNTS` under which it counts.

        Parameters
        ----------
        battle : Battle
            With its vote, which is `A`, `B` or `TIE`, or with the shares of the three.
        judges : sequence
            Who voted, where the layout says so: another one's vote is another vote.

        Returns
        -------
        str or None
            ``duplicates`` where the row is to be left out, ``swapped_copies`` where it is because
            an earlier one is the same with A and B exchanged, ``repeated_votes`` where it is kept
            although an earlier one is the same, ``contradictory`` where an earlier one has another
            vote of the same battle, else None.
        """
        key, vote, exchanged = _digest(battle, judges)
        earlier = self._bits.get(key, 0)
        if isinstance(vote, tuple):  # of shares each has bits of its own
            self._bits[key] = earlier | 1 << 2 * len(_SWAPPED)
            key, vote = blake2b(key + repr(vote).encode(), digest_size=16).digest(), 0
        met = self._bits.get(key, 0)
        own, mirrored = (1 << (2 * vote + order) for order in (exchanged, not exchanged))
        self._bits[key] = met | own
        if not met & (own | mirrored):
            return "contradictory" if earlier else None
        if self._repeated == "keep":
            return "repeated_votes"
        if not met & own:
            return "swapped_copies"
        self._left_out += 1
        return "duplicates"

    def check(self, name: str, n_rows: int) -> None:
        """Refuse files of which more rows were left out than copies are, unless that was asked for.

        Parameters
        ----------
        name : str
            Of the files.
        n_rows : int
            Of them all, when they have been read.

        Raises
        ------
        DataError
            Names both numbers, and the flag that says what such rows are.
        """
        if self._repeated is not None or self._left_out <= max(COPIES, COPIED_SHARE * n_rows):
            return
        raise DataError(
            f"{name}: expected votes that differ, found {self._left_out:,} of {n_rows:,} rows that "
            "repeat an earlier one: texts, models and vote are the same. If they are votes of "
            "several people, pass --repeated-votes keep, and all of them count; if they are "
            "copies, pass --repeated-votes once, and one of each does."
        )


def _digest(battle: Battle, judges: Sequence[object]) -> tuple[bytes, int | Shares, bool]:
    """Return a digest that either order of the answers has, and the vote in the order it takes.

    Last comes whether that order is the other one.
    """
    a = _as_bytes(str(battle.model_a), battle.response_a)
    b = _as_bytes(str(battle.model_b), battle.response_b)
    vote, swapped = _both_orders(battle)
    if exchanged := b < a:
        a, b, vote = b, a, swapped
    elif a == b:  # a vote for either is the other one's, swapped
        vote = min(vote, swapped)
    content = _as_bytes(battle.prompt, *map(str, judges)) + a + b
    return blake2b(content, digest_size=16).digest(), vote, exchanged


def _both_orders(battle: Battle) -> Any:
    """Return a vote, or its shares, and the same with A and B in each other's place."""
    if battle.shares is None:
        vote = int(battle.vote or 0)
        return vote, _SWAPPED[vote]
    a, b, tie = battle.shares
    return battle.shares, (b, a, tie)


def _as_bytes(*cells: str | Conversation) -> bytes:
    """Return what no other cells give: lengths stand before texts."""
    return marshal.dumps(cells, _MARSHAL)
