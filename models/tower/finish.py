"""What lies between a fused vector and its scores."""

from typing import NamedTuple, Self

from torch import Tensor, nn

from models.tower.linear import linear
from models.tower.settings import TowerSettings


class Finish(NamedTuple):
    """What a vector goes through once both sides are in it, in this order, and how it ends.

    Attributes
    ----------
    dense : int
        Width of a linear layer, without an activation as Keras' ``Dense`` has none; 0 for no layer.
    norm : bool
        Whether a LayerNorm follows.
    dropout : float
    temperature : float
        The vector is divided by it.
    ties : str
        Of `models.tower.ties.TIES`.
    """

    dense: int = 0
    norm: bool = False
    dropout: float = 0.0
    temperature: float = 1.0
    ties: str = "free"

    @classmethod
    def of(cls, settings: TowerSettings) -> Self:
        """Return what settings ask for.

        >>> Finish.of(TowerSettings(dropout=0.1)).dropout
        0.1
        >>> Finish.of(TowerSettings(dropout=0.1, head_dropout=0.5)).dropout
        0.5
        """
        dropout = 0.0 if settings.dropout == "own" else settings.dropout
        if settings.head_dropout is not None:
            dropout = settings.head_dropout
        return cls(settings.dense, settings.head_norm, dropout, settings.temperature, settings.ties)

    @property
    def n_logits(self) -> int:
        """How many a classifier gives of a vector: the third is a tie's own, where it has one."""
        return 3 if self.ties == "free" else 2


class Before(nn.Module):
    """What a vector goes through before the classifier, see `Finish`.

    Parameters
    ----------
    width : int
        Dimensions of the vector.
    finish : Finish
    odd : bool, default=False
        Give ``-f(x)`` for ``-x``: the norm has no bias.
    """

    def __init__(self, width: int, finish: Finish, *, odd: bool = False) -> None:
        super().__init__()
        self.width = finish.dense or width  # of what comes out
        self.dense = linear(width, finish.dense) if finish.dense else None
        self.norm = nn.LayerNorm(self.width, bias=not odd) if finish.norm else None
        self.dropout = nn.Dropout(finish.dropout)
        self.temperature = finish.temperature

    def forward(self, vector: Tensor) -> Tensor:
        """Return what the classifier is given: shape (n, d) -> (n, width)."""
        if self.dense is not None:
            vector = self.dense(vector)  # (n, width)
        if self.norm is not None:
            vector = self.norm(vector)  # (n, width)
        dropped: Tensor = self.dropout(vector)  # (n, width)
        return dropped / self.temperature
