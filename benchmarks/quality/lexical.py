"""What the settings of `lexical` are worth: its direction score alone, out of fold.

On extra rows without the prompts of the scored ones; all texts are counted once.
"""

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from benchmarks import real
from benchmarks.quality.study import SCORE, Lines, Options, Study
from features import to_polars
from features.families.lexical import LexicalFeatures
from features.layout import texts_of
from features.ngram.counting import CountStore

SHARED: dict[str, Any] = {"components": 0}
CHOICES: dict[str, dict[str, Any]] = {
    "as it stands": {},
    "penalties from 30 to 3": {"penalties": (30.0, 10.0, 3.0)},
    "penalties from 30 to 1": {"penalties": (30.0, 10.0, 3.0, 1.0)},
    "words alone": {"characters": ()},
    "characters alone": {"words": ()},
    "50,000 columns": {"max_features": 50_000},
    "300,000 columns": {"max_features": 300_000},
    "words 1-2": {"words": (1, 2)},
    "characters 3-4": {"characters": (3, 4)},
    "characters 1-6": {"characters": (1, 6)},
}


def _lines(options: Options) -> Lines:
    battles, y = real.extra_rows()
    store = CountStore(texts_of(to_polars(battles)).distinct, options.kept)

    def line(choice: dict[str, Any]) -> Iterable[object]:
        family, start = LexicalFeatures(**SHARED | choice).use(store), time.process_time()
        report = family.fit(battles, y).report()
        seconds = f"{time.process_time() - start:.1f}"
        return *report["direction"].values(), report["penalty"], seconds

    return {name: partial(line, choice) for name, choice in CHOICES.items()}


STUDIES = {"lexical_choices": Study(("choice", *SCORE, "CPU-seconds"), _lines)}
