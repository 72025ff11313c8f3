"""Families that read with the frozen encoder of a run."""

import polars as pl

from features.encoding.encoder import Encoder
from features.encoding.turns import DistinctTurns
from features.family import LearningFamily
from features.matching.store import EncoderStore


class EncoderFamily(LearningFamily):
    """A family that learns from what a frozen encoder makes of texts.

    In a run all such families are handed its encoder and one store; used alone, each has its own.
    A subclass has the parameter `encoder`, and `weights` among what it learns: a hash of the
    encoder's files.
    """

    uses = "encoder"
    encoder: Encoder | str

    @property
    def store(self) -> EncoderStore:
        """What reads the texts; one of its own where none with its encoder was handed over."""
        wanted = Encoder(self.encoder) if isinstance(self.encoder, str) else self.encoder
        if not isinstance(wanted, Encoder):
            raise ValueError(
                f"The encoder of {type(self).__name__} must be minilm, a folder, a name of the hub "
                f"or an Encoder. Got {wanted!r} instead."
            )
        if self._store is None or self._store.encoder != wanted:
            self.use(EncoderStore(wanted))
        store: EncoderStore = self._store
        return store

    def _added(self, battles: pl.DataFrame) -> tuple[DistinctTurns, str]:
        """Let the store read battles to learn from; return their turns, and the encoder's hash."""
        turns = DistinctTurns.of(battles)
        self.store.add_battles(turns)
        return turns, self.store.encoder.weights if battles.height else ""

    def _checked(self, battles: pl.DataFrame) -> DistinctTurns:
        """Return the turns of battles, whose encoder must be the one that was learned with."""
        if battles.height:
            self.store.encoder.check(self.learned_.weights)
        return DistinctTurns.of(battles)
