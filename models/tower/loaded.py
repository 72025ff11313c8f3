"""What of a tower does not depend on battles: its tokenizer, and its network in two parts."""

from typing import Any, NamedTuple, Self

from features.encoding.files import BACKBONE, locate, weights_digest
from features.encoding.tokeniser import Tokeniser
from models.tower import disentangled
from models.tower.arrangement import glue_of
from models.tower.attention import kernel
from models.tower.backbone import WASTE, Backbone, Parts
from models.tower.device import Place
from models.tower.errors import TowerError
from models.tower.lora import targets_of
from models.tower.settings import TowerSettings
from models.tower.watch import Watch

NO_ADAPTERS = "DeBERTa's fused kernels know no adapters"


class Loaded(NamedTuple):
    """A backbone with its tokenizer, as settings ask for them.

    Attributes
    ----------
    settings : TowerSettings
    tokeniser : Tokeniser
    whole : Backbone
        With the weights that it came with.
    parts : Parts
        Frozen layers, which are those of `whole`, and what is trained.
    base : str
        Names the files that all of it came from; empty where these are a tower's.
    """

    settings: TowerSettings
    tokeniser: Tokeniser
    whole: Backbone
    parts: Parts
    base: str = ""

    @classmethod
    def of(cls, settings: TowerSettings, place: Place, watch: Watch) -> Self:
        """Load the backbone that is named.

        Raises
        ------
        EncoderError
            It cannot be had.
        TowerError
            It cannot be a tower's, or not with these settings.
        ValueError
            Special tokens and the instruction leave no room for texts.
        """
        folder = locate(settings.backbone, BACKBONE)
        whole = Backbone.load(folder, settings.backbone)
        made = cls.made(settings, Tokeniser(folder), whole, place, watch)
        return made._replace(base=weights_digest(folder))

    @classmethod
    def made(
        cls,
        settings: TowerSettings,
        tokeniser: Tokeniser,
        whole: Backbone,
        place: Place,
        watch: Watch,
    ) -> Self:
        """Cut a network into its parts, with the fastest attention that the place has for it."""
        most = whole.most
        if most is not None and settings.length > most:
            raise TowerError(
                f"length: backbone {settings.backbone} takes at most {most:,} tokens. "
                f"Got {settings.length:,}."
            )
        glue_of(tokeniser, settings)  # no text is read in vain by one that has no room for it
        _speed_up(whole, settings, place, watch)
        parts = whole.parted(settings.train_layers, settings.backbone)
        if settings.lora_rank:
            targets_of(settings, parts.upper)  # what cannot be adapted is told before any work
        return cls(settings, tokeniser, whole, parts)


def attention_dropout(config: Any) -> float:
    """Return the share of attention's weights that a network drops while it is trained.

    >>> from transformers import BertConfig
    >>> attention_dropout(BertConfig())
    0.1
    """
    names = "attention_probs_dropout_prob", "attention_dropout"
    found = (getattr(config, name, 0.0) for name in names)
    return max(float(share or 0.0) for share in found)


def _speed_up(whole: Backbone, settings: TowerSettings, place: Place, watch: Watch) -> None:
    """Use DeBERTa's fused kernels on a card, or tell why not."""
    if not place.on_card or place.precision == "fp32":
        return
    if whole.packed:
        if kernel() is None:
            watch.say("attention goes sequence by sequence: this torch has no kernel for them all")
        elif attention_dropout(whole.config) and settings.dropout != 0:
            watch.say("attention dropout is 0: the kernel for packed sequences knows none")
        return
    whole.to(place.device)
    with place.autocast():
        # The kernels read the weights of queries, keys and values, past what stands beside them.
        why = NO_ADAPTERS if settings.lora_rank else disentangled.enable(whole.network)
    whole.flash = why is None
    if why is not None:
        watch.say(f"attention with padding, {WASTE - 1:.0%} at most: {why}")
