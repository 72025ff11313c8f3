"""A fine-tuned tower: predicts in both orders, lies in a folder, comes back from it the same."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from features.sides import Array
from models.heads import probabilities
from models.tower.attention import Packs
from models.tower.device import Place
from models.tower.folder import Content, read_tower, write_tower
from models.tower.head import Head
from models.tower.loaded import Loaded
from models.tower.logits import TieWidth, direction_and_tie
from models.tower.material import Material
from models.tower.network import Network
from models.tower.numeric import Scale
from models.tower.settings import TowerSettings
from models.tower.states import in_batches

BLOCK = 1024  # battles read at once, so that memory does not grow with their number
FUSED = 256  # battles that a head is given at once
Done = Callable[[int], None]


class Logits(NamedTuple):
    """What a tower says of battles.

    Attributes
    ----------
    z, t : ndarray of float64, shape (n_battles,)
        Direction and tie logits, see `models.heads.probabilities`; not calibrated.
    raw : ndarray of float64, shape (n_battles, 2 * n_scores)
        The network's own scores: of (A, B), then of (B, A).
    """

    z: Array
    t: Array
    raw: Array


class Tower:
    """A network that was fine-tuned on battles.

    Parameters
    ----------
    loaded : Loaded
        The backbone that it stands on.
    network : Network
        What was trained.
    scale : Scale
        Of the numeric features.
    width : TieWidth or None
        Of a ranking's ties.
    place : Place
    """

    def __init__(
        self,
        loaded: Loaded,
        network: Network,
        scale: Scale,
        width: TieWidth | None,
        place: Place,
    ) -> None:
        self.loaded, self.place, self.scale, self.width = loaded, place, scale, width
        self.network = network.to(place.device).eval()

    @property
    def settings(self) -> TowerSettings:
        """What it was made by."""
        return self.loaded.settings

    @classmethod
    def from_folder(
        cls, path: Path | str, device: str = "cpu", *, backbone: str | None = None
    ) -> Self:
        """Return the tower that lies in a folder.

        Parameters
        ----------
        path : Path or str
        device : {"cpu", "cuda"}
        backbone : str, optional
            Where the backbone is that adapters stand on, if not where it was when they were
            trained. A tower without adapters has its own.

        Raises
        ------
        TowerError
            The folder holds no tower, or one that this version cannot read, or the backbone that
            its adapters were trained on cannot be had or is another one, or a backbone is named and
            there are no adapters.
        """
        return cls(*read_tower(Path(path), device, backbone))

    def save(self, folder: Path) -> None:
        """Write ``config.json``, weights and the tokenizer's files; of adapters see `lora_rank`."""
        content = Content(self.loaded, self.network, self.scale, self.width, self.place)
        write_tower(folder, content)

    def predict_proba(self, battles: pd.DataFrame) -> Array:
        """Return the probabilities of A, B and tie, shape (n_battles, 3); not calibrated."""
        logits = self.logits(battles)
        return probabilities(logits.z, logits.t)

    def logits(self, battles: pd.DataFrame, done: Done | None = None) -> Logits:
        """Return the logits of battles of any number.

        Parameters
        ----------
        battles : DataFrame
            A battles frame.
        done : callable, optional
            Told of battles that are predicted.
        """
        parts = []
        for start in range(0, max(len(battles), 1), BLOCK):
            part = battles.iloc[start : start + BLOCK]
            material = Material.read(self.loaded, self.place, part)
            parts.append(self.predict(material, np.arange(len(part))))
            if done:
                done(len(part))
        return Logits(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def predict(self, material: Material, rows: NDArray[np.intp]) -> Logits:
        """Return the logits of some of the battles that were read; see `Logits`."""
        raw = raw_scores(self.network, material, rows, self.scale)
        return Logits(*self.direction_and_tie(raw), np.concatenate(raw, axis=1))

    def direction_and_tie(self, raw: tuple[Array, Array]) -> tuple[Array, Array]:
        """Return z and t of raw scores in both orders."""
        return direction_and_tie(*raw, self.width)


def raw_scores(
    network: Network, material: Material, rows: NDArray[np.intp], scale: Scale
) -> tuple[Array, Array]:
    """Return the raw scores of battles in both orders, float64, shape (n_battles, n_scores) each.

    Each sequence is read once; the head computes in float64, on the CPU.
    """
    training = network.training
    network.eval()
    sequences = material.sequences
    both = np.concatenate([sequences.first[rows], sequences.second[rows]])
    places, which = np.unique(both, return_inverse=True)
    vectors = _vectors(network, material, places)
    first, second = vectors[which[: len(rows)]], vectors[which[len(rows) :]]
    head: Head = copy.deepcopy(network.head).cpu().double()
    numbers = scale(material.numbers[rows]).astype(np.float64)
    raw = _fused(head, first, second, numbers)
    network.train(training)
    return raw


def _fused(head: Head, first: Array, second: Array, numbers: Array) -> tuple[Array, Array]:
    """Return raw scores, computed for so many battles at a time, whatever their number is.

    The last bits of a product depend on how many rows it has.
    """
    parts = []
    for start in range(0, max(len(first), 1), FUSED):
        given = [values[start : start + FUSED] for values in (first, second, numbers)]
        filled = [np.pad(of, [(0, FUSED - len(of))] + [(0, 0)] * (of.ndim - 1)) for of in given]
        with torch.inference_mode():
            raw = head(*map(torch.from_numpy, filled))
        parts.append([scores[: len(given[0])].numpy() for scores in raw])
    one, other = (np.concatenate(scores) for scores in zip(*parts, strict=True))
    return one, other


def _vectors(network: Network, material: Material, places: NDArray[np.intp]) -> Array:
    """Return one vector a sequence, in float64, whatever others there are."""
    place = material.place
    vectors = np.empty((len(places), network.head.width))
    block = BLOCK if not place.on_card else BLOCK // 4  # whose states a card holds at once
    for start in range(0, len(places), block):
        rows = material.inputs.given(places[start : start + block])
        for where, states in in_batches(network.upper, rows, place):
            pooled = _pooled(network.head, states, place)
            vectors[start + where] = pooled.double().cpu().numpy()
    return vectors


@torch.inference_mode()
def _pooled(head: Head, states: list[Tensor], place: Place) -> Tensor:
    """Return one vector a sequence; on a CPU no product has rows of more than one of them."""
    groups = [states] if place.on_card else [[own] for own in states]
    found = [
        head.vectors(
            torch.cat(own).float(), Packs.of([len(of) for of in own], place.device)
        )  # (n_sequences, n_dimensions)
        for own in groups
    ]
    return torch.cat(found)
