"""How good predictions are, and how sure that is: intervals over prompts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.labels import TIE
from models.measures.metrics import (
    CLASSES,
    METRICS,
    FloatArray,
    IntArray,
    Value,
)

NAMES = tuple(METRICS)
_BLOCK_SIZE = 4_000_000  # numbers in a block of weights (32 MB), whatever the replicates are
_MOST_RESAMPLES, _LEAST_RESAMPLES, _RESAMPLED_ROWS = 1000, 100, 100_000_000


def group_weights(
    group: NDArray[Any], n_bootstrap: int, seed: int, block_size: int = _BLOCK_SIZE
) -> Iterator[FloatArray]:
    """Blocks of bootstrap weights: how often each row's group was drawn, with replacement.

    Parameters
    ----------
    group : array of shape (n,)
        The prompt group of each row; rows of a group are drawn together.
    n_bootstrap : int
        Number of replicates over all blocks, at least 1.
    seed : int
        The weights depend on this and on `group`, not on the block size.
    block_size : int
        Most numbers in one block.

    Yields
    ------
    array of shape (replicates, n)

    Examples
    --------
    >>> (weight,) = group_weights(np.array(["p", "p", "q"]), n_bootstrap=4, seed=0)
    >>> weight.shape, bool((weight[:, 0] == weight[:, 1]).all())
    ((4, 3), True)
    """
    if n_bootstrap < 1:
        raise ValueError(f"The n_bootstrap must be at least 1. Got {n_bootstrap} instead.")
    names, code = np.unique(group, return_inverse=True)
    rng = np.random.default_rng(seed)
    rows = max(1, block_size // max(1, len(code)))
    for start in range(0, n_bootstrap, rows):
        weight = np.empty((min(rows, n_bootstrap - start), len(code)))
        for replicate in weight:
            drawn = rng.integers(len(names), size=len(names))
            replicate[:] = np.bincount(drawn, minlength=len(names))[code]
        yield weight


def resamples(n_rows: int) -> int:
    """Return how many resamples are worth their time: of many rows the interval is narrow anyway.

    >>> resamples(1_000), resamples(500_000), resamples(10_000_000)
    (1000, 200, 100)
    """
    return min(max(_RESAMPLED_ROWS // max(n_rows, 1), _LEAST_RESAMPLES), _MOST_RESAMPLES)


def evaluate(
    y: IntArray,
    proba: FloatArray,
    group: NDArray[Any],
    *,
    baselines: Mapping[str, FloatArray],
    share: FloatArray | None = None,
    n_bootstrap: int | None = None,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Any]:
    """All of `METRICS` for a model and its baselines, with paired differences and intervals.

    The intervals are percentiles over resamples of the prompt groups (Efron 1979). They say how
    the figures of these very predictions would spread over other prompts. They leave out the
    variance of training (seeds, and that the model was fitted on one draw of battles) and of the
    choice of folds, so a difference whose interval misses zero may still vanish under another
    seed; `paired_difference` over several runs covers part of that.

    Parameters
    ----------
    y : int array of shape (n,)
        0 for A, 1 for B, 2 for a tie.
    proba : array of shape (n, 3), or (n, 2)
        The model's probabilities of A, B, tie, or of A and B where no row is a tie.
    group : array of shape (n,)
        Prompt groups, resampled whole.
    baselines : mapping from name to array of the same shape
        Other predictions of the same rows; resampled together with the model's.
    share : array of shape (n,), optional
        What each row counts, 1 by default: of a battle with soft labels several rows are one, and
        their shares add up to 1.
    n_bootstrap : int, optional
        Number of resamples; `resamples` of the number of rows by default.
    seed, level
        Of the resamples, and the intervals' coverage in (0, 1).

    Returns
    -------
    dict
        JSON-ready: `rows` (battles), `groups`, `resamples`, `outcomes` (shares of A, B and tie),
        `metrics` (name to `value`, `low`, `high`) and
        `baselines`, each with `metrics` and `difference` (model minus baseline on the same
        resamples). What is undefined is null; resamples in which a measure is undefined are left
        out of its interval.

    Raises
    ------
    ValueError
        If shapes, labels or probabilities are not as above.
    """
    predictions = [proba, *baselines.values()]
    check_predictions("evaluate", y, *predictions, group=group, level=level)
    own = np.ones(len(y)) if share is None else share
    values = _scores(y, predictions, own[None])[:, :, 0]
    drawn = resamples(len(y)) if n_bootstrap is None else n_bootstrap
    blocks = group_weights(group, drawn, seed)
    samples = np.concatenate([_scores(y, predictions, weight * own) for weight in blocks], axis=2)
    outcomes = np.bincount(y, weights=own, minlength=len(CLASSES)) / own.sum()
    return {
        "rows": number_of(y, share),
        "groups": len(np.unique(group)),
        "resamples": drawn,
        "outcomes": dict(zip(("a", "b", "tie"), outcomes.tolist(), strict=True)),
        "metrics": _summary(values[0], samples[0], level),
        "baselines": {
            name: {
                "metrics": _summary(values[i], samples[i], level),
                "difference": _summary(values[0] - values[i], samples[0] - samples[i], level),
            }
            for i, name in enumerate(baselines, start=1)
        },
    }


def paired_difference(
    y: IntArray,
    proba: FloatArray | Sequence[FloatArray],
    proba_other: FloatArray | Sequence[FloatArray],
    group: NDArray[Any],
    *,
    metric: str = "log_loss",
    share: FloatArray | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Any]:
    """Difference of one measure between two predictions, or the mean over several runs of each.

    With a list of runs (seeds), the same prompt groups are drawn in all of them, so the interval
    is that of the mean over these runs; how much the runs differ among themselves is in `runs`.

    Parameters
    ----------
    y, group, share, n_bootstrap, seed, level
        As in `evaluate`.
    proba, proba_other : array of shape (n, 3) or (n, 2), or equally many of them
        The i-th run of the one is compared with the i-th of the other.
    metric : str
        A name in `METRICS`.

    Returns
    -------
    dict
        `value`, `low`, `high` of the first minus the other, and `runs`, the difference in each.

    Examples
    --------
    >>> y, group = np.array([0, 1]), np.array(["p", "q"])
    >>> sharp, flat = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]), np.full((2, 3), 1 / 3)
    >>> round(paired_difference(y, sharp, flat, group, n_bootstrap=10)["value"], 4)
    -0.4055
    """
    ours, others = ([p] if np.ndim(p) == 2 else list(p) for p in (proba, proba_other))
    if metric not in METRICS:
        raise ValueError(f"The metric must be one of {', '.join(METRICS)}. Got {metric!r} instead.")
    if len(ours) != len(others) or not ours:
        raise ValueError(
            "The proba and proba_other of paired_difference must hold equally many runs, at least "
            f"one. Got {len(ours)} and {len(others)} instead."
        )
    check_predictions("paired_difference", y, *ours, *others, group=group, level=level)

    def differences(weight: FloatArray) -> FloatArray:
        scores = _scores(y, [*ours, *others], weight, [metric])[:, 0]
        return scores[: len(ours)] - scores[len(ours) :]

    own = np.ones(len(y)) if share is None else share
    runs = differences(own[None])[:, 0]
    blocks = group_weights(group, n_bootstrap, seed)
    samples = np.concatenate([differences(weight * own).mean(axis=0) for weight in blocks])
    return interval(runs.mean(), samples, level) | {"runs": [or_null(run) for run in runs]}


def interval(value: float, samples: FloatArray, level: float = 0.95) -> dict[str, float | None]:
    """Put the percentile interval of its bootstrap samples beside a value, undefined ones left out.

    >>> interval(2.0, np.array([1.0, 2.0, 3.0, np.nan]), level=0.5)
    {'value': 2.0, 'low': 1.5, 'high': 2.5}
    >>> interval(np.nan, np.array([np.nan]))
    {'value': None, 'low': None, 'high': None}
    """
    finite = samples[np.isfinite(samples)]
    tail = (1 - level) / 2
    low, high = np.quantile(finite, [tail, 1 - tail]) if len(finite) else (np.nan, np.nan)
    return {"value": or_null(value), "low": or_null(low), "high": or_null(high)}


def number_of(rows: NDArray[Any], share: FloatArray | None) -> int:
    """Return how many battles some rows are, whose shares are these.

    >>> number_of(np.arange(3), None), number_of(np.arange(3), np.array([0.7, 0.3, 1.0]))
    (3, 2)
    """
    return len(rows) if share is None else round(float(share.sum()))


def _scores(
    y: IntArray, predictions: Sequence[FloatArray], weight: FloatArray, names: Sequence[str] = NAMES
) -> FloatArray:
    """Scores of shape (predictions, metrics, replicates)."""
    return np.array(
        [[METRICS[name].function(y, proba, weight) for name in names] for proba in predictions]
    )


def _summary(values: FloatArray, samples: FloatArray, level: float) -> dict[str, Any]:
    return {
        name: interval(value, sample, level)
        for name, value, sample in zip(METRICS, values.tolist(), samples, strict=True)
    }


def or_null(value: Value) -> float | None:
    """Turn a number into what JSON can hold: null for what is undefined."""
    return float(value) if np.isfinite(value) else None


def check_predictions(
    caller: str,
    y: IntArray,
    *predictions: FloatArray,
    group: NDArray[Any] | None = None,
    level: float = 0.95,
) -> None:
    """Refuse labels, probabilities, groups and a level that are not what measures take.

    Raises
    ------
    ValueError
        Names the caller, and what was found.
    """
    if not len(y) or not np.isin(y, CLASSES).all():
        found = np.setdiff1d(y, CLASSES).tolist() if len(y) else "no rows"
        raise ValueError(f"The y of {caller} must hold 0 (A), 1 (B) or 2 (tie). Got {found}.")
    width = 2 if predictions[0].shape[1:] == (2,) and not (y == TIE).any() else len(CLASSES)
    for proba in predictions:
        if proba.shape != (len(y), width):
            found = f"Got {proba.shape} instead."
            raise ValueError(f"The proba of {caller} must have shape {(len(y), width)}. {found}")
        if not ((proba >= 0).all() and np.allclose(proba.sum(axis=1), 1, atol=1e-6)):
            raise ValueError(f"The proba of {caller} must be at least 0 and sum to 1 in each row.")
    if group is not None and group.shape != y.shape:
        raise ValueError(
            f"The group or keys of {caller} must have shape {y.shape}. Got {group.shape} instead."
        )
    if not 0 < level < 1:
        raise ValueError(f"The level of {caller} must lie between 0 and 1. Got {level} instead.")
