"""The frozen encoder of a run: who reads with it, where, and when."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from features import BattleFamily, to_polars
from features.encoding.encoder import Encoder
from features.encoding.turns import DistinctTurns
from features.matching.store import EncoderStore
from features.storage.segments import Progress
from pipelines.config import build


def families_of(pipeline: Pipeline) -> list[BattleFamily]:
    """Return the feature families of a pipeline, in the order of their columns."""
    steps = pipeline.named_steps["features"].transformer_list
    return [family for _, family in steps if isinstance(family, BattleFamily)]


def using(pipeline: Pipeline, store: str) -> list[BattleFamily]:
    """Return the families that read from a store of this kind, see `BattleFamily.uses`."""
    return [family for family in families_of(pipeline) if family.uses == store]


def encoder_of(options: Mapping[str, Any], device: str) -> Encoder:
    """Return the encoder of a configuration's section, not yet loaded.

    It reads on the run's GPU, if the torch that is installed can use it.
    """
    encoder: Encoder = build(Encoder, options)
    if device == "cuda" and find_spec("torch") is not None:
        import torch

        if torch.cuda.is_available():
            return replace(encoder, device="cuda")
    return encoder


def hand_over(pipeline: Pipeline, store: EncoderStore) -> None:
    """Let the families that read with an encoder do so with this store's, and through it."""
    for family in using(pipeline, "encoder"):
        family.set_params(encoder=store.encoder).use(store)


def encoder_store(pipeline: Pipeline) -> EncoderStore | None:
    """Return the store through which the families of a pipeline read, None where none does."""
    return next((family.store for family in using(pipeline, "encoder")), None)


def encode(pipeline: Pipeline, battles: pd.DataFrame, progress: Progress | None = None) -> None:
    """Let the families with a frozen encoder find each text of `battles` encoded, once for all.

    Clones of a family find it as well.

    Raises
    ------
    EncoderError
        The encoder cannot be had or used.
    """
    store = encoder_store(pipeline)
    if store is not None:
        store.add_battles(DistinctTurns.of(to_polars(battles)), progress)
