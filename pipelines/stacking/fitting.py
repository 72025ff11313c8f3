"""The fit of a stack: kept once it is done, so that a command that goes on need not do it again."""

import json
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from features.sides import Array
from models.stacking.members import Member, columns_of
from models.stacking.model import StackingModel
from models.stacking.report import leaderboard
from pipelines.run.folder import UnfinishedRun
from pipelines.run.folds import Folds
from pipelines.run.inputs import Battles
from pipelines.stacking.predictor import sizes
from pipelines.stacking.settings import StackSettings

KEPT = "stack"  # name of what is kept


class Stacked(NamedTuple):
    """A fitted stack.

    Attributes
    ----------
    models : dict of str to bytes
        Its files.
    proba : ndarray of float64, shape (n_plain, n_classes)
        Out of fold.
    told : dict
        ``stack`` (what each fold and the final model chose), ``weights``, ``leaderboard``, and
        ``fit_seconds``.
    """

    models: dict[str, bytes]
    proba: Array
    told: dict[str, Any]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return it as arrays that `read` takes back."""
        names = list(self.models)
        files = {
            f"file-{place}": np.frombuffer(self.models[name], dtype=np.uint8)
            for place, name in enumerate(names)
        }
        told = np.array(json.dumps({"names": names, **self.told}))
        return {"proba": self.proba, "told": told, **files}

    @classmethod
    def read(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """Take over what `arrays` gave."""
        told = json.loads(str(arrays["told"]))
        names = told.pop("names")
        models = {name: arrays[f"file-{place}"].tobytes() for place, name in enumerate(names)}
        return cls(models, arrays["proba"], told)


def fitted(
    members: Sequence[Member],
    battles: Battles,
    folds: Folds,
    settings: StackSettings,
    run: UnfinishedRun,
    *,
    inexact: bool,
) -> Stacked:
    """Fit the stack and measure its members, or take that up where it was done already.

    Parameters
    ----------
    members : sequence of Member
        Out-of-fold logits of the plain rows, in their order.
    battles : Battles
    folds : Folds
    settings : StackSettings
    run : UnfinishedRun
    inexact : bool
        Whether last digits of a member's logits may move.
    """
    kept = run.saved(KEPT)
    if kept is not None:
        return Stacked.read(kept)
    frame, y = battles.plain
    start = time.perf_counter()
    X = columns_of(members, group=folds.group, fold=folds.fold, **sizes(frame))
    model = StackingModel(
        candidates=settings.candidates,
        calibrate=settings.calibrate,
        inexact=inexact,
        seed=settings.seed,
    ).fit(X, y)
    told = {
        "fit_seconds": time.perf_counter() - start,
        "stack": model.told(),
        "weights": model.weights(),
        "leaderboard": leaderboard(model, X, y, folds.group),
    }
    found = Stacked(model.dump(), model.out_of_fold_, told)
    run.save(KEPT, found.arrays())
    return found
