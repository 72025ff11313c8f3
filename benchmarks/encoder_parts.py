"""What a frozen encoder's columns add to `classical`: ``python -m benchmarks.encoder_parts``.

Out-of-fold log loss of the direction on the decided rows of ``arena/extra.csv`` (of the folder that
``ARENABOOST_DATA`` names) whose prompts do not occur in ``arena/train.csv``, as in
`benchmarks.hyperparameters`: the rows that figures are scored on take no part. First for some of
the columns of `embedding` and `cross_attention`, then what the mean of three members makes of both
families, and at which learning rates. ``--cache DIR`` finds texts that were encoded before, which
else takes most of half an hour.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.hyperparameters import out_of_fold, rows_of
from features.sides import Swap
from features.storage.cache import Cache
from models.heads import direction_loss
from models.parts import Rows
from pipelines.config import load_config

EMBEDDING, ATTENTION = "embedding__", "cross_attention__"
SETTINGS = ("features.embedding.components=16",)


def has(family: str, *words: str) -> Callable[[str], bool]:
    """Return whether a column is of a family and, if words are given, has one of them."""
    return lambda name: name.startswith(family) and (not words or any(w in name for w in words))


def lacks(family: str, *words: str) -> Callable[[str], bool]:
    """Return whether a column is of a family and has none of the words."""
    return lambda name: name.startswith(family) and not any(w in name for w in words)


def classical(name: str) -> bool:
    """Return whether a column needs no encoder."""
    return not name.startswith((EMBEDDING, ATTENTION))


def either(*tests: Callable[[str], bool]) -> Callable[[str], bool]:
    """Return whether one of the tests says so."""
    return lambda name: any(test(name) for test in tests)


embedded = lacks(EMBEDDING, "component")  # as in the preset
PARTS: dict[str, Callable[[str], bool]] = {
    "classical": classical,
    "with embedding": either(classical, embedded),
    "with cross_attention": either(classical, has(ATTENTION)),
    "with both": either(classical, embedded, has(ATTENTION)),
    "embedding alone": embedded,
    "cross_attention alone": has(ATTENTION),
    "both alone": either(embedded, has(ATTENTION)),
    "with embedding and its projections": either(classical, has(EMBEDDING)),
    "with embedding's likeness": either(classical, has(EMBEDDING, "cosine", "distance", "oddness")),
    "with embedding's scores": either(classical, has(EMBEDDING, "direction", "tie_pair")),
    "with embedding's projections": either(classical, has(EMBEDDING, "component")),
    "with cross_attention, best matches": either(classical, has(ATTENTION, "maxsim", "coverage")),
    "with cross_attention, attention": either(
        classical, has(ATTENTION, "entropy", "first", "last")
    ),
    "with cross_attention, no IDF": either(classical, lacks(ATTENTION, "idf")),
    "with cross_attention, prompt and answers": either(classical, lacks(ATTENTION, "__other")),
    "with cross_attention, between answers": either(classical, has(ATTENTION, "__other")),
}
BLENDED = ("classical", "with embedding", "with cross_attention", "with both")
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
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoder_parts", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--cache", type=Path, metavar="DIR")
    options = parser.parse_args()
    names = options.names or list(PARTS)
    if unknown := set(names) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if "ARENABOOST_DATA" not in os.environ:
        sys.stdout.write("skipped: ARENABOOST_DATA does not name the folder of real battles\n")
        return 0
    config = load_config(preset="neural", settings=list(SETTINGS))
    cache = Cache(options.cache, 10**10) if options.cache else None
    rows, columns = rows_of(Path(os.environ["ARENABOOST_DATA"]) / "arena", config, cache)
    write(f"{len(rows.y):,} decided extra battles\n")
    write(
        "| columns | number | linear | difference | AUC | LightGBM, rate 0.1 | difference | AUC |"
    )
    write("|---|---|---|---|---|---|---|---|")
    base: list[NDArray[np.float64]] = []
    for part in ["classical", *(name for name in names if name != "classical")]:
        some = chosen(rows, columns, PARTS[part])
        logits = [out_of_fold(*MEMBERS[of], *some)[0] for of in ("linear", "LightGBM, rate 0.1")]
        losses = [row_losses(z, rows.y) for z in logits]
        base = base or losses
        cells = [cell(*of, rows.y) for of in zip(logits, losses, base, strict=True)]
        write(f"| {part} | {some[0].X.shape[1]} | {' | '.join(cells)} |")
    write("\n| columns | three members, rate 0.1 | against | AUC |\n|---|---|---|---|")
    base = []
    for part in BLENDED:
        some = chosen(rows, columns, PARTS[part])
        z = np.mean([out_of_fold(*MEMBERS[of], *some)[0] for of in BLENDS[-1]], axis=0)
        base = base or [row_losses(z, rows.y)]
        write(f"| {part} | {cell(z, row_losses(z, rows.y), base[0], rows.y)} |")
    some = chosen(rows, columns, PARTS["with both"])
    blended = {name: out_of_fold(*MEMBERS[name], *some)[0] for name in MEMBERS}
    write("\n| members | A/B log loss |\n|---|---|")
    for blend in (*((name,) for name in MEMBERS), *BLENDS):
        loss = direction_loss(np.mean([blended[name] for name in blend], axis=0), rows.y)
        write(f"| {' and '.join(blend)} | {loss:.4f} |")
    return 0


def chosen(rows: Rows, names: list[str], wanted: Callable[[str], bool]) -> tuple[Rows, Swap]:
    """Return the rows with some of their columns."""
    kept = [n for n, name in enumerate(names) if wanted(name)]
    X = np.ascontiguousarray(rows.X[:, kept])
    return rows._replace(X=X), Swap([names[n] for n in kept])


def row_losses(z: NDArray[np.float64], y: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return the log loss of each row."""
    return np.logaddexp(0.0, np.where(y == 0, -z, z))


def cell(
    z: NDArray[np.float64],
    loss: NDArray[np.float64],
    base: NDArray[np.float64],
    y: NDArray[np.int8],
) -> str:
    """Return mean loss, difference to another with a 95 % interval over the rows, and AUC."""
    gap = loss - base
    width = 1.96 * gap.std() / np.sqrt(len(gap))
    auc = roc_auc_score(y == 0, z)
    return f"{loss.mean():.4f} | {gap.mean():+.4f} ± {width:.4f} | {auc:.4f}"


def write(text: str) -> None:
    """Print at once: the next line takes a while."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
