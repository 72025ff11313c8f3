"""Which members, settings and columns suit the direction: out of fold, on decided extra rows.

No figure is scored on these rows, so choices may be made by them. They are taken as if they were
plain; three folds are cut by a hash of the prompt. The complexity is the median over the folds, ±
is a 95 % interval over the rows.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from benchmarks import real
from benchmarks.quality.study import Lines, Options, Study, features_of
from benchmarks.tables import write
from data.folds import hash_folds
from data.labels import TIE, A
from features.sides import Swap
from models.choice import chosen_complexity
from models.fits import run_fits
from models.heads import DirectionHead
from models.learners.registry import LEARNERS
from models.parts import Fit, Material, Part, Rows, part_logits
from models.preference import PASSED_THROUGH
from pipelines.config import Config, load_config

N_FOLDS = 3
Logits = NDArray[np.float64]

# What differs from a learner's defaults.
MEMBERS: dict[str, tuple[str, dict[str, Any]]] = {
    "LightGBM": ("lightgbm", {}),
    "LightGBM, rate 0.03": ("lightgbm", {"learning_rate": 0.03}),
    "LightGBM, rate 0.08": ("lightgbm", {"learning_rate": 0.08}),
    "LightGBM, rate 0.1": ("lightgbm", {"learning_rate": 0.1}),
    "LightGBM, rate 0.2": ("lightgbm", {"learning_rate": 0.2}),
    "LightGBM, rate 0.1, other shape": (
        "lightgbm",
        {
            "learning_rate": 0.1,
            "num_leaves": 31,
            "feature_fraction": 0.05,
            "min_data_in_leaf": 80,
        },
    ),
    "LightGBM, 7 leaves": ("lightgbm", {"num_leaves": 7}),
    "LightGBM, 31 leaves": ("lightgbm", {"num_leaves": 31}),
    "LightGBM, 0.3 of the columns": ("lightgbm", {"feature_fraction": 0.3}),
    "LightGBM, 63 bins": ("lightgbm", {"max_bin": 63}),
    "LightGBM, 200 rows a leaf": ("lightgbm", {"min_data_in_leaf": 200}),
    "LightGBM, lambda 50": ("lightgbm", {"lambda_l2": 50.0}),
    "XGBoost": ("xgboost", {}),
    "XGBoost, rate 0.1": ("xgboost", {"learning_rate": 0.1}),
    "XGBoost, rate 0.2, 63 bins": ("xgboost", {"learning_rate": 0.2, "max_bin": 63}),
    "XGBoost, rate 0.2, 63 bins, depth 4": (
        "xgboost",
        {"learning_rate": 0.2, "max_bin": 63, "max_depth": 4},
    ),
    "XGBoost, 0.3 of the columns": ("xgboost", {"colsample_bytree": 0.3}),
    "XGBoost, depth 4": ("xgboost", {"max_depth": 4}),
    "XGBoost, weight 40 a leaf": ("xgboost", {"min_child_weight": 40.0}),
    "linear": ("linear", {}),
}
MEANS = (
    ("LightGBM", "linear"),
    ("XGBoost", "linear"),
    ("LightGBM", "XGBoost"),
    ("LightGBM", "XGBoost", "linear"),
    ("LightGBM, rate 0.1", "XGBoost, rate 0.1", "linear"),
    ("LightGBM, rate 0.1", "linear"),
    ("LightGBM, rate 0.1", "XGBoost, rate 0.2, 63 bins", "linear"),
    ("LightGBM, rate 0.1", "XGBoost, rate 0.2, 63 bins, depth 4", "linear"),
    ("LightGBM, rate 0.1", "LightGBM, rate 0.1, other shape", "linear"),
)

EMBEDDING, ATTENTION = "embedding__", "cross_attention__"
Test = Callable[[str], bool]


def has(family: str, *words: str) -> Test:
    """Return whether a column is of a family and, if words are given, has one of them."""
    return lambda name: name.startswith(family) and (not words or any(w in name for w in words))


def lacks(family: str, *words: str) -> Test:
    """Return whether a column is of a family and has none of the words."""
    return lambda name: name.startswith(family) and not any(w in name for w in words)


# Which of an encoder's columns are taken.
EMBEDDED, ATTENDED = lacks(EMBEDDING, "component"), has(ATTENTION)
ENCODED: dict[str, Test] = {
    "embedding": EMBEDDED,
    "cross_attention": ATTENDED,
    "both": lambda name: EMBEDDED(name) or ATTENDED(name),
    "embedding and its projections": has(EMBEDDING),
    "embedding's likeness": has(EMBEDDING, "cosine", "distance", "oddness"),
    "embedding's scores": has(EMBEDDING, "direction", "tie_pair"),
    "embedding's projections": has(EMBEDDING, "component"),
    "cross_attention, best matches": has(ATTENTION, "maxsim", "coverage"),
    "cross_attention, attention": has(ATTENTION, "entropy", "first", "last"),
    "cross_attention, no IDF": lacks(ATTENTION, "idf"),
    "cross_attention, prompt and answers": lacks(ATTENTION, "__other"),
    "cross_attention, between answers": has(ATTENTION, "__other"),
}
WHOLE = ("embedding", "cross_attention", "both")
PROJECTIONS = ("features.embedding.components=16",)  # which the preset leaves out


def classical(name: str) -> bool:
    """Return whether a column needs no encoder."""
    return not name.startswith((EMBEDDING, ATTENTION))


def beside(test: Test) -> Test:
    """Return whether a column needs no encoder or is one of those."""
    return lambda name: classical(name) or test(name)


COLUMNS: dict[str, Test] = {
    "classical": classical,
    **{f"with {name}": beside(test) for name, test in ENCODED.items()},
    **{f"{name} alone": ENCODED[name] for name in WHOLE},
}


class Line(NamedTuple):
    """Which columns are taken, and whose mean judges."""

    columns: str
    members: tuple[str, ...]


def by_members() -> dict[str, Line]:
    """Return a line for each of `MEMBERS` and `MEANS`, on the columns of `classical`."""
    alone = {name: Line("classical", (name,)) for name in MEMBERS}
    return alone | {f"mean of {'; '.join(of)}": Line("classical", of) for of in MEANS}


def by_columns(*members: str) -> dict[str, Line]:
    """Return a line for each of `COLUMNS`, judged by the mean of some members."""
    return {name: Line(name, members) for name in COLUMNS}


def _lines(config: Callable[[], Config], lines: Mapping[str, Line], options: Options) -> Lines:
    """Return the lines, each beside the first one."""
    rows, names = decided_rows(config(), options)

    @cache
    def fitted(columns: str, member: str) -> tuple[Logits, int]:
        kept = [n for n, name in enumerate(names) if COLUMNS[columns](name)]
        some = rows._replace(X=np.ascontiguousarray(rows.X[:, kept]))
        return out_of_fold(*MEMBERS[member], some, Swap([names[n] for n in kept]))

    def mean(line: Line) -> Logits:
        return np.mean([fitted(line.columns, member)[0] for member in line.members], axis=0)

    def cells(line: Line) -> Iterable[object]:
        start = time.perf_counter()
        z, complexities = mean(line), [fitted(line.columns, of)[1] for of in line.members]
        seconds = time.perf_counter() - start
        yield sum(map(COLUMNS[line.columns], names))
        yield from figures(z, mean(next(iter(lines.values()))), rows.y)
        yield " ".join(map(str, complexities))
        yield f"{seconds:.0f}"

    return {name: partial(cells, line) for name, line in lines.items()}


def decided_rows(config: Config, options: Options) -> tuple[Rows, list[str]]:
    """Return the decided extra rows as if they were plain, and their columns' names."""
    battles, y = real.extra_rows()
    battles, y = battles[y != TIE], y[y != TIE]
    union = features_of(config, battles, options.kept)
    columns: pd.DataFrame = union.fit_transform(battles, y).drop(columns=list(PASSED_THROUGH))
    ones = np.ones(len(battles))
    rows = Rows(
        X=np.ascontiguousarray(columns.to_numpy(dtype=np.float32)),
        y=y,
        plain=ones.astype(np.bool_),
        weight=ones,
        length=ones,
        fold=hash_folds(battles["group"].to_numpy(dtype=object), n_folds=N_FOLDS),
    )
    write(f"{len(rows.y):,} decided extra battles")
    return rows, list(columns.columns)


