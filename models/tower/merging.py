"""A tower without adapters that says what one with adapters says."""

import torch

from models.tower.lora import NAME, adapted
from models.tower.network import Network
from models.tower.settings import TowerSettings
from models.tower.tower import Tower


def merged(tower: Tower) -> Tower:
    """Add what adapters do to the weights that they stand beside.

    Returns
    -------
    Tower
        With the same logits but for rounding. It holds all weights of the backbone, and so does
        the folder that it is saved in; one without adapters is returned as it is.
    """
    if not tower.settings.lora_rank:
        return tower
    settings = without_adapters(tower.settings)
    network = Network(settings, tower.loaded.parts.upper)
    network.head.load_state_dict(tower.network.head.state_dict())
    with torch.no_grad():
        for name, layer in adapted(tower.network.upper).items():
            added = layer.get_delta_weight(NAME)  # of the weight's shape
            network.upper.network.get_parameter(f"{name}.weight").add_(added)
    loaded = tower.loaded._replace(settings=settings)
    return Tower(loaded, network, tower.scale, tower.width, tower.place)


def without_adapters(settings: TowerSettings) -> TowerSettings:
    """Return the same settings without LoRA.

    >>> without_adapters(TowerSettings(lora_rank=8, lora_dropout=0.1)) == TowerSettings()
    True
    """
    own = settings.model_dump()
    return TowerSettings(**{key: of for key, of in own.items() if not key.startswith("lora_")})
