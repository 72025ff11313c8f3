"""What a trial is worth: its configuration over the folds, of which most is found."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.folds import training_rows
from data.weights import shares
from features.sides import Array
from features.storage.cache import Cache
from models.calibration import of_rows
from models.measures.metrics import row_losses
from models.partwise import KnownPart, PartwiseModel
from models.tuning import (
    Losses,
    block_battles,
    block_losses,
    cut_blocks,
    estimate,
    hopeless,
    mean_of,
)
from pipelines.config import Config
from pipelines.estimator.feasibility import check_parts
from pipelines.run.folds import Folds
from pipelines.run.inputs import Battles
from pipelines.tuning.columns import Columns, Plan, Split
from pipelines.tuning.kept import Kept

PARTS = "parts"


class Outcome(NamedTuple):
    """What came of a trial.

    Attributes
    ----------
    value : float
        Log loss of the plain battles, as a run reports it; an estimate where it ended early.
    blocks : dict of int to float
        Mean log loss of each block that it got to, see `models.tuning`.
    told : dict
        ``folds`` that were fitted, ``seconds``, and how many ``columns`` (of a family, in a fold
        if it learns) and ``parts`` were ``asked`` for and ``found``.
    """

    value: float
    blocks: dict[int, float]
    told: dict[str, Any]


class Evaluator:
    """Evaluates configurations over the same folds.

    Parameters
    ----------
    base : Config
        Whose folds they are.
    battles : Battles
    folds : Folds
        Of the plain battles.
    kept : Kept
        What other trials have computed of these battles in these folds.
    device : {"cpu", "cuda"}
    cache : Cache, optional
        Of counts and of what an encoder makes.
    n_jobs : int
        Fits at the same time, as joblib counts.

    Attributes
    ----------
    fold : ndarray of int8, shape (n_plain,)
        Of each plain row.
    share : ndarray of float64, shape (n_plain,), or None
        What each of them counts, see `data.weights.shares`.
    """

    def __init__(
        self,
        base: Config,
        battles: Battles,
        folds: Folds,
        kept: Kept,
        *,
        device: str = "cpu",
        cache: Cache | None = None,
        n_jobs: int = -1,
    ) -> None:
        self.battles, self.folds, self.kept = battles, folds, kept
        self.fold, self.share = battles.by_row(folds.fold), shares(battles.plain[0])
        check_parts(base, battles, self.fold)
        self._n_jobs = n_jobs
        self._columns = Columns(battles.frame, battles.y, kept, device, cache, n_jobs)
        self._block = cut_blocks(self.group, self.fold, base.seed)
        self._sizes = block_battles(self._block, self.share)

    @property
    def group(self) -> NDArray[np.object_]:
        """Prompt group of each plain row."""
        return self.battles.plain[0]["group"].to_numpy(dtype=object)

    def order(self, number: int, seed: int) -> list[int]:
        """Return in which order a trial goes through the folds: trial 0 as they come.

        Parameters
        ----------
        number : int
            Of the trial.
        seed : int
            Of the study.
        """
        if number == 0:
            return list(range(self.folds.number))
        shuffled = np.random.default_rng([seed, number]).permutation(self.folds.number)
        return [int(fold) for fold in shuffled]

    def evaluate(self, config: Config, order: Sequence[int], best: Losses | None) -> Outcome:
        """Return what a configuration is worth.

        Parameters
        ----------
        config : Config
        order : sequence of int
            All folds.
        best : mapping of int to float, optional
            All blocks of the best trial so far: one that is clearly worse ends early.
        """
        start, asked, found = time.perf_counter(), self.kept.asked.copy(), self.kept.found.copy()
        plan, blocks, done = self._columns.plan(config), dict[int, float](), 0
        for fold in order:
            held = self.fold == fold
            loss = row_losses(self.battles.plain[1][held], self.predict(plan, fold))
            blocks |= block_losses(loss, self._block[held], of_rows(self.share, held))
            done += 1
            if best is not None and done < len(order) and hopeless(blocks, best, self._sizes):
                break
        whole = best is None or done == len(order)
        told = {
            "folds": done,
            "seconds": round(time.perf_counter() - start, 3),
            "asked": dict(self.kept.asked - asked),
            "found": dict(self.kept.found - found),
        }
        value = mean_of(blocks, self._sizes) if whole else estimate(blocks, best or {}, self._sizes)
        return Outcome(value, blocks, told)

    def plan(self, config: Config) -> Plan:
        """Return what `predict` takes."""
        return self._columns.plan(config)

    def predict(self, plan: Plan, fold: int) -> Array:
        """Return the probabilities of a fold's rows, fitted without them.

        Shape (n_fold, 3), or (n_fold, 2) where votes know no ties.
        """
        split = self._split(plan.config, fold)
        model = PartwiseModel.of(plan.pipeline.named_steps["model"])
        model.set_params(n_jobs=self._n_jobs)
        places = dict(_places(model, plan, split))
        known = {name: self.kept.get(PARTS, place) for name, place in places.items()}
        parts = {name: KnownPart.read(arrays) for name, arrays in known.items() if arrays}
        missing = [name for name in places if name not in parts]
        y = self.battles.y[split.train]
        if missing:
            columns = self._columns.of(plan, split)
            made = model.fit_parts(missing, columns.train, y, columns.held)
            for name, part in made.items():
                self.kept.put(PARTS, places[name], part.arrays())
            parts |= made
        passed = self._columns.passed
        length = passed["characters"].to_numpy(dtype=np.float64)[split.held]
        return model.put_together(parts, passed[split.train], y, length)

    def _split(self, config: Config, fold: int) -> Split:
        frame = self.battles.frame
        held = np.zeros(len(frame), dtype=np.bool_)
        held[: len(self.fold)] = self.fold == fold
        train = training_rows(held, frame["group"], frame["source"])
        if config.model.extra_weight == 0:
            train &= (frame["source"] == "plain").to_numpy(dtype=np.bool_)
        return Split(fold, train, held)


def _places(model: PartwiseModel, plan: Plan, split: Split) -> list[tuple[str, dict[str, Any]]]:
    """Return by what each part is found: all that its predictions depend on."""
    config = plan.config
    shared = {
        "fold": split.fold,
        "columns": list(plan.told.values()),
        "select": config.model.select,
        "inner_folds": config.model.inner_folds,
        "extra_weight": config.model.extra_weight,
        "seed": config.seed,
    }
    return [
        (
            part.name,
            shared
            | {
                "head": part.head.name,
                "learner": {"kind": part.member} | config.learners[part.member],
                "copy": part.copy,
            },
        )
        for part in model.parts()
    ]
