"""Whether all models of a run find battles to learn from, told before any feature is computed."""

import numpy as np
from numpy.typing import NDArray

from data.battles import DataError
from data.folds import hash_folds, training_rows
from data.labels import CLASS_NAMES
from models.heads import FORMS, classes_of
from models.parts import Rows, judgeable
from pipelines.config import Config
from pipelines.run.inputs import Battles


def check_parts(config: Config, battles: Battles, folds: NDArray[np.int8]) -> None:
    """Refuse battles of which a training part lacks a class, or has too few of it for inner folds.

    Parameters
    ----------
    config : Config
    battles : Battles
    folds : ndarray of int8, shape (n_plain,)

    Raises
    ------
    DataError
        Names the file, the class and both numbers.
    """
    rows = _rows(config, battles)
    group, source = battles.frame["group"], battles.frame["source"]
    fold = np.concatenate([folds, np.full(len(rows.y) - len(folds), -1)])
    for left_out in range(int(folds.max()) + 1):
        train = training_rows(fold == left_out, group, source)
        part = rows.take(train & (rows.weight > 0))
        if not _can_learn(config, part):
            counts = np.bincount(part.y[part.plain], minlength=len(classes_of(config.model.form)))
            rarest = int(counts.argmin())
            raise DataError(
                f"{battles.files[0]['file']}: expected enough battles of each class to cut "
                f"{config.model.inner_folds} inner folds without fold {left_out}, found "
                f"{counts[rarest]} of class {CLASS_NAMES[rarest]} among {counts.sum()} rows. "
                "Give more battles of that class, or ask for fewer folds."
            )


def _can_learn(config: Config, part: Rows) -> bool:
    """Whether each head can be judged on an inner fold, as `PreferenceModel` will want it."""
    inner = range(config.model.inner_folds)
    complete = set(part.y[part.plain].tolist()) == set(classes_of(config.model.form))
    return complete and all(
        any(judgeable(head, part, fold) for fold in inner) for head in FORMS[config.model.form]
    )


def _rows(config: Config, battles: Battles) -> Rows:
    """Return the rows as `PreferenceModel` sees them, without columns."""
    n_rows = len(battles.y)
    plain = np.arange(n_rows) < battles.n_plain
    group = battles.frame["group"].to_numpy(dtype=object)
    return Rows(
        X=np.empty((n_rows, 0), dtype=np.float32),
        y=battles.y,
        plain=plain,
        weight=np.where(plain, 1.0, config.model.extra_weight),
        length=np.zeros(n_rows),
        fold=hash_folds(group, n_folds=config.model.inner_folds, salt=config.seed),
    )
