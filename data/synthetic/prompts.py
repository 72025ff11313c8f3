"""Prompts of the synthetic world, a chunk at a time, and the draws they are made from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.synthetic import text as text
from data.synthetic.world import Floats, Integers

CHUNK_ROWS = 1000
"""Rows drawn together. A constant of the world: another value would give other battles."""

KIND_SHARES = (0.42, 0.17, 0.08, 0.13, 0.10, 0.10)
LANGUAGE_SHARES = (0.86, 0.03, 0.02, 0.02, 0.03, 0.02, 0.01, 0.01)
DIFFICULTY_SHARES = (0.2, 0.6, 0.2)
TURN_SHARES = (0.87, 0.07, 0.03, 0.015, 0.01, 0.005)
REPEATED_PROMPTS = 0.06
"""Share of rows that take over the prompt of another row of their chunk."""

Turns = list[str | None]
"""Texts of turns; only an answer can be null."""

ENGLISH = 0
SUBJECTS = text.flatten([language.subjects for language in text.LANGUAGES])

_KINDS, _TOPICS, _MOST_TURNS = len(text.KINDS), len(text.TOPICS), len(TURN_SHARES)
# Groups of asks: the kinds of English first turns, English later turns, then other languages.
_ASKS = text.flatten(
    [*text.ENGLISH_ASKS, text.FOLLOW_UPS]
    + [tuple(before for before, _ in language.asks) for language in text.LANGUAGES[1:]]
)
# What follows the subject: English contexts, or the other half of a foreign ask.
_TAILS = text.flatten(
    [text.CONTEXTS]
    + [tuple(after for _, after in language.asks) for language in text.LANGUAGES[1:]]
)
_ENDS = (*text.ENDS, "")


@dataclass(frozen=True)
class Conversations:
    """The prompts of n battles with T turns altogether.

    `kind`, `language`, `difficulty` and `turns` have shape (n,), `factors` (what maths prompts
    multiply) shape (n, 2); `row` and `position` (T,) place each turn; `subject` (T,) numbers
    `SUBJECTS`; `texts` holds T strings.
    """

    kind: Integers
    language: Integers
    difficulty: Integers
    turns: Integers
    factors: Integers
    row: Integers
    position: Integers
    subject: Integers
    texts: Turns


def pick(draws: Floats, count: Integers | int) -> Integers:
    """Turn uniform draws into integers from 0 to `count` - 1.

    >>> pick(np.array([0.0, 0.5, 0.99]), 4).tolist()
    [0, 2, 3]
    """
    return np.asarray(draws * count).astype(np.int64)


def choose(draws: Floats, shares: Sequence[float]) -> Integers:
    """Turn uniform draws into positions in `shares`, each as often as its share.

    >>> choose(np.array([0.0, 0.19, 0.2, 0.99]), [0.2, 0.5, 0.3]).tolist()
    [0, 0, 1, 2]
    """
    return np.searchsorted(np.cumsum(shares)[:-1], draws, side="right").astype(np.int64)


def places(counts: Integers) -> tuple[Integers, Integers]:
    """Give the whole that each part belongs to, and its place in there.

    >>> [numbers.tolist() for numbers in places(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    whole = np.repeat(np.arange(len(counts)), counts)
    start = np.cumsum(counts) - counts
    return whole, np.arange(len(whole)) - start[whole]


def draw_conversations(rng: np.random.Generator) -> Conversations:
    """Draw the prompts of one chunk."""
    source = _sources(rng)
    per_row = rng.random((CHUNK_ROWS, 7))[source]
    per_turn = rng.random((CHUNK_ROWS, _MOST_TURNS, 5))[source]
    language = choose(per_row[:, 0], LANGUAGE_SHARES)
    english = language == ENGLISH
    kind = np.where(english, choose(per_row[:, 1], KIND_SHARES), 0)
    difficulty = np.where(english, choose(per_row[:, 2], DIFFICULTY_SHARES), 1)
    turns = 1 + choose(per_row[:, 3], TURN_SHARES)
    factors = 12 + pick(per_row[:, 5:7], 88)
    row, position = places(turns)
    draws = per_turn[row, position]
    subject = draw_subjects(language[row], pick(per_row[:, 4], _TOPICS)[row], draws[:, 0])
    texts = _texts(kind[row], language[row], difficulty[row], position, subject, draws)
    for turn in np.flatnonzero((kind[row] == text.KINDS.index("maths")) & (position == 0)).tolist():
        first, second = factors[row[turn]]
        texts[turn] = f"What is {first} * {second}? {texts[turn]}"
    return Conversations(kind, language, difficulty, turns, factors, row, position, subject, texts)


def draw_subjects(language: Integers, topic: Integers, draws: Floats) -> Integers:
    """Pick a subject of each topic in each language; all arrays of one length."""
    per_topic = np.array(SUBJECTS.size)[language] // _TOPICS
    return np.array(SUBJECTS.start)[language] + topic * per_topic + pick(draws, per_topic)


def draw_words(table: text.Table, group: Integers, draws: Floats) -> Integers:
    """Pick a word of each group; all arrays of one length."""
    return np.array(table.start)[group] + pick(draws, np.array(table.size)[group])


def _sources(rng: np.random.Generator) -> Integers:
    """Say whose prompt each row has: mostly its own."""
    draws = rng.random((CHUNK_ROWS, 2))
    own = np.arange(CHUNK_ROWS)
    source = np.where(draws[:, 0] < REPEATED_PROMPTS, pick(draws[:, 1], CHUNK_ROWS), own)
    return source[source]  # a row copied from a row that was copied itself


def _texts(
    kind: Integers,
    language: Integers,
    difficulty: Integers,
    position: Integers,
    subject: Integers,
    draws: Floats,
) -> Turns:
    english, first = language == ENGLISH, position == 0
    group = np.where(english, np.where(first, kind, _KINDS), _KINDS + language)
    ask = draw_words(_ASKS, group, draws[:, 1])
    foreign_tail = np.array(_TAILS.start)[language] + ask - np.array(_ASKS.start)[group]
    tail = np.where(english, draw_words(_TAILS, language, draws[:, 2]), foreign_tail)
    level = np.where(english & first, difficulty, text.LEVELS.index(""))
    end = np.where(english, pick(draws[:, 3], len(text.ENDS)), len(text.ENDS))
    number = 2 + pick(draws[:, 4], 58)
    columns = (ask, subject, tail, level, end, number)
    return [
        "".join(
            (_ASKS.words[a], SUBJECTS.words[s], _TAILS.words[t], text.LEVELS[v], _ENDS[e])
        ).replace("{n}", str(n))
        for a, s, t, v, e, n in zip(*(column.tolist() for column in columns), strict=True)
    ]
