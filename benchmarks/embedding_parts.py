"""What the parts of `embedding` add to `classical`: ``python -m benchmarks.embedding_parts``.

Out-of-fold log loss of the direction on the decided rows of ``arena/extra.csv`` (of the folder that
``ARENABOOST_DATA`` names) whose prompts do not occur in ``arena/train.csv``, as in
`benchmarks.hyperparameters`: the rows that figures are scored on take no part. Then the means of
three members at two learning rates, on the columns of the preset `neural`. ``--cache DIR`` finds
texts that were encoded before, which else takes most of half an hour.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.hyperparameters import out_of_fold, rows_of
from features.cache import Cache
from features.sides import Swap
from models.heads import direction_loss
from models.parts import Rows
from pipelines.config import load_config

PARTS: dict[str, Callable[[str], bool]] = {
    "nothing": lambda column: False,
    "all of it": lambda column: True,
    "all but projections": lambda column: "component" not in column,
    "likeness": lambda column: any(w in column for w in ("cosine", "distance", "oddness")),
    "scores": lambda column: "direction" in column or "tie_pair" in column,
    "projections": lambda column: "component" in column,
    "neighbours": lambda column: "neighbours" in column,
}
MEMBERS: dict[str, tuple[str, dict[str, Any]]] = {
    "linear": ("linear", {}),
    "LightGBM": ("lightgbm", {}),
    "LightGBM, rate 0.1": ("lightgbm", {"learning_rate": 0.1}),
    "XGBoost": ("xgboost", {}),
    "XGBoost, rate 0.1": ("xgboost", {"learning_rate": 0.1}),
}
BLENDS = (
    ("LightGBM", "linear"),
    ("LightGBM", "XGBoost", "linear"),
    ("LightGBM, rate 0.1", "XGBoost", "linear"),
    ("LightGBM, rate 0.1", "XGBoost, rate 0.1", "linear"),
)


def main() -> int:
    """Print two Markdown tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.embedding_parts", description=__doc__
    )
    parser.add_argument("--cache", type=Path, metavar="DIR")
    options = parser.parse_args()
    if "ARENABOOST_DATA" not in os.environ:
        sys.stdout.write("skipped: ARENABOOST_DATA does not name the folder of real battles\n")
        return 0
    config = load_config(preset="neural", settings=["features.embedding.components=16"])
    cache = Cache(options.cache, 10**10) if options.cache else None
    rows, names = rows_of(Path(os.environ["ARENABOOST_DATA"]) / "arena", config, cache)
    write(f"{len(rows.y):,} decided extra battles\n")
    write("| embedding | linear | difference | LightGBM, rate 0.1 | difference |")
    write("|---|---|---|---|---|")
    losses: dict[str, list[NDArray[np.float64]]] = {}
    for part, has in PARTS.items():
        some = chosen(rows, names, has)
        losses[part] = [row_losses(member, *some) for member in ("linear", "LightGBM, rate 0.1")]
        cells = zip(losses[part], losses["nothing"], strict=True)
        write(f"| {part} | " + " | ".join(cell(loss, base) for loss, base in cells) + " |")
    some = chosen(rows, names, PARTS["all but projections"])
    logits = {name: out_of_fold(*MEMBERS[name], *some)[0] for name in MEMBERS}
    write("\n| members | A/B log loss |\n|---|---|")
    for blend in (*((name,) for name in MEMBERS), *BLENDS):
        loss = direction_loss(np.mean([logits[name] for name in blend], axis=0), rows.y)
        write(f"| {' and '.join(blend)} | {loss:.4f} |")
    return 0


def chosen(rows: Rows, names: list[str], has: Callable[[str], bool]) -> tuple[Rows, Swap]:
    """Return the rows with the default's columns and some of those of `embedding`."""
    kept = [n for n, name in enumerate(names) if not name.startswith("embedding__") or has(name)]
    X = np.ascontiguousarray(rows.X[:, kept])
    return rows._replace(X=X), Swap([names[n] for n in kept])


def row_losses(member: str, rows: Rows, swap: Swap) -> NDArray[np.float64]:
    """Return the log loss of each row, out of fold."""
    z, _ = out_of_fold(*MEMBERS[member], rows, swap)
    return np.logaddexp(0.0, np.where(rows.y == 0, -z, z))


def cell(loss: NDArray[np.float64], base: NDArray[np.float64]) -> str:
    """Return a mean loss, and its difference to another with a 95 % interval over the rows."""
    gap = loss - base
    width = 1.96 * gap.std() / np.sqrt(len(gap))
    return f"{loss.mean():.4f} | {gap.mean():+.4f} ± {width:.4f}"


def write(text: str) -> None:
    """Print at once: the next line takes a while."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
