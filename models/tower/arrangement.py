"""Battles as the token sequences that a tower reads: turns, marks, and a budget for each part."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.encoding.tokeniser import BETWEEN, Tokeniser
from features.encoding.truncation import PART_CUTS, Tokens
from features.layout import TEXTS, Places, Texts, Turns, to_polars, turns_of
from features.text.normalisation import Normalisation, normalised_texts
from models.tower.settings import TowerSettings

# What stands for a turn that is null, that holds no text, that could not be decoded, or that is
# not there at all.
NULL, EMPTY, UNDECODABLE, NO_TURN = "[null]", "[empty]", "[undecodable]", "[no turn]"
REPLACEMENT = "\ufffd"
LEMMAS = Normalisation("nltk", stem=False, lemmatize=True)
# Characters of texts that are taken apart at a time, which bounds the memory. Words are looked up
# once a block: there it should be few.
TOKENISED, NORMALISED = 2_000_000, 16_000_000

Counts = NDArray[np.intp]


def ascii_texts(texts: Sequence[str]) -> list[str]:
    """Drop all characters that are not ASCII.

    >>> ascii_texts(["Ça va?"])
    ['a va?']
    """
    return [text.encode("ascii", "ignore").decode() for text in texts]


NORMALISATIONS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "as_is": list,
    "ascii": ascii_texts,
    "nltk": lambda texts: normalised_texts(texts, LEMMAS),
}


class Sequences(NamedTuple):
    """The token sequences of battles, each different one once.

    Attributes
    ----------
    pieces : list of ndarray of int32
        With special tokens, each at most `TowerSettings.length` long.
    first, second : ndarray of intp, shape (n_battles,)
        Where each battle's sequences stand in `pieces`. In a dual arrangement A's and B's; in a
        joint one that of (prompt, A, B) and that of (prompt, B, A).
    """

    pieces: list[Tokens]
    first: Places
    second: Places


def arrange(battles: pd.DataFrame, tokeniser: Tokeniser, settings: TowerSettings) -> Sequences:
    """Write battles as token sequences.

    A sequence depends on its own battle alone, and a swap of A and B swaps `first` and `second`.
    A text of several turns is one line a turn, each labelled with its number.

    Parameters
    ----------
    battles : DataFrame
    tokeniser : Tokeniser
    settings : TowerSettings
        `arrangement`, `turns`, `text`, `undecodable`, `instruction`, `length`, `shares` and `cut`
        are read.

    Raises
    ------
    ValueError
        The special tokens and the instruction leave no room for a token of each part.
    LookupError
        A corpus of NLTK's is needed and not found.
    """
    joint = settings.arrangement == "joint"
    glue = glue_of(tokeniser, settings)
    room = settings.length - sum(map(len, glue))
    texts = written(battles, settings)
    cut = PART_CUTS[settings.cut]
    # No part is given more than the whole room, and what was cut to it is cut again as the whole
    # would be: so the tokens of long texts need not be kept.
    tokens = [
        cut(of_text, room)
        for block in blocks(texts.distinct, TOKENISED)
        for of_text in tokeniser.tokens(block)
    ]
    orders = [(texts.a, texts.b), (texts.b, texts.a)] if joint else [(texts.a,), (texts.b,)]
    wanted = np.concatenate([np.column_stack([texts.prompt, *order]) for order in orders])
    parts, places = np.unique(wanted, axis=0, return_inverse=True)
    needs = np.array([len(of_text) for of_text in tokens], dtype=np.intp)[parts]
    given = budgets(needs, settings.shares[: len(glue) - 1], room)
    sequences = [
        woven(glue, [cut(tokens[text], size) for text, size in zip(row, sizes, strict=True)])
        for row, sizes in zip(parts.tolist(), given.tolist(), strict=True)
    ]
    number = {piece.tobytes(): place for place, piece in reversed([*enumerate(sequences)])}
    # Texts that differ may be the same once they are cut.
    kept, place_of = np.unique(
        np.array([number[piece.tobytes()] for piece in sequences], dtype=np.intp),
        return_inverse=True,
    )
    first, second = place_of[places.reshape(2, -1)]
    return Sequences([sequences[place] for place in kept.tolist()], first, second)


def glue_of(tokeniser: Tokeniser, settings: TowerSettings) -> list[Tokens]:
    """Return the tokens that stand before, between and after the parts, see `woven`.

    Raises
    ------
    ValueError
        They leave no room for a token of each part.
    """
    n_parts = 3 if settings.arrangement == "joint" else 2
    before = np.concatenate([tokeniser.before, instruction_tokens(tokeniser, settings)])
    glue = [before, *[tokeniser.between] * (n_parts - 1), tokeniser.after]
    special = sum(map(len, glue))
    if settings.length - special < n_parts:
        raise ValueError(
            f"The length of TowerSettings must leave a token to each of {n_parts} parts beside "
            f"{special} special and instructing ones. Got {settings.length} instead."
        )
    return glue


def instruction_tokens(tokeniser: Tokeniser, settings: TowerSettings) -> Tokens:
    """Return the tokens of the instruction and of the empty line after it; none without one."""
    if not settings.instruction:
        return np.empty(0, dtype=np.int32)
    return tokeniser.tokens([settings.instruction + BETWEEN])[0]


def woven(glue: Sequence[Tokens], parts: Sequence[Tokens]) -> Tokens:
    """Put parts between special tokens: one more of these than of parts.

    >>> woven([np.array([1]), np.array([2]), np.array([3])], [np.array([7, 8]), np.array([9])])
    array([1, 7, 8, 2, 9, 3])
    """
    pairs = zip(glue[:-1], parts, strict=True)
    return np.concatenate([*(piece for pair in pairs for piece in pair), glue[-1]])


def budgets(needs: Counts, shares: Sequence[int], room: int) -> Counts:
    """Divide the room of a sequence among its parts.

    A part that needs less than its share is given what it needs, and the others divide the rest
    by their shares. What is left by rounding goes to the prompt, if it needs it: so two answers
    of equal shares are cut alike in whichever order they come.

    Parameters
    ----------
    needs : ndarray of intp, shape (n_sequences, n_parts)
        Tokens of each part, the prompt's first.
    shares : sequence of int
    room : int

    Returns
    -------
    ndarray of intp, shape (n_sequences, n_parts)
        At most `needs`; a row adds up to at most `room`.

    Examples
    --------
    >>> budgets(np.array([[9, 200, 200], [50, 200, 10], [50, 60, 200]]), (20, 40, 40), 100)
    array([[ 9, 45, 45],
           [30, 60, 10],
           [20, 40, 40]])
    """
    granted = np.zeros_like(needs)
    fair = np.zeros_like(needs)
    still = np.ones(needs.shape, dtype=np.bool_)
    for _ in shares:  # each round grants a part what it needs, or is the last that changes anything
        open_shares = still * np.array(shares, dtype=np.intp)
        left = room - granted.sum(axis=1, keepdims=True)
        fair = left * open_shares // np.maximum(open_shares.sum(axis=1, keepdims=True), 1)
        fits = still & (needs <= fair)
        granted = np.where(fits, needs, granted)
        still &= ~fits
    given = np.where(still, fair, granted)
    given[:, 0] = np.minimum(given[:, 0] + room - given.sum(axis=1), needs[:, 0])
    return given


def written(battles: pd.DataFrame, settings: TowerSettings) -> Texts:
    r"""Return the three texts of each battle as they are read, each different one once.

    >>> from data.battles import make_battles
    >>> battles = make_battles([["Hi", None]], [[]], [" "])
    >>> written(battles, TowerSettings()).distinct
    ['[1] Hi\n[2] [null]', '[no turn]', '[empty]']
    """
    turns = turns_of(to_polars(battles), list(TEXTS.values()))
    read = marked(turns, settings)
    starts = np.flatnonzero(np.diff(turns.owner, prepend=-1)).tolist()
    if settings.turns == "first":
        joined = [read[start] for start in starts]
    else:
        bounds = pairwise([*starts, len(read)])
        joined = [labelled(read[start:end]) for start, end in bounds]
    codes, distinct = pd.factorize(np.array(joined, dtype=object))
    return Texts(distinct.tolist(), *codes.astype(np.intp).reshape(turns.shape))


def marked(turns: Turns, settings: TowerSettings) -> list[str]:
    """Return each turn as it is read: normalised, or the mark of what it is."""
    texts: list[str] = turns.text["text"].to_list()
    distinct = list(dict.fromkeys(texts))
    normal = NORMALISATIONS[settings.text]
    forms = [form for block in blocks(distinct, NORMALISED) for form in normal(block)]
    emptied = settings.undecodable == "empty"
    read = {
        text: UNDECODABLE if emptied and REPLACEMENT in text else form if form.strip() else EMPTY
        for text, form in zip(distinct, forms, strict=True)
    }
    return [
        NO_TURN if not present else NULL if null else read[text]
        for text, present, null in zip(
            texts, turns.present.tolist(), turns.null.tolist(), strict=True
        )
    ]


def labelled(turns: Sequence[str]) -> str:
    r"""Join turns, one a line, each with its number where there is more than one.

    >>> labelled(["Hi"]), labelled(["Hi", "Why?"])
    ('Hi', '[1] Hi\n[2] Why?')
    """
    if len(turns) == 1:
        return turns[0]
    return "\n".join(f"[{number}] {turn}" for number, turn in enumerate(turns, start=1))


def blocks(texts: Sequence[str], most: int) -> Iterator[list[str]]:
    """Cut a list of texts into lists of so many characters at most; a longer text is alone.

    >>> list(blocks(["abc", "d", "efg", "hijklm"], most=4))
    [['abc', 'd'], ['efg'], ['hijklm']]
    """
    block: list[str] = []
    size = 0
    for text in texts:
        if block and size + len(text) > most:
            yield block
            block, size = [], 0
        block.append(text)
        size += len(text)
    if block:
        yield block
