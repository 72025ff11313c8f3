"""The folder that a tower lies in: what is written, and what comes back.

A tower's weights lie there whole, as transformers reads them. One with adapters leaves those, as
peft reads them, the head, and which backbone they stand on: its name, and a hash of its files.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from features.encoding.files import BACKBONE, EncoderError, locate, weights_digest
from features.encoding.tokeniser import Tokeniser
from models.tower.backbone import Backbone
from models.tower.device import Place
from models.tower.errors import TowerError
from models.tower.loaded import Loaded
from models.tower.logits import TieWidth
from models.tower.lora import NAME, adapted, need_peft
from models.tower.network import Network
from models.tower.numeric import Scale
from models.tower.settings import TowerSettings
from models.tower.watch import Silent

AGAIN = "Copy the folder again from where it was written, or fine-tune the tower again."
FORMAT = 1
CONFIG, WEIGHTS, OURS = "config.json", "model.safetensors", "arenaboost"
ADAPTERS, HEAD = "adapter_model.safetensors", "head.safetensors"
UNDER = "base_model.model."  # what peft puts before the names of a network's weights


class Content(NamedTuple):
    """What a tower is made of.

    Attributes
    ----------
    loaded : Loaded
    network : Network
    scale : Scale
    width : TieWidth or None
    place : Place
    """

    loaded: Loaded
    network: Network
    scale: Scale
    width: TieWidth | None
    place: Place


def write_tower(folder: Path, tower: Content) -> None:
    """Write ``config.json``, the weights, and what reads them needs; see the module."""
    folder.mkdir(parents=True, exist_ok=True)
    config = tower.loaded.whole.config.to_dict()
    config["is_encoder_decoder"] = tower.loaded.whole.of_pair
    config[OURS] = {
        "format": FORMAT,
        "settings": tower.loaded.settings.model_dump(mode="json"),
        "scale": tower.scale.told(),
        "tie_width": list(tower.width) if tower.width else None,
        **(_write_adapters if tower.network.adapted else _write_whole)(folder, tower),
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=1, default=str))


def _write_whole(folder: Path, tower: Content) -> dict[str, Any]:
    """Write all weights: those of the whole backbone, with what was trained in its place."""
    state = dict(tower.loaded.whole.network.state_dict())
    trained = dict(tower.network.upper.network.named_parameters())
    state |= {tower.loaded.parts.names[name]: own for name, own in trained.items()}
    tower.loaded.tokeniser.save(folder)
    return {"weights": _save(state | _head(tower), folder / WEIGHTS)}


def _write_adapters(folder: Path, tower: Content) -> dict[str, Any]:
    """Write the adapters and the head, and what they stand on."""
    from peft import LoraConfig

    settings, names = tower.loaded.settings, tower.loaded.parts.names
    LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=[_whole(name, names) for name in adapted(tower.network.upper)],
        base_model_name_or_path=settings.backbone,
        inference_mode=True,
    ).save_pretrained(str(folder))
    return {
        "weights": _save(_adapters(tower), folder / ADAPTERS),
        "head": _save(_head(tower), folder / HEAD),
        "base": {"name": settings.backbone, "files": tower.loaded.base},
    }


def _whole(layer: str, names: dict[str, str]) -> str:
    """Return what a layer of the trained part is called in the whole network."""
    return names[f"{layer}.weight"].removesuffix(".weight")


def _adapters(tower: Content) -> dict[str, Tensor]:
    """Return the adapters by the names that peft gives them in the whole network."""
    names = tower.loaded.parts.names
    found = {}
    for layer, module in adapted(tower.network.upper).items():
        for part in ("lora_A", "lora_B"):
            own = getattr(module, part)[NAME].weight
            found[f"{UNDER}{_whole(layer, names)}.{part}.weight"] = own
    return found


def _head(tower: Content) -> dict[str, Tensor]:
    return {f"head.{name}": own for name, own in tower.network.head.state_dict().items()}


def _save(weights: dict[str, Tensor], path: Path) -> str:
    """Write weights, and return the digest of the file."""
    from safetensors.torch import save_file

    here = {name: own.detach().cpu().clone() for name, own in weights.items()}
    save_file(here, path, metadata={"format": "pt"})
    return digest_of(path)


def read_tower(path: Path, device: str, backbone: str | None = None) -> Content:
    """Return what lies in a folder; see `models.tower.tower.Tower.from_folder`."""
    told, config = _told(path)
    settings = TowerSettings.model_validate(told["settings"])
    place = Place.like(device, settings.precision)
    if settings.lora_rank:
        named = {} if backbone is None else {"backbone": backbone}
        loaded, network = _read_adapters(path, told, settings.model_copy(update=named), place)
    else:
        if backbone is not None:
            raise TowerError(
                f"{path}: a tower without adapters has a backbone of its own, found "
                f"backbone={backbone!r} named for it. Leave that out."
            )
        loaded, network = _read_whole(path, told, settings, place, config)
    width = TieWidth(*told["tie_width"]) if told["tie_width"] else None
    return Content(loaded, network, Scale.read(told["scale"]), width, place)


def _read_whole(
    path: Path, told: dict[str, Any], settings: TowerSettings, place: Place, config: dict[str, Any]
) -> tuple[Loaded, Network]:
    weights = _weights(path / WEIGHTS, told["weights"])
    whole = _network_of(config, weights, settings.backbone)
    loaded = Loaded.made(settings, Tokeniser(path), whole, place, Silent())
    network = Network(settings, loaded.parts.upper)
    _take_over(network.head, _under("head.", weights), WEIGHTS)
    return loaded, network


def _read_adapters(
    path: Path, told: dict[str, Any], settings: TowerSettings, place: Place
) -> tuple[Loaded, Network]:
    """Load the backbone that is named, and give it the adapters that were trained on it."""
    need_peft()
    weights, head = _weights(path / ADAPTERS, told["weights"]), path / HEAD
    folder = _base_of(path, settings.backbone)
    found, expected = weights_digest(folder), told["base"]["files"]
    if found != expected:
        raise TowerError(
            f"{path}: adapters of a backbone {told['base']['name']} whose files have the hash "
            f"{expected}, found {found} in {folder}. Name a folder with the files that they were "
            "trained on: Tower.from_folder(PATH, backbone=FOLDER)."
        )
    loaded = Loaded.of(settings, place, Silent())
    network = Network(settings, loaded.parts.upper)
    _take_over(network.head, _under("head.", _weights(head, told["head"])), HEAD)
    own = _adapters(Content(loaded, network, Scale((), ()), None, place))
    if {name: of.shape for name, of in own.items()} != {n: of.shape for n, of in weights.items()}:
        raise TowerError(f"{path / ADAPTERS}: not the adapters of its settings. {AGAIN}")
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(weights[name])
    return loaded, network


def _base_of(path: Path, name: str) -> Path:
    """Return the folder of the backbone that adapters stand on."""
    try:
        return locate(name, BACKBONE)
    except EncoderError as error:
        raise TowerError(
            f"{path}: its adapters stand on the backbone {name}, which cannot be had. Bring its "
            "folder to where it was when they were trained, or name it: "
            "Tower.from_folder(PATH, backbone=FOLDER)."
        ) from error


def _told(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
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


def digest_of(path: Path) -> str:
    """Return a hash of a file: the first half of BLAKE2b's 64 bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]


def _weights(path: Path, digest: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        same = digest_of(path) == digest
        found: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        said = " ".join(str(error).split())
        raise TowerError(f"{path}: cannot be read ({said}). {AGAIN}") from None
    if not same:
        raise TowerError(f"{path}: not the weights that were written here. {AGAIN}")
    return found


def _network_of(config: dict[str, Any], weights: dict[str, Tensor], name: str) -> Backbone:
    from transformers import AutoConfig, AutoModel

    made = AutoConfig.for_model(**config)
    network = AutoModel.from_config(made, dtype=torch.float32)
    backbone = Backbone.of(network, name)
    own = {key: value for key, value in weights.items() if not key.startswith("head.")}
    _take_over(backbone.network, own, WEIGHTS)
    return backbone


def _take_over(module: nn.Module, weights: dict[str, Tensor], file: str) -> None:
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        said = " ".join(str(error).split())[:300]
        raise TowerError(
            f"{file}: not the weights of its configuration ({said}). {AGAIN}"
        ) from None


def _under(start: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(start): own for name, own in weights.items() if name.startswith(start)
    }
