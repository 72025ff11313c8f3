"""What a study is: a table of its own, each line made when its turn comes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from sklearn.pipeline import FeatureUnion

from benchmarks.tables import write, write_header, write_row
from features.storage.cache import Cache
from pipelines.config import Config
from pipelines.estimator.build import build_pipeline, precompute
from pipelines.estimator.encoding import encode

CACHE_BYTES = 10**10
SCORE = ("rows", "log loss", "AUC", "penalty")  # of a family that reports its own
Lines = Mapping[str, Callable[[], Iterable[object]]]


class LineError(ValueError):
    """A line that a study does not have."""


class Options(NamedTuple):
    """What all studies may be asked for."""

    seeds: Sequence[int] = (0, 1, 2)
    only: Sequence[str] = ()
    cache: Path | None = None

    @property
    def kept(self) -> Cache | None:
        """The cache of counts and vectors, if one is named."""
        return Cache(self.cache, CACHE_BYTES) if self.cache else None


class Study(NamedTuple):
    """Columns, and a function that reads what all lines need and gives each line by its name."""

    columns: Sequence[str]
    lines: Callable[[Options], Lines]


def features_of(config: Config, battles: pd.DataFrame, kept: Cache | None) -> FeatureUnion:
    """Return the families of a configuration, what needs no labels computed of battles already."""
    pipeline = build_pipeline(config, cache=kept)
    encode(pipeline, battles)
    union: FeatureUnion = precompute(pipeline, battles, cache=kept).named_steps["features"]
    return union


def write_study(name: str, study: Study, options: Options) -> None:
    """Print a study's table, or those of its lines that are asked for.

    Raises
    ------
    LineError
        It has no such line.
    """
    lines = study.lines(options)
    if unknown := set(options.only) - set(lines):
        raise LineError(
            f"{name}: no such line: {', '.join(sorted(unknown))}. It has: {', '.join(lines)}."
        )
    write(f"\n{name}\n")
    write_header(study.columns)
    for line in options.only or lines:
        write_row([line, *lines[line]()])
