"""Run folders that lie on disk, and the battles that their predictions belong to."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.battles import WINNER_COLUMNS, ReadBattles

PREDICTIONS, FOLDS, REPORT, CONFIG = "oof.csv", "folds.csv", "report.json", "config.toml"


class RunError(ValueError):
    """Runs that cannot be compared, with the reason in words."""


class Scored(NamedTuple):
    """The battles that figures are of: ids, labels, and the prompt groups that are resampled."""

    id: NDArray[np.object_]
    y: NDArray[np.int8]
    group: NDArray[np.object_]

    @classmethod
    def of(cls, read: ReadBattles) -> "Scored":
        """Take them from a file of labelled battles that was read."""
        ids, group = (read.battles[name].to_numpy(dtype=object) for name in ("id", "group"))
        return cls(ids, read.y, group)


class Run(NamedTuple):
    """What one run folder says of the scored battles, in their order."""

    folder: Path
    seed: int
    proba: NDArray[np.float64]  # (n_battles, 3)
    fold: NDArray[np.int64]  # (n_battles,)
    seconds: float
    memory_mb: float

    @classmethod
    def read(cls, folder: Path, scored: Scored) -> "Run":
        """Read a run folder, of this version or an earlier one.

        Raises
        ------
        RunError
            It is no run folder, or its battles are not the scored ones.
        """
        if missing := [
            name for name in (PREDICTIONS, FOLDS, REPORT, CONFIG) if not (folder / name).exists()
        ]:
            raise RunError(f"{folder}: expected a finished run folder, but it has no {missing[0]}.")
        report = json.loads((folder / REPORT).read_text())
        return cls(
            folder,
            tomllib.loads((folder / CONFIG).read_text())["seed"],
            by_id(folder / PREDICTIONS, list(WINNER_COLUMNS), scored).to_numpy(dtype=np.float64),
            by_id(folder / FOLDS, ["fold"], scored)["fold"].to_numpy(),
            sum(report["seconds"].values()),
            report["peak_memory_mb"],
        )


def by_id(path: Path, columns: list[str], scored: Scored) -> pd.DataFrame:
    """Return columns of a table, its rows in the order of the scored battles.

    Raises
    ------
    RunError
        Its battles are not these.
    """
    table = pd.read_csv(path, dtype={"id": str}, keep_default_na=False).set_index("id")
    ours, theirs = set(scored.id), set(table.index)
    if ours != theirs or not table.index.is_unique:
        raise RunError(
            f"{path}: its battles are not those that are scored: {len(ours - theirs)} ids are "
            f"missing, {len(theirs - ours)} are not known, {len(table) - len(theirs)} stand twice. "
            "Compare runs of the same training file, the one that ARENABOOST_DATA names."
        )
    return table.loc[scored.id, columns]


def paired(
    ours: Sequence[Run], theirs: Sequence[Run], *, other_folds: bool = False
) -> list[tuple[Run, Run]]:
    """Put runs of the same seed side by side.

    Parameters
    ----------
    ours, theirs : sequence of Run
        One run a seed on either side.
    other_folds : bool
        Whether runs whose folds differ are paired as well.

    Returns
    -------
    list of tuple of Run
        In the order of the seeds.

    Raises
    ------
    RunError
        The two sides have not the same seeds, or the folds of a seed differ.
    """
    sides = [{run.seed: run for run in side} for side in (ours, theirs)]
    if sides[0].keys() != sides[1].keys() or len(ours) != len(theirs) or len(ours) != len(sides[0]):
        raise RunError(
            "Expected runs of the same seeds on both sides, one each, found the seeds "
            f"{_seeds(ours)} and {_seeds(theirs)}."
        )
    pairs = [(sides[0][seed], sides[1][seed]) for seed in sorted(sides[0])]
    for one, other in [] if other_folds else pairs:
        if moved := int((one.fold != other.fold).sum()):
            raise RunError(
                f"{one.folder} and {other.folder}: {moved} of {len(one.fold)} battles lie in other "
                "folds, so the difference would be of folds as well. Pass --other-folds to "
                "compare them nevertheless."
            )
    return pairs


def _seeds(runs: Sequence[Run]) -> str:
    return ", ".join(str(run.seed) for run in runs) or "of no run"
