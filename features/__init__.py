"""Feature families: what is measured on a battle. To add one, see the README.

The contract is in `features.family` and `features.table`, what a swap of the answers does in
`features.sides`; `features/families` has one file a family. The other rooms are machinery.
"""

from features.encoding.files import EncoderError
from features.families.cross_attention import CrossAttentionFeatures
from features.families.embedding import EmbeddingFeatures
from features.families.fingerprint import FingerprintFeatures
from features.families.length import LengthFeatures
from features.families.lexical import LexicalFeatures
from features.families.names import NamesFeatures
from features.families.overlap import OverlapFeatures
from features.families.prompt import PromptFeatures
from features.families.style import StyleFeatures
from features.families.turns import TurnFeatures
from features.families.wording import WordingFeatures
from features.family import BattleFamily, LearningFamily, Training
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
    "names": NamesFeatures,
    "embedding": EmbeddingFeatures,
    "cross_attention": CrossAttentionFeatures,
}

__all__ = [
    "FAMILIES", "SHARE", "TEXTS", "BattleFamily", "EncoderError", "LearningFamily", "Statistic",
    "StatisticsFamily", "Training", "count", "to_polars", "turns_of",
]  # fmt: skip
