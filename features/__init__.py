"""Feature families: what is measured on a battle. To add one, see the README."""

from features._base import (
    SHARE,
    TEXTS,
    BattleFamily,
    LearningFamily,
    Statistic,
    StatisticsFamily,
    count,
    to_polars,
    turns_of,
)
from features._encoder_files import EncoderError
from features.cross_attention import CrossAttentionFeatures
from features.embedding import EmbeddingFeatures
from features.fingerprint import FingerprintFeatures
from features.length import LengthFeatures
from features.lexical import LexicalFeatures
from features.overlap import OverlapFeatures
from features.prompt import PromptFeatures
from features.style import StyleFeatures
from features.turns import TurnFeatures
from features.wording import WordingFeatures

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
