"""Feature families: what is measured on a battle. To add one, see the README."""

from features._base import SHARE, BattleFamily, Statistic, StatisticsFamily
from features.length import LengthFeatures
from features.style import StyleFeatures
from features.turns import TurnFeatures

FAMILIES: dict[str, type[BattleFamily]] = {
    "length": LengthFeatures,
    "turns": TurnFeatures,
    "style": StyleFeatures,
}

__all__ = ["FAMILIES", "SHARE", "BattleFamily", "Statistic", "StatisticsFamily"]