def out_of_fold(
    learner: str, settings: dict[str, Any], rows: Rows, swap: Swap
) -> tuple[Logits, int]:
    """Return each row's direction logit by the folds that it is not in, and the complexity."""
    part = Part(learner, LEARNERS[learner](**settings), DirectionHead(), seed=0)
    fits = [Fit(part, fold) for fold in range(N_FOLDS)]
    with threadpool_limits(limits=1, user_api="blas"):
        made = run_fits(fits, Material(rows, swap), device="cpu", n_jobs=-1)
    models = [fitted.model for fitted in made]
    complexity = chosen_complexity(dict(enumerate(models)))
    z = np.empty(len(rows.y))
    for fold, model in enumerate(models):
        held = rows.fold == fold
        z[held] = part_logits(part, model, rows.X[held], swap, complexity)["z"]
    return z, complexity


def figures(z: Logits, base: Logits, y: NDArray[np.int8]) -> list[str]:
    """Return mean loss, its difference to another's with a 95 % interval over the rows, and AUC.

    >>> figures(np.array([1.0, -1.0]), np.zeros(2), np.array([0, 1], dtype=np.int8))
    ['0.3133', '-0.3799 ± 0.0000', '1.0000']
    """
    losses, others = (np.logaddexp(0.0, np.where(y == A, -of, of)) for of in (z, base))
    gap = losses - others
    width = 1.96 * gap.std() / np.sqrt(len(gap))
    auc = roc_auc_score(y == A, z)
    return [f"{losses.mean():.4f}", f"{gap.mean():+.4f} ± {width:.4f}", f"{auc:.4f}"]


FIGURES = ("columns", "A/B log loss", "against the first", "AUC", "complexity", "seconds")
neural = partial(load_config, preset="neural", settings=list(PROJECTIONS))
THREE = ("LightGBM, rate 0.1", "XGBoost, rate 0.2, 63 bins", "linear")  # as in the preset
STUDIES = {
    "hyperparameters": Study(("what", *FIGURES), partial(_lines, load_config, by_members())),
    "encoder_linear": Study(("what", *FIGURES), partial(_lines, neural, by_columns("linear"))),
    "encoder_trees": Study(("what", *FIGURES), partial(_lines, neural, by_columns(THREE[0]))),
    "encoder_members": Study(("what", *FIGURES), partial(_lines, neural, by_columns(*THREE))),
}
