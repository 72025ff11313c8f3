"""What is read of a text and how it is pooled: ``python -m benchmarks.encoder_choices [NAME …]``.

The direction score of `features.embedding` alone, out of fold, on battles of ``arena/extra.csv``
(of the folder that ``ARENABOOST_DATA`` names) whose prompts do not occur in ``arena/train.csv``:
the rows that figures are scored on take no part. Each choice encodes the texts anew, which takes
minutes; ``--cache DIR`` finds what was encoded before.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.extra_rows import extra_rows
from features.encoding.encoder import Encoder
from features.families.embedding import EmbeddingFeatures
from features.matching.store import EncoderStore
from features.storage.cache import Cache

CHOICES: dict[str, dict[str, Any]] = {
    "first 256 tokens": {},
    "first 128": {"length": 128},
    "first 192": {"length": 192},
    "first and last 128": {"long": "head_tail"},
    "state of [CLS]": {"pooling": "cls"},
}
PENALTIES = (3.0, 1.0, 3e-1, 1e-1, 3e-2)
SEED = 0


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.encoder_choices", description=__doc__
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHOICES)}")
    parser.add_argument("--battles", type=int, default=6000, metavar="N")
    parser.add_argument("--cache", type=Path, metavar="DIR")
    options = parser.parse_args()
    names = options.names or list(CHOICES)
    if unknown := set(names) - set(CHOICES):
        parser.error(f"no such choice: {', '.join(sorted(unknown))}")
    if "ARENABOOST_DATA" not in os.environ:
        sys.stdout.write("skipped: ARENABOOST_DATA does not name the folder of real battles\n")
        return 0
    arena = Path(os.environ["ARENABOOST_DATA"]) / "arena"
    battles, y = extra_rows(arena, options.battles, SEED)
    sys.stdout.write(
        "| choice | rows | log loss | AUC | penalty | tokens read | seconds |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(options.cache or Path(folder), 10**10)
        for name in names:
            store = EncoderStore(Encoder(**CHOICES[name]), cache)
            family = EmbeddingFeatures(store.encoder, penalties=PENALTIES, components=0)
            start = time.perf_counter()
            report = family.use(store).fit(battles, y).report()
            seconds = time.perf_counter() - start
            figures = [*report["direction"].values(), report["penalty"]]
            row = [name, *figures, f"{store.tokens_read:,}", f"{seconds:.0f}"]
            sys.stdout.write("| " + " | ".join(map(str, row)) + " |\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
