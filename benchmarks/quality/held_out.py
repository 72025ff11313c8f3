"""One tower on folds of the real battles: trained without them, asked about them.

A fold is one of those that ``pipelines.finetune`` cuts by the settings' seed, between prompts, of
the plain battles; a training part is all other battles, extra ones whose prompt is none of the
fold's included. Nothing is calibrated. Experiments that train many towers share this module: towers
of one seed answer for the same battles, so that their differences are paired.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from benchmarks import real
from data.folds import hash_folds, make_folds, training_rows
from data.labels import TIE
from models.device import Choice
from models.heads import probabilities
from models.tower.material import Material
from models.tower.settings import TowerSettings
from models.tower.states import StateStore
from models.tower.training import Trained, train
from pipelines.command.progress import Step, Steps
from pipelines.settings import ConfigError, apply_setting, checked
from pipelines.tower.device import memory_mb, tower_device
from pipelines.tower.told import Told

STORE_BYTES = 8_000_000_000
Array = NDArray[np.float64]
Rows = NDArray[np.intp]


class Battles(NamedTuple):
    """Real battles, the plain ones first.

    Attributes
    ----------
    frame : DataFrame
        A battles frame.
    y : ndarray of int8, shape (n_battles,)
    """

    frame: pd.DataFrame
    y: NDArray[np.int8]

    @classmethod
    def real(cls, most_extra: int | None = None) -> Self:
        """Read all plain battles, and extra ones.

        Parameters
        ----------
        most_extra : int, optional
            So many of the extra ones, drawn with the seed 0; all by default.
        """
        frame, y = real.all_rows()
        extra = np.flatnonzero((frame["source"] == "extra").to_numpy())
        if most_extra is not None and most_extra < len(extra):
            drawn = np.random.default_rng(0).permutation(extra)[:most_extra]
            kept = np.setdiff1d(np.arange(len(y)), np.setdiff1d(extra, drawn))
            frame, y = frame.iloc[kept].reset_index(drop=True), y[kept]
        return cls(frame, y)

    def parts(
        self, settings: TowerSettings, fold: int, *, decided: bool = False
    ) -> tuple[Rows, Rows]:
        """Return the rows that may train while a fold is held out, and those of the fold.

        Parameters
        ----------
        settings : TowerSettings
        fold : int
        decided : bool, default=False
            Whether decided extra rows whose prompts no plain row has are held out too, cut into as
            many folds by a hash of the prompt: choices may be made on them.
        """
        frame = self.frame
        plain = np.flatnonzero((frame["source"] == "plain").to_numpy())
        group = frame["group"].to_numpy(dtype=object)
        folds = make_folds(
            self.y[plain], group[plain], n_folds=settings.n_folds, seed=settings.seed
        )
        out = np.zeros(len(frame), dtype=np.bool_)
        out[plain[folds == fold]] = True
        if decided:
            alone = ~frame["group"].isin(group[plain]).to_numpy()
            alone &= (self.y != TIE) & (frame["source"] == "extra").to_numpy()
            out |= alone & (hash_folds(group, n_folds=settings.n_folds) == fold)
        return np.flatnonzero(training_rows(out, group, frame["source"])), np.flatnonzero(out)


class HeldOut(NamedTuple):
    """What towers said of the battles of the folds that they were trained without.

    Attributes
    ----------
    rows : ndarray of intp, shape (n_rows,)
        Which battles.
    z, t : ndarray of float64, shape (n_rows,)
        Direction and tie logits.
    proba : ndarray of float64, shape (n_rows, 3)
    seconds : float
        Of the trainings, frozen layers and predictions apart.
    tokens : int
        Of text that were trained on.
    parameters, trained : int
        Numbers in the backbone and the head, and those of them that are trained.
    losses : ndarray of float64, shape (n_steps,)
        Of all steps, fold after fold.
    """

    rows: Rows
    z: Array
    t: Array
    proba: Array
    seconds: float
    tokens: int
    parameters: int
    trained: int
    losses: Array

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """Put those of several folds together, in the order of the battles."""
        parts = list(parts)
        rows = np.concatenate([part.rows for part in parts])
        order = np.argsort(rows)
        z, t, proba = (
            np.concatenate([getattr(part, name) for part in parts])[order]
            for name in ("z", "t", "proba")
        )
        return parts[0]._replace(
            rows=rows[order],
            z=z,
            t=t,
            proba=proba,
            seconds=sum(part.seconds for part in parts),
            tokens=sum(part.tokens for part in parts),
            losses=np.concatenate([part.losses for part in parts]),
        )


class _Heard(Told):
    """Shows what a training says, and keeps its losses."""

    def __init__(self, step: Step, memory: Callable[[], float]) -> None:
        super().__init__(step, memory)
        self.losses: list[float] = []

    def trained(self, step: int, steps: int, loss: float) -> None:
        """Keep the loss of a step, and show it."""
        self.losses.append(loss)
        super().trained(step, steps, loss)


def held_out(
    settings: TowerSettings,
    battles: Battles,
    folds: Sequence[int] = (0,),
    *,
    device: Choice = "auto",
    states: StateStore | None = None,
    epochs: float | None = None,
    decided: bool = False,
    name: str | None = None,
) -> HeldOut:
    """Train a tower without each of some folds, and ask it about them.

    Parameters
    ----------
    settings : TowerSettings
    battles : Battles
    folds : sequence of int
    device : {"auto", "cpu", "cuda"}
    states : StateStore, optional
        Where states of frozen layers are kept; without it they are computed in each epoch.
    epochs : float, optional
        Train so many on the whole training part. By default as many as are best on the inner
        split, which is then not trained on.
    decided : bool, default=False
        Whether decided extra rows are held out and asked about as well.
    name : str, optional
        What lines on the screen begin with.

    Raises
    ------
    ConfigError, DeviceError, EncoderError, TowerError
        There is no such fold or device, or the backbone cannot be had, or not with these settings.
    """
    for fold in folds:
        if fold not in range(settings.n_folds):
            last = settings.n_folds - 1
            raise ConfigError(f"--folds {fold}: there are the folds 0 to {last}.")
    where = tower_device(device).name
    steps, memory = Steps(Console(stderr=True), name), partial(memory_mb, where)
    with steps.step("texts", unit="tokens") as step:
        watch = Told(step, memory)
        material = Material.of(settings, battles.frame, device=where, states=states, watch=watch)
    found = []
    for fold in folds:
        rows, out = battles.parts(settings, fold, decided=decided)
        with steps.step(f"fold {fold}", unit="steps") as step:
            heard = _Heard(step, memory)
            trained = train(material, battles.y, rows, epochs=epochs, watch=heard)
        found.append(_asked(trained, material, out, heard.losses))
    return HeldOut.joined(found)


def _asked(trained: Trained, material: Material, rows: Rows, losses: Sequence[float]) -> HeldOut:
    """Ask a tower about battles, and count its numbers."""
    logits = trained.tower.predict(material, rows)
    network = trained.tower.network
    whole = [*material.loaded.whole.network.parameters(), *network.head.parameters()]
    if network.adapted:
        whole += [own for own in network.upper.parameters() if own.requires_grad]
    return HeldOut(
        rows=rows,
        z=logits.z,
        t=logits.t,
        proba=probabilities(logits.z, logits.t),
        seconds=trained.seconds,
        tokens=trained.tokens,
        parameters=sum(weight.numel() for weight in whole),
        trained=sum(own.numel() for own in network.parameters() if own.requires_grad),
        losses=np.array(losses),
    )


def parser_of(name: str, doc: str | None) -> argparse.ArgumentParser:
    """Return the parser of an experiment with towers on folds, with the flags that all have."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.quality {name}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    add("--folds", nargs="+", type=int, default=[0], metavar="N", help="0 by default")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--extra", type=int, metavar="N", help="train on so many extra rows, all by default")
    add("--states", type=Path, metavar="DIR", help="where states of frozen layers are kept")
    return parser


def settings_of(
    recipe: Mapping[str, Any], changes: Sequence[str], last: Mapping[str, Any] | None = None
) -> TowerSettings:
    """Return a recipe's settings with what ``--set`` changes, and what an experiment has last.

    Raises
    ------
    ConfigError
        Names the key, what was found, and what is allowed; what an experiment has last is not set.
    """
    data = dict(recipe)
    for change in changes:
        if (key := apply_setting(data, change)) in (last or {}):
            raise ConfigError(f"--set {change}: {key} is what is compared. Leave it out.")
    return checked(TowerSettings, {**data, **(last or {})}, "--set").resolved()


@contextmanager
def states_in(folder: Path | None) -> Iterator[StateStore]:
    """Yield where states of frozen layers are kept: for good in a folder that is named."""
    with tempfile.TemporaryDirectory() as aside:
        yield StateStore((folder or Path(aside)).resolve(), STORE_BYTES)
