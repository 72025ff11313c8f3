r"""What an answer takes from its prompt, how alike the two answers are, what repeats in one.

Words are those of `features.text.words` (``\w+``), in lower case. Trigrams are three neighbouring
characters of the text in lower case, or three neighbouring words of it. Sets hold what is distinct:
character trigrams exactly, words, word trigrams and lines by a 64-bit hash (two different ones of
a battle look the same in fewer than one of a billion battles). The turns of a text are joined by a
line break. A share of nothing is 0.
"""

import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.family import BattleFamily
from features.layout import TEXTS, share
from features.sides import Array
from features.table import SHARE, documentation, side_columns
from features.text.passes import matching

Codes = NDArray[np.uint32]
Bounds = NDArray[np.int64]

CHUNK = 512  # battles at a time: what lies between texts and counts stays in the cache
COMPRESSED_BYTES = 65_536  # of an answer, the rest is left out; the Arena's longest has 53,000
LONG_WORD = 5  # characters; shorter English words are mostly function words


def compressible(text: str) -> float:
    """Share of a text's UTF-8 bytes that deflate at level 1 saves; 0 where it saves none.

    >>> compressible(""), compressible("word"), round(compressible("word " * 100), 2)
    (0.0, 0.0, 0.97)
    """
    plain = text.encode()[:COMPRESSED_BYTES]
    return max(0.0, 1.0 - len(zlib.compress(plain, 1, wbits=-15)) / max(len(plain), 1))


def jaccard(shared: Array, a: Array, b: Array) -> Array:
    """Share of the union of two sets that lies in both, from the sizes.

    >>> jaccard(np.array([2.0]), np.array([3.0]), np.array([7.0]))
    array([0.25])
    """
    return share(shared, a + b - shared)


def containment(shared: Array, a: Array, b: Array) -> Array:
    """Share of the smaller of two sets that lies in the other one, from the sizes.

    >>> containment(np.array([2.0]), np.array([4.0]), np.array([7.0]))
    array([0.5])
    """
    return share(shared, np.minimum(a, b))


def of_longer(common: Array, a: Array, b: Array) -> Array:
    """Share of the longer of two texts that is common, from the lengths.

    >>> of_longer(np.array([3.0]), np.array([4.0]), np.array([6.0]))
    array([0.5])
    """
    return share(common, np.maximum(a, b))


def repeated(distinct: Array, total: Array) -> Array:
    """Share of the elements that have occurred before.

    >>> repeated(np.array([3.0]), np.array([4.0]))
    array([0.25])
    """
    return share(total - distinct, total)


class OverlapStatistic(NamedTuple):
    """A formula, the counts that it takes, and the columns to make of it.

    The counts are named as `_counts` names them. Where a name holds ``{}``, the statistic is
    one of each answer, and ``{}`` stands for ``a`` or ``b``.
    """

    doc: str
    formula: Callable[..., Array]
    counts: tuple[str, ...]
    sides: tuple[str, ...] = SHARE


def _of_pair(doc: str, formula: Callable[..., Array], *counts: str) -> OverlapStatistic:
    return OverlapStatistic(doc, formula, counts, ("pair",))


STATISTICS: dict[str, OverlapStatistic] = {
    "prompt_words_used": OverlapStatistic(
        "share of the prompt's words that occur in the answer",
        share, ("words prompt {}", "words prompt"),
    ),
    "words_from_prompt": OverlapStatistic(
        "share of the answer's words that occur in the prompt",
        share, ("words prompt {}", "words {}"),
    ),
    "prompt_long_words_used": OverlapStatistic(
        "share of the prompt's words of five characters or more that occur in the answer",
        share, ("long prompt {}", "long prompt"),
    ),
    "long_words_from_prompt": OverlapStatistic(
        "share of the answer's words of five characters or more that occur in the prompt",
        share, ("long prompt {}", "long {}"),
    ),
    "last_prompt_words_used": OverlapStatistic(
        "share of the words of the prompt's last turn that occur in the answer's last turn",
        share, ("last prompt {}", "last prompt"),
    ),
    "last_words_from_prompt": OverlapStatistic(
        "share of the words of the answer's last turn that occur in the prompt's last turn",
        share, ("last prompt {}", "last {}"),
    ),
    "compressible": OverlapStatistic(
        "share of the bytes that compression saves", np.positive, ("compressible {}",)
    ),
    "repeated_lines": OverlapStatistic(
        "share of the lines that have occurred before", repeated, ("lines {}", "all lines {}")
    ),
    "repeated_trigrams": OverlapStatistic(
        "share of the word trigrams that have occurred before",
        repeated, ("phrases {}", "all phrases {}"),
    ),
    "words_jaccard": _of_pair(
        "share of the answers' words that both have", jaccard, "words a b", "words a", "words b"
    ),
    "words_contained": _of_pair(
        "share of one answer's words that the other has, whichever has fewer",
        containment, "words a b", "words a", "words b",
    ),
    "trigrams_jaccard": _of_pair(
        "share of the answers' character trigrams that both have",
        jaccard, "trigrams a b", "trigrams a", "trigrams b",
    ),
    "trigrams_contained": _of_pair(
        "share of one answer's character trigrams that the other has, whichever has fewer",
        containment, "trigrams a b", "trigrams a", "trigrams b",
    ),
    "same_start": _of_pair(
        "characters that the answers begin with in common, as a share of the longer one",
        of_longer, "start", "characters a", "characters b",
    ),
    "same_end": _of_pair(
        "characters that the answers end with in common, as a share of the longer one",
        of_longer, "end", "characters a", "characters b",
    ),
    "identical": _of_pair("whether the answers are the same text", np.positive, "identical"),
}  # fmt: skip


