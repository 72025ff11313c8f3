"""A fine-tuned tower: predicts in both orders, lies in a folder, comes back from it the same."""

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from features.encoding.tokeniser import Tokeniser
from features.sides import Array
from models.heads import probabilities
from models.tower.attention import Packs
from models.tower.backbone import Backbone
from models.tower.device import Place
from models.tower.errors import TowerError
from models.tower.head import Head
from models.tower.loaded import Loaded
from models.tower.logits import TieWidth, direction_and_tie
from models.tower.material import Material
from models.tower.network import Network
from models.tower.numeric import Scale
from models.tower.settings import TowerSettings
from models.tower.states import in_batches
from models.tower.watch import Silent

AGAIN = "Copy the folder again from where it was written, or fine-tune the tower again."
FORMAT = 1
CONFIG, WEIGHTS, OURS = "config.json", "model.safetensors", "arenaboost"
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
    def from_folder(cls, path: Path | str, device: str = "cpu") -> Self:
        """Return the tower that lies in a folder.

        Parameters
        ----------
        path : Path or str
        device : {"cpu", "cuda"}

        Raises
        ------
        TowerError
            The folder holds no tower, or one that this version cannot read.
        """
        path = Path(path)
        told, config = _read(path)
        settings = TowerSettings.model_validate(told["settings"])
        place = Place.like(device, settings.precision)
        weights = _weights(path, told["weights"])
        whole = _network_of(config, weights, settings.backbone)
        loaded = Loaded.made(settings, Tokeniser(path), whole, place, Silent())
        network = Network(settings, loaded.parts.upper)
        _take_over(network.head, _under("head.", weights))
        width = TieWidth(*told["tie_width"]) if told["tie_width"] else None
        return cls(loaded, network, Scale.read(told["scale"]), width, place)

    def save(self, folder: Path) -> None:
        """Write ``config.json``, ``model.safetensors`` and the tokenizer's files."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: own.detach().cpu().clone() for name, own in self._state().items()}
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
        self.loaded.tokeniser.save(folder)
        config = self.loaded.whole.config.to_dict()
        config["is_encoder_decoder"] = self.loaded.whole.of_pair
        config[OURS] = self._told() | {"weights": _digest(folder / WEIGHTS)}
        (folder / CONFIG).write_text(json.dumps(config, indent=1, default=str))

    def _told(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "settings": self.settings.model_dump(mode="json"),
            "scale": self.scale.told(),
            "tie_width": list(self.width) if self.width else None,
        }

    def _state(self) -> dict[str, Tensor]:
        """Return all weights: those of the whole backbone, with what was trained in its place."""
        state = dict(self.loaded.whole.network.state_dict())
        trained = dict(self.network.upper.network.named_parameters())
        state |= {self.loaded.parts.names[name]: own for name, own in trained.items()}
        head = {f"head.{name}": own for name, own in self.network.head.state_dict().items()}
        return state | head

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


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a folder tells of its tower, and of its backbone."""
    file = path / CONFIG
    try:
        config = json.loads(file.read_bytes())
        told = config.pop(OURS)
        TowerSettings.model_validate(told["settings"])
    except OSError as error:
        raise TowerError(f"{file}: cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
        raise TowerError(
            f"{file}: expected a tower's configuration, found none that this version can read. "
            "Name the folder tower/ that pipelines.finetune wrote."
        ) from None
    if told.get("format") != FORMAT:
        raise TowerError(
            f"{path}: a tower of format {told.get('format')!r}, this version reads {FORMAT}. "
            "Fine-tune it again."
        )
    return told, config


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]


def _weights(path: Path, digest: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        same = _digest(path / WEIGHTS) == digest
        found: dict[str, Tensor] = load_file(path / WEIGHTS)
    except (OSError, SafetensorError) as error:
        said = " ".join(str(error).split())
        raise TowerError(f"{path / WEIGHTS}: cannot be read ({said}). {AGAIN}") from None
    if not same:
        raise TowerError(f"{path / WEIGHTS}: not the weights that were written here. {AGAIN}")
    return found


def _network_of(config: dict[str, Any], weights: dict[str, Tensor], name: str) -> Backbone:
    from transformers import AutoConfig, AutoModel

    made = AutoConfig.for_model(**config)
    network = AutoModel.from_config(made, dtype=torch.float32)
    backbone = Backbone.of(network, name)
    own = {key: value for key, value in weights.items() if not key.startswith("head.")}
    _take_over(backbone.network, own)
    return backbone


def _take_over(module: nn.Module, weights: dict[str, Tensor]) -> None:
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        said = " ".join(str(error).split())[:300]
        raise TowerError(
            f"{WEIGHTS}: not the weights of its configuration ({said}). {AGAIN}"
        ) from None


def _under(start: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(start): own for name, own in weights.items() if name.startswith(start)
    }
