"""What the settings of `lexical` are worth: ``python -m benchmarks.lexical_choices [NAME …]``.

The cross-fitted direction score alone, over the decided rows of ``arena/extra.csv`` of the folder
that ``ARENABOOST_DATA`` names, without those whose prompt stands in ``arena/train.csv``: nothing is
chosen on the rows that figures are scored on.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.extra_rows import extra_rows
from features import to_polars
from features.families.lexical import LexicalFeatures
from features.layout import texts_of
from features.ngram.counting import CountStore

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
SHARED: dict[str, Any] = {"components": 0, "singles": 0, "penalties": (6e-4, 2e-4, 7e-5)}


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lexical_choices", description=__doc__
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHOICES)}")
    names = parser.parse_args().names or list(CHOICES)
    if unknown := set(names) - set(CHOICES):
        parser.error(f"no such choice: {', '.join(sorted(unknown))}")
    if "ARENABOOST_DATA" not in os.environ:
        sys.stdout.write("skipped: ARENABOOST_DATA does not name the folder of real battles\n")
        return 0
    arena = Path(os.environ["ARENABOOST_DATA"]) / "arena"
    battles, y = extra_rows(arena)
    store = CountStore(texts_of(to_polars(battles)).distinct)
    sys.stdout.write("| choice | rows | log loss | AUC | penalty |\n|---|---|---|---|---|\n")
    for name in names:
        family = LexicalFeatures(**SHARED | CHOICES[name]).use(store).fit(battles, y)
        report = family.report()
        row = [name, *report["direction"].values(), report["penalty"]]
        sys.stdout.write("| " + " | ".join(map(str, row)) + " |\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
