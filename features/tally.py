"""Formulas that are counted in compiled passes over the text, many of them in one pass.

A polars expression reads each text anew. A `Tally` is a formula like any other, and may be used as
one; but of all that a table names, those of one pass are counted together (`counted`), and all
passes over the same text share its characters.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain

import numpy as np
import polars as pl
from numpy.typing import NDArray

Formula = Callable[[pl.Expr], pl.Expr]  # a turn's text in, a number out
Codes = NDArray[np.uint32]
Bounds = NDArray[np.int64]
# Characters of all texts, where each text starts, and what to count in them -> a row of counts each
Pass = Callable[[Codes, Bounds, Sequence[Hashable]], NDArray[np.int64]]

BLOCK = 256  # texts at a time: their characters stay in the cache


@dataclass(frozen=True)
class Tally:
    """A formula that counts one thing in a pass that may count others besides.

    Attributes
    ----------
    counts : callable
        The pass.
    what : hashable
        What to count, as the pass knows it.
    views : tuple of callable
        Polars expressions that are applied to the text first, one after the other.
    """

    counts: Pass
    what: Hashable
    views: tuple[Formula, ...] = ()

    def __call__(self, text: pl.Expr) -> pl.Expr:
        """Return the polars expression of the counts."""
        # On a thread of polars: one that waits for others of them waits for ever.
        return (
            self.seen(text)
            .fill_null("")
            .map_batches(lambda texts: pl.Series(_counts(texts, [self])[0]), return_dtype=pl.Int64)
        )

    def seen(self, text: pl.Expr) -> pl.Expr:
        """Return the expression of what is read of a text."""
        for view in self.views:
            text = view(text)
        return text


@dataclass(frozen=True)
class Total:
    """A formula that adds up others."""

    parts: tuple[Formula, ...]

    def __call__(self, text: pl.Expr) -> pl.Expr:
        """Return the polars expression of the sum."""
        return pl.sum_horizontal(part(text) for part in self.parts)


def through(view: Formula, formula: Formula) -> Formula:
    """Return a formula that reads what a polars expression makes of the text.

    >>> shout = through(lambda text: text.str.to_uppercase(), lambda text: text + "!")
    >>> pl.DataFrame({"text": ["Hi"]}).select(shout(pl.col("text"))).item()
    'HI!'
    """
    if isinstance(formula, Total):
        return Total(tuple(through(view, part) for part in formula.parts))
    if isinstance(formula, Tally):
        return replace(formula, views=(view, *formula.views))
    return lambda text: formula(view(text))


@cache
def head(characters: int) -> Formula:
    """Return the view of the first characters of a text; equal numbers give the same view."""
    return lambda text: text.str.head(characters)


def counted(text: pl.DataFrame, formulas: Mapping[str, Formula]) -> dict[str, NDArray[np.float64]]:
    """Evaluate formulas on each row of the column ``text``, each shared part once."""
    parts = {
        name: formula.parts if isinstance(formula, Total) else (formula,)
        for name, formula in formulas.items()
    }
    different = list(dict.fromkeys(chain.from_iterable(parts.values())))
    tallies = [part for part in different if isinstance(part, Tally)]
    groups = {tally.views: [t for t in tallies if t.views == tally.views] for tally in tallies}
    columns = {part: str(number) for number, part in enumerate(different) if part not in tallies}
    seen = {views: f"seen {number}" for number, views in enumerate(groups)}
    column = pl.col("text")
    frame = (
        text.lazy()
        .select(
            *(part(column).alias(name) for part, name in columns.items()),
            *(groups[views][0].seen(column).alias(name) for views, name in seen.items()),
        )
        .collect()
    )
    values: dict[Formula, NDArray[np.float64]] = {
        part: frame[name].to_numpy().astype(np.float64) for part, name in columns.items()
    }
    for views, name in seen.items():
        for tally, counts in _passes(frame[name], groups[views]).items():
            values[tally] = counts.astype(np.float64)
    return {name: np.sum([values[part] for part in parts[name]], axis=0) for name in formulas}


def _passes(texts: pl.Series, tallies: Sequence[Tally]) -> dict[Tally, NDArray[np.int64]]:
    """Count what some tallies of the same view count; threads share the texts."""
    blocks = [texts[start : start + BLOCK] for start in range(0, max(len(texts), 1), BLOCK)]
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        counts = list(threads.map(lambda block: _counts(block.fill_null(""), tallies), blocks))
    return dict(zip(tallies, np.concatenate(counts, axis=1), strict=True))


def _counts(texts: pl.Series, tallies: Sequence[Tally]) -> NDArray[np.int64]:
    """Return what each tally counts in texts of which none is null, in one pass of each kind."""
    from features.compiled import code_points

    characters = code_points(texts)
    found: dict[Tally, NDArray[np.int64]] = {}
    for counts in dict.fromkeys(tally.counts for tally in tallies):
        of = [tally for tally in tallies if tally.counts is counts]
        found |= zip(of, counts(*characters, [tally.what for tally in of]), strict=True)
    return np.array([found[tally] for tally in tallies])
