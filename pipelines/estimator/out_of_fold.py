"""Out-of-fold predictions: of the pipeline, fold by fold and resumable, and of the baselines."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from data.battles import WINNER_COLUMNS, Files, Named
from data.folds import training_rows
from data.weights import shares
from features.families.length import LengthFeatures
from features.memory import held, jobs_that_fit
from features.sides import Array
from models.calibration import Calibration, of_rows
from models.choice import Chosen
from models.measures.baselines import BASELINES
from models.measures.evaluation import number_of
from models.preference import PreferenceModel
from pipelines.command.progress import Advance
from pipelines.estimator.build import fit_pipeline
from pipelines.estimator.importance import Kept
from pipelines.estimator.names import beside, put_together
from pipelines.estimator.timing import Seconds, fit_parts, timed
from pipelines.run.folder import UnfinishedRun

HEARS = 0.1  # seconds between two looks at whether a signal has come
KEPT = "kept/"  # begins the names of what a fold was asked to keep
PREDICTED = ("proba", "z", "t", "length")  # of each plain row

Parts = dict[str, NDArray[Any]]  # what is kept of a fold
Keep = Callable[[PreferenceModel, pd.DataFrame, NDArray[np.intp]], Kept]


class OutOfFold(NamedTuple):
    """What the models said of the plain rows that they had not seen.

    Attributes
    ----------
    proba : ndarray of float64, shape (n_plain, n_classes)
    z, t : ndarray of float64, shape (n_plain,)
        Direction and tie logits before calibration; no `t` where votes know no ties.
    length : ndarray of float64, shape (n_plain,)
        Characters of both answers together.
    folds : list of dict
        What was chosen in each fold.
    seconds : list of dict
        Where each fold's time went, see `pipelines.estimator.timing.fit_parts`.
    beside : mapping of str to ndarray
        What was said without names, see `pipelines.estimator.names.beside`.
    kept : tuple of dict
        What importance is measured by, of each fold, where it was asked for.
    """

    proba: Array
    z: Array
    t: Array | None
    length: Array
    folds: list[dict[str, Any]]
    seconds: list[dict[str, Any]]
    beside: Mapping[str, Array] = MappingProxyType({})
    kept: tuple[Kept, ...] = ()

    def choice(
        self,
        y: NDArray[np.int8],
        fold: NDArray[np.int8],
        *,
        calibrate: bool,
        share: Array | None = None,
    ) -> Chosen:
        """Return what the folds say of the model of all rows.

        Its complexity is the median of what they chose, and its calibration that of what they
        predicted: predictions of the whole pipeline, families included, of rows it had not seen.
        """
        said = self.z, self.t, y, self.length, fold
        calibration = Calibration.fit(*said, share=share) if calibrate else Calibration()
        return Chosen.of_folds([Chosen.read(told) for told in self.folds], calibration)


def predict_out_of_fold(
    pipeline: Pipeline,
    battles: pd.DataFrame,
    y: NDArray[np.int8],
    folds: NDArray[np.int8],
    run: UnfinishedRun,
    advance: Advance,
    *,
    keep: Keep | None = None,
) -> OutOfFold:
    """Fit the pipeline without each fold and predict the fold.

    As many folds go on side by side as there are cores for, and memory, of which each may take as
    much as the process holds before: battles, columns, counts. None was seen to take more.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted; cloned for each fold.
    battles : DataFrame
        The plain rows, then the extra ones.
    y : ndarray of int8, shape (n_battles,)
    folds : ndarray of int8, shape (n_plain,)
    run : UnfinishedRun
        Keeps each finished fold; folds that it holds already are not fitted again.
    advance : callable
        Told of each finished fold.
    keep : callable, optional
        Says what else is to be kept of a fold's model and of the columns that it predicted by,
        whose places among the plain rows it is told.
    """
    found = _folds(pipeline, battles, y, folds, run, advance, keep)
    whole = {
        name: np.empty((len(folds), *found[0][name].shape[1:]))
        for name in PREDICTED
        if name in found[0]
    }
    out = OutOfFold(whole["proba"], whole["z"], whole.get("t"), whole["length"], [], [])
    share = shares(battles.iloc[: len(folds)])
    for fold, parts in enumerate(found):
        rows = folds == fold
        for name, values in whole.items():
            values[rows] = parts[name]
        out.folds.append(
            {
                "fold": fold,
                "rows": number_of(folds[rows], of_rows(share, rows)),
                **json.loads(str(parts["chosen"])),
            }
        )
        out.seconds.append(json.loads(str(parts["seconds"])))
    out = out._replace(beside=put_together(found, folds))
    return out if keep is None else out._replace(kept=tuple(map(_kept, found)))


def _kept(parts: Parts) -> Kept:
    """Return what a fold was asked to keep besides."""
    return {name.removeprefix(KEPT): of for name, of in parts.items() if name.startswith(KEPT)}


def _folds(
    pipeline: Pipeline,
    battles: pd.DataFrame,
    y: NDArray[np.int8],
    folds: NDArray[np.int8],
    run: UnfinishedRun,
    advance: Advance,
    keep: Keep | None,
) -> list[Parts]:
    """Return what the folds gave, those that are not kept yet being fitted now."""
    found = [run.saved(f"fold-{fold}") for fold in range(folds.max() + 1)]
    left = [fold for fold, parts in enumerate(found) if parts is None]
    if len(left) < len(found):
        advance(len(found) - len(left))

    def fit(fold: int) -> tuple[int, Parts]:
        held_out = np.zeros(len(battles), dtype=np.bool_)
        held_out[: len(folds)] = folds == fold
        return fold, _fit_fold(pipeline, battles, y, held_out, keep)

    def save(fold: int, parts: Parts) -> None:
        run.save(f"fold-{fold}", parts)
        found[fold] = parts
        advance(1)

    # From beginning to end: folds that limit BLAS for themselves would lift each other's limits.
    with threadpool_limits(limits=1, user_api="blas"):
        pool = ThreadPoolExecutor(jobs_that_fit(held(), effective_n_jobs(-1)))
        try:
            waiting = {pool.submit(fit, fold) for fold in left}
            while waiting:  # a thread that waits without an end hears no Ctrl-C
                done, waiting = wait(waiting, timeout=HEARS, return_when=FIRST_COMPLETED)
                for future in done:
                    save(*future.result())
        finally:
            pool.shutdown(cancel_futures=True)  # and wait for those that go on
    return [parts for parts in found if parts is not None]


def _fit_fold(
    pipeline: Pipeline,
    battles: pd.DataFrame,
    y: NDArray[np.int8],
    held_out: NDArray[np.bool_],
    keep: Keep | None,
) -> Parts:
    train = training_rows(held_out, battles["group"], battles["source"])
    seconds: Seconds = {}
    fitted = fit_pipeline(clone(pipeline), battles[train], y[train], seconds)
    model = fitted.named_steps["model"]
    with timed(seconds, "predict"):
        columns = fitted.named_steps["features"].transform(battles[held_out])
        z, t = model.logits(columns, calibrated=False)
        proba = model.predict_proba(columns)
        more = {} if keep is None else keep(model, columns, np.flatnonzero(held_out))
        without_names = beside(fitted, battles[held_out], columns)
    return without_names | {
        "proba": proba,
        "z": z,
        **({} if t is None else {"t": t}),
        "length": columns["characters"].to_numpy(dtype=np.float64),
        "chosen": np.array(json.dumps(model.chosen_.told())),
        "seconds": np.array(json.dumps(seconds | fit_parts(fitted))),
        **{f"{KEPT}{name}": of for name, of in more.items()},
    }


def baseline_predictions(
    battles: pd.DataFrame, y: NDArray[np.int8], folds: NDArray[np.int8]
) -> dict[str, Array]:
    """Return the baselines' out-of-fold probabilities of the plain rows, in the same folds."""
    length = LengthFeatures(("characters_log_sum",), sides=("diff",), bucketed=())
    X, share = length.fit_transform(battles).to_numpy(dtype=np.float64), shares(battles)
    predicted = {name: np.empty((len(folds), int(y.max()) + 1)) for name in BASELINES}
    for name, baseline in BASELINES.items():
        for fold in range(folds.max() + 1):
            out = folds == fold
            fitted = clone(baseline).fit(X[~out], y[~out], sample_weight=of_rows(share, ~out))
            predicted[name][out] = fitted.predict_proba(X[out])
    return predicted


def true_probabilities(
    train: Named, ids: pd.Series, n_classes: int = len(WINNER_COLUMNS)
) -> Array | None:
    """Return the true probabilities of generated battles, None where the file has none beside it.

    `data.synthetic` writes them to ``train_probabilities.csv`` beside ``train.csv``. A file of that
    name that does not hold probabilities of all these battles is something else.
    """
    first = Files.of(train).paths[0]
    path = first.with_name(f"{first.stem}_probabilities.csv")
    columns = ["id", *WINNER_COLUMNS[:n_classes]]
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path, dtype={"id": str}, usecols=columns)[columns].set_index("id")
    except (OSError, ValueError):
        return None
    if not table.index.is_unique or not ids.isin(table.index).all():
        return None
    proba = table.loc[ids.to_numpy(dtype=object)].apply(pd.to_numeric, errors="coerce").to_numpy()
    whole = np.isclose(proba.sum(axis=1), 1.0) & (proba >= 0).all(axis=1)
    return proba if whole.all() else None
