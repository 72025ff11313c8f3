"""A tower for each fold, and one for all rows: trained, or taken up where they were left."""

import os
import shutil
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.folds import training_rows
from features.sides import Array
from models.tower.settings import TowerSettings
from pipelines.command.progress import Steps
from pipelines.run.folds import Folds
from pipelines.run.inputs import Battles
from pipelines.tower.device import memory_mb
from pipelines.tower.kept import Arrays, Kept, told_array, told_of
from pipelines.tower.soft import SoftLabels
from pipelines.tower.told import Told

if TYPE_CHECKING:
    from models.tower.logits import TieWidth
    from models.tower.material import Material
    from models.tower.states import StateStore
    from models.tower.training import Trained

TOWER, ALL_ROWS = "tower", "all rows"
LOGITS = ("z", "t", "raw")


class Part(NamedTuple):
    """What is told of a training.

    Attributes
    ----------
    epochs : float
        That were best, or that were asked for.
    history : list of dict
        Its evaluations.
    tokens : int
        Of text that were trained on.
    seconds : float
    """

    epochs: float
    history: list[dict[str, Any]]
    tokens: int
    seconds: float


class OutOfFold(NamedTuple):
    """What towers said of the plain rows that they had not seen.

    Attributes
    ----------
    z, t : ndarray of float64, shape (n_plain,)
        Direction and tie logits, not calibrated.
    raw : ndarray of float64, shape (n_plain, 2 * n_scores)
    parts : list of Part
        By fold.
    """

    z: Array
    t: Array
    raw: Array
    parts: list[Part]

    @property
    def epochs(self) -> float:
        """How long the tower of all rows is trained: the median of what the folds chose."""
        return float(np.median([part.epochs for part in self.parts]))


class Work:
    """All that trainings share.

    Parameters
    ----------
    settings : TowerSettings
    battles : Battles
    folds : Folds
    device : {"cpu", "cuda"}
    states : StateStore or None
        Where states of frozen layers are kept.
    kept : Kept
    steps : Steps
    soft : SoftLabels, optional
    """

    def __init__(
        self,
        settings: TowerSettings,
        battles: Battles,
        folds: Folds,
        device: str,
        states: "StateStore | None",
        kept: Kept,
        steps: Steps,
        soft: SoftLabels | None = None,
    ) -> None:
        self.settings, self.battles, self.folds = settings, battles, folds
        self.device, self.states, self.kept, self.steps = device, states, kept, steps
        self.soft = soft

    @cached_property
    def material(self) -> "Material":
        """The battles as a tower reads them, once for all folds, when the first one trains."""
        from models.tower.material import Material

        with self.steps.step("texts", unit="tokens") as step:
            return Material.of(
                self.settings,
                self.battles.frame,
                device=self.device,
                states=self.states,
                watch=Told(step, partial(memory_mb, self.device)),
                world=self.kept.world,
            )

    def left(self) -> list[int]:
        """Return the folds that no tower has predicted yet."""
        return [fold for fold in range(self.folds.number) if self._saved(fold) is None]

    def train_folds(self, wanted: Sequence[int]) -> list[int]:
        """Train the towers of those folds, as far as that is not done, and return what is left."""
        for fold in wanted:
            if self._saved(fold) is None:
                self._train_fold(fold)
        return self.left()

    def out_of_fold(self) -> OutOfFold:
        """Put together what the towers of all folds have said."""
        found: dict[str, Array] = {}
        parts = []
        for fold in range(self.folds.number):
            saved = self._saved(fold) or {}
            rows = self.folds.fold == fold
            for name in LOGITS:
                shape = (len(rows), *saved[name].shape[1:])
                found.setdefault(name, np.empty(shape))[rows] = saved[name]
            parts.append(Part(**told_of(saved)))
        return OutOfFold(found["z"], found["t"], found["raw"], parts)

    def train_on_all(self, oof: OutOfFold) -> Part:
        """Train the tower of all rows, and leave it in the folder.

        It holds out nothing, so that its epochs and the width of its ties are what the folds say.
        """
        saved = self.kept.saved(TOWER)
        if saved is None:
            rows = np.arange(len(self.battles.frame))
            trained = self._train(TOWER, ALL_ROWS, rows, oof.epochs)
            trained.tower.width = self._width(oof)
            if self.kept.run:
                _leave(trained, self.kept.run.path / TOWER)
            saved = {"told": told_array(_part(trained)._asdict())}
            self.kept.save(TOWER, saved)
        return Part(**told_of(saved))

    def _width(self, oof: OutOfFold) -> "TieWidth | None":
        from models.tower.logits import TieWidth, difference

        if not self.settings.fits_width:
            return None
        first, second = np.split(oof.raw, 2, axis=1)
        return TieWidth.fit(difference(first, second), self.battles.plain[1])

    def _saved(self, fold: int) -> Arrays | None:
        return self.kept.saved(f"fold-{fold}")

    def _train_fold(self, fold: int) -> None:
        frame, name = self.battles.frame, f"fold-{fold}"
        held_out = np.zeros(len(frame), dtype=np.bool_)
        held_out[: self.battles.n_plain] = self.folds.fold == fold
        rows = np.flatnonzero(training_rows(held_out, frame["group"], frame["source"]))
        trained = self._train(name, f"fold {fold}", rows)
        if self.kept.run:
            logits = trained.tower.predict(self.material, np.flatnonzero(held_out))
            told = told_array(_part(trained)._asdict())
            self.kept.save(name, {key: getattr(logits, key) for key in LOGITS} | {"told": told})
        self.kept.world.barrier()  # the others must not ask for it before

    def _train(
        self, name: str, title: str, rows: NDArray[np.intp], epochs: float | None = None
    ) -> "Trained":
        from models.tower.training import train

        material = self.material
        with self.steps.step(title, unit="steps") as step:
            return train(
                material,
                self.battles.y,
                rows,
                checkpoints=self.kept.checkpoints(name),
                watch=Told(step, partial(memory_mb, self.device)),
                world=self.kept.world,
                epochs=epochs,
                soft=None if self.soft is None else self.soft.proba,
            )


def _part(trained: "Trained") -> Part:
    return Part(trained.epochs, trained.history, trained.tokens, trained.seconds)


def _leave(trained: "Trained", folder: Path) -> None:
    """Write a tower anew, and bring it to disk."""
    if folder.exists():
        shutil.rmtree(folder)
    trained.tower.save(folder)
    for path in folder.rglob("*"):
        with path.open("rb") as file:
            os.fsync(file)
