"""What the settings of `lexical` are worth: its direction score alone, out of fold.

On extra rows without the prompts of the scored ones; all texts are counted once.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from benchmarks import real
from benchmarks.quality.study import SCORE, Lines, Options, Study
from features import to_polars
from features.families.lexical import LexicalFeatures
from features.layout import texts_of
from features.ngram.counting import CountStore

SHARED: dict[str, Any] = {"components": 0, "singles": 0, "penalties": (6e-4, 2e-4, 7e-5)}
CHOICES: dict[str, dict[str, Any]] = {
    "as it stands": {},
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
        report = LexicalFeatures(**SHARED | choice).use(store).fit(battles, y).report()
        return *report["direction"].values(), report["penalty"]

    return {name: partial(line, choice) for name, choice in CHOICES.items()}


STUDIES = {"lexical_choices": Study(("choice", *SCORE), _lines)}
