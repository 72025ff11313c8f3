"""Feature families: what is measured on a battle. To add one, see the README."""

from features.encoding.files import EncoderError
from features.families.cross_attention import CrossAttentionFeatures
from features.families.embedding import EmbeddingFeatures
from features.families.fingerprint import FingerprintFeatures
from features.families.length import LengthFeatures
from features.families.lexical import LexicalFeatures
from features.families.overlap import OverlapFeatures
from features.families.prompt import PromptFeatures
from features.families.style import StyleFeatures
from features.families.turns import TurnFeatures
from features.families.wording import WordingFeatures
from features.family import BattleFamily, LearningFamily
from features.layout import TEXTS, count, to_polars, turns_of
from features.table import SHARE, Statistic, StatisticsFamily

FAMILIES: dict[str, type[BattleFamily]] = {
    "length": LengthFeatures,
    "turns": TurnFeatures,
    "style": StyleFeatures,
    "wording": WordingFeatures,
    "overlap": OverlapFeatures,
    "prompt": PromptFeatures,
    "lexical": LexicalFeatures,
    "fingerprint": FingerprintFeatures,
    "embedding": EmbeddingFeatures,
    "cross_attention": CrossAttentionFeatures,
}

__all__ = [
    "FAMILIES",
    "SHARE",
    "TEXTS",
    "BattleFamily",
    "EncoderError",
    "LearningFamily",
    "Statistic",
    "StatisticsFamily",
    "count",
    "to_polars",
    "turns_of",
]
