"""From states to vectors, and from those to raw scores: numbers join, both sides are fused."""

import torch
from torch import Tensor, nn

from models.tower.attention import Packs
from models.tower.finish import Finish
from models.tower.fusion import Antisymmetric, Compare, Concat, Ranking
from models.tower.losses import Raw
from models.tower.pooling import pooling_of
from models.tower.recurrent import Recurrent
from models.tower.settings import TowerSettings


class Head(nn.Module):
    """All of a tower that stands on its backbone.

    Parameters
    ----------
    settings : TowerSettings
    width : int
        Dimensions of the backbone's states.
    """

    def __init__(self, settings: TowerSettings, width: int) -> None:
        super().__init__()
        self.dual = settings.arrangement == "dual"
        self.recurrent: Recurrent | None = None
        if settings.lstm:
            self.recurrent = Recurrent(width, settings.lstm)
            width = self.recurrent.width
        self.width = width  # of a sequence's vector
        self.pooling = pooling_of(settings.pooling, width)
        self.dense: nn.Module | None = None
        if settings.features:
            self.dense = nn.Sequential(
                nn.Linear(len(settings.features), settings.features_width), nn.ReLU()
            )
            width += settings.features_width * (1 if self.dual else 2)
        self.fusion = _fusion(settings, width)

    def vectors(self, states: Tensor, packs: Packs) -> Tensor:
        """Return one vector a sequence.

        Parameters
        ----------
        states : Tensor, shape (n_tokens, n_dimensions)
            The backbone's, of all sequences one after the other.
        packs : Packs

        Returns
        -------
        Tensor, shape (n_sequences, width)
        """
        if self.recurrent is not None:
            states = self.recurrent(states, packs)  # (n_tokens, width)
        return self.pooling(states, packs)

    def forward(self, first: Tensor, second: Tensor, numbers: Tensor) -> Raw:
        """Return the raw scores of battles in both orders.

        Parameters
        ----------
        first, second : Tensor, shape (n_battles, n_dimensions)
            Dual: the vectors of A and B; joint: of A before B, and of B before A.
        numbers : Tensor, shape (n_battles, 2, n_statistics)
            Of A and of B.
        """
        if self.dense is not None:
            a, b = self.dense(numbers).unbind(dim=1)  # (n, features_width) each
            own = ([a], [b]) if self.dual else ([a, b], [b, a])
            first = torch.cat([first, *own[0]], dim=1)
            second = torch.cat([second, *own[1]], dim=1)
        raw: Raw = self.fusion(first, second)
        return raw


def _fusion(settings: TowerSettings, width: int) -> nn.Module:
    finish = Finish.of(settings)
    if settings.task == "ranking":
        return Ranking(width, finish)
    if settings.fusion == "compare":
        return Compare(width, finish)
    if settings.fusion == "antisymmetric":
        return Antisymmetric(width, finish)
    return Concat(width, finish, dual=settings.arrangement == "dual")
