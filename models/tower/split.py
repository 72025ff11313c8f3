"""Which rows a tower is trained on, and which it is chosen by."""

import numpy as np
from numpy.typing import NDArray

from data.folds import hash_folds
from data.labels import CLASS_NAMES, TIE
from models.heads import Labels
from models.tower.errors import TowerError
from models.tower.material import Material

Rows = NDArray[np.intp]


def inner_split(material: Material, y: Labels, rows: Rows, *, held_out: bool) -> tuple[Rows, Rows]:
    """Divide a training part between prompts, by a hash of each.

    Extra rows that tell nothing are left out: ties, and all of them where they weigh nothing.

    Parameters
    ----------
    material : Material
    y : ndarray of int8, shape (n_battles,)
        Of all battles of the material.
    rows : ndarray of intp, shape (n_rows,)
        The training part.
    held_out : bool
        Whether any row is to judge by.

    Returns
    -------
    ndarray of intp
        Rows to train on.
    ndarray of intp
        Plain rows to judge by, whose prompts are in none of those.

    Raises
    ------
    TowerError
        There are no plain rows of each class to train on, or none to judge by.
    """
    settings = material.loaded.settings
    rows = rows[material.plain[rows] | ((y[rows] != TIE) & (settings.extra_weight > 0))]
    plain = material.plain[rows]
    judged = np.zeros(len(rows), dtype=np.bool_)
    if held_out:
        folds = hash_folds(material.group[rows], n_folds=settings.inner_folds, salt=settings.seed)
        judged = folds == 0
    inner = rows[judged & plain]
    kept = rows[~judged]
    absent = set(range(len(CLASS_NAMES))) - set(y[kept[material.plain[kept]]].tolist())
    if absent or (held_out and not len(inner)):
        raise TowerError(
            f"expected plain rows of all three classes to train on, and some to choose by, found "
            f"{int(plain.sum())} rows in this training part. Give more battles."
        )
    return kept, inner