class OverlapFeatures(BattleFamily):
    """Words shared by prompt and answer, likeness of the two answers, repetition in each.

    Examples
    --------
    >>> from data.battles import make_battles
    >>> battles = make_battles(["Is tea good?"], ["Tea is good."], ["Tea. Tea is fine."])
    >>> columns = OverlapFeatures().fit_transform(battles)
    >>> columns[["overlap__prompt_words_used_diff", "overlap__words_jaccard_pair"]].values
    array([[0.33333334, 0.5       ]], dtype=float32)
    """

    name = "overlap"

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        counts = _counts(battles)
        columns: dict[str, Array] = {}
        for name, row in STATISTICS.items():
            a, b = (row.formula(*(counts[key.format(of)] for key in row.counts)) for of in "ab")
            if row.sides == ("pair",):
                columns[f"{name}_pair"] = a
            else:
                columns |= side_columns(name, {"a": a, "b": b}, row.sides)
        return columns

    def _documentation(self) -> dict[str, str]:
        return documentation(STATISTICS)


def _counts(battles: pl.DataFrame) -> dict[str, Array]:
    """Return all counts by name, shape (n_battles,) each; threads share the chunks."""
    chunks = [battles[start : start + CHUNK] for start in range(0, max(battles.height, 1), CHUNK)]
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        counts = list(threads.map(_count, chunks))
    return {name: np.concatenate([count[name] for count in counts]) for name in counts[0]}


def _count(battles: pl.DataFrame) -> dict[str, Array]:
    texts = battles.select(_texts())
    lower = texts.select(pl.all().str.to_lowercase())
    codes, bounds = _code_points(lower.select(*TEXTS))
    last = bounds[:, 1:] - _lengths(lower.select(f"last {name}" for name in TEXTS))
    return (
        _of_words(codes, bounds, last)
        | _of_trigrams(codes, bounds[:, 1:])
        | _of_characters(*_code_points(texts.select("a", "b")))
        | _of_bytes(texts)
    )


def _texts() -> Iterator[pl.Expr]:
    """Join the turns of each text, and give its last turn."""
    for name, column in TEXTS.items():
        turns = pl.col(column)
        yield turns.list.join("\n", ignore_nulls=True).fill_null("").alias(name)
        yield turns.list.last().fill_null("").alias(f"last {name}")


def _of_words(codes: Codes, bounds: Bounds, last: Bounds) -> dict[str, Array]:
    """Count words and what is shared of them, and the phrases (word trigrams) of each answer."""
    from features.text import overlap_kernels

    words, phrases, running = overlap_kernels.word_sets(
        codes, bounds, last, matching(r"\w"), LONG_WORD
    )
    prompt, a, b = range(len(TEXTS))
    counts = {"words a b": overlap_kernels.holding(words, a, b)}
    for kind, bits in overlap_kernels.WORD_KINDS.items():
        counts[f"{kind} prompt"] = overlap_kernels.holding(words, *bits(prompt))
        for text, name in ((a, "a"), (b, "b")):
            counts[f"{kind} {name}"] = overlap_kernels.holding(words, *bits(text))
            counts[f"{kind} prompt {name}"] = overlap_kernels.holding(
                words, *bits(prompt), *bits(text)
            )
    for text, name in ((a, "a"), (b, "b")):
        counts[f"phrases {name}"] = overlap_kernels.holding(phrases, text)
        counts[f"all phrases {name}"] = np.maximum(running[:, text] - 2.0, 0.0)
    return counts


def _of_trigrams(codes: Codes, bounds: Bounds) -> dict[str, Array]:
    """Count the character trigrams of the answers."""
    from features.text import overlap_kernels

    trigrams = overlap_kernels.trigram_sets(codes, np.ascontiguousarray(bounds))
    return {
        "trigrams a": overlap_kernels.holding(trigrams, 0),
        "trigrams b": overlap_kernels.holding(trigrams, 1),
        "trigrams a b": overlap_kernels.holding(trigrams, 0, 1),
    }


def _of_characters(codes: Codes, bounds: Bounds) -> dict[str, Array]:
    """Count lines, and compare the answers from both ends."""
    from features.text import overlap_kernels

    lines, running = overlap_kernels.line_sets(codes, bounds, matching(r"\s"))
    start, end = overlap_kernels.common_ends(codes, bounds).T.astype(np.float64)
    a, b = np.diff(bounds, axis=1).T.astype(np.float64)
    return {
        "lines a": overlap_kernels.holding(lines, 0),
        "lines b": overlap_kernels.holding(lines, 1),
        "all lines a": running[:, 0].astype(np.float64),
        "all lines b": running[:, 1].astype(np.float64),
        "characters a": a,
        "characters b": b,
        "start": start,
        "end": end,
        "identical": ((start == a) & (start == b)).astype(np.float64),
    }


def _of_bytes(texts: pl.DataFrame) -> dict[str, Array]:
    """Compress the answers; zlib lets other threads run meanwhile."""
    return {
        f"compressible {name}": np.fromiter(map(compressible, texts[name]), np.float64)
        for name in "ab"
    }


def _lengths(texts: pl.DataFrame) -> Bounds:
    return texts.select(pl.all().str.len_chars().cast(pl.Int64)).to_numpy()


def _code_points(texts: pl.DataFrame) -> tuple[Codes, Bounds]:
    """Lay the characters of all texts in one array, row by row, with the bounds of each text."""
    from features.compiled import code_points

    codes, _ = code_points(texts.select(pl.concat_str(pl.all())).to_series())
    ends = np.concatenate([[0], _lengths(texts).ravel().cumsum()])
    places = np.arange(texts.height)[:, None] * texts.width + np.arange(texts.width + 1)
    return codes, ends[places]
