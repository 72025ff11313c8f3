"""The members of a stack as they predict: a run, a tower, or a table that somebody else made."""

from pathlib import Path
from typing import NamedTuple, Protocol

import pandas as pd
from sklearn.pipeline import Pipeline

from features.encoding.files import need_libraries
from features.sides import Array
from models.stacking.members import logits_of
from pipelines.command.progress import Steps
from pipelines.estimator.encoding import encoder_store
from pipelines.stacking.tables import Table
from pipelines.tower.parts import TOWER


class Predicting(Protocol):
    """A member that gives the logits of battles it has not seen."""

    def logits(self, battles: pd.DataFrame) -> tuple[Array, Array | None]:
        """Return direction and tie logits, shape (n_battles,) each; see `Member`."""
        ...

    def tell(self, name: str, steps: Steps) -> None:
        """Write a line now and then while it works."""
        ...


class RunMember:
    """A run's estimator."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def logits(self, battles: pd.DataFrame) -> tuple[Array, Array | None]:
        """Return the logits of its probabilities, as those of ``oof.csv`` are."""
        return logits_of(self.pipeline.predict_proba(battles))

    def tell(self, name: str, steps: Steps) -> None:
        """Tell of tokens that a frozen encoder reads."""
        store = encoder_store(self.pipeline)
        if store is not None:
            store.progress = steps.lines(f"{name}: encode", "tokens")


class TowerMember:
    """A fine-tuned tower."""

    def __init__(self, folder: Path, device: str) -> None:
        need_libraries()
        from models.tower.tower import Tower

        self.tower = Tower.from_folder(folder / TOWER, device=device)
        self._told = lambda done: None

    def logits(self, battles: pd.DataFrame) -> tuple[Array, Array]:
        """Return its logits, as those of ``oof_logits.csv`` are."""
        found = self.tower.logits(battles, done=self._told)
        return found.z, found.t

    def tell(self, name: str, steps: Steps) -> None:
        """Tell of battles that it has read."""
        self._told = steps.lines(name, "battles")


class TableMember(NamedTuple):
    """Predictions that somebody else made, by id."""

    table: Table

    def logits(self, battles: pd.DataFrame) -> tuple[Array, Array | None]:
        """Return the logits of the battles' ids.

        Raises
        ------
        StackError
            It has none of an id.
        """
        places = self.table.places(battles["id"].to_numpy(dtype=object), "the test file")
        _, z, t = self.table.member("", places)
        return z, t

    def tell(self, name: str, steps: Steps) -> None:
        """Take no time worth telling of."""
