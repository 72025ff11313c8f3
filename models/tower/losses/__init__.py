"""What a tower is trained to make small: one loss a file.

Losses are given logits and scores, never probabilities: a softmax lies in the loss and in
prediction, and nowhere else.
"""

from dataclasses import fields

from models.tower.losses.bradley_terry import BradleyTerry
from models.tower.losses.contract import Loss, Raw, Targets
from models.tower.losses.cross_entropy import CrossEntropy
from models.tower.losses.direction_tie import DirectionTie
from models.tower.losses.distilled import Distilled
from models.tower.losses.dpo import Dpo
from models.tower.losses.squared_error import SquaredError
from models.tower.settings import TowerSettings

__all__ = ["LOSSES", "Loss", "Raw", "Targets", "loss_of"]

LOSSES: dict[str, type[Loss]] = {
    "cross_entropy": CrossEntropy,
    "direction_tie": DirectionTie,
    "dpo": Dpo,
    "bradley_terry": BradleyTerry,
    "squared_error": SquaredError,
}


def loss_of(settings: TowerSettings) -> Loss:
    """Return the loss that settings ask for.

    >>> loss_of(TowerSettings(smoothing=0.02, extra_weight=0.5))
    CrossEntropy(extra_weight=0.5, smoothing=0.02)
    """
    kind = LOSSES[settings.loss_name]
    loss = kind(**{field.name: getattr(settings, field.name) for field in fields(kind)})
    if not settings.distill:
        return loss
    return Distilled(loss.extra_weight, loss, settings.distill, settings.distill_temperature)
