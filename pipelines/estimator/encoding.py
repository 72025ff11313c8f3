"""Frozen encoders in a pipeline: which families share one, and when it reads."""

from collections.abc import Iterable, Sequence
from importlib.util import find_spec

import pandas as pd
from sklearn.pipeline import Pipeline

from features import BattleFamily, to_polars
from features.encoding.asked import Asked
from features.encoding.conversations import EncodingFamily
from features.encoding.store import VectorStore
from features.storage.cache import Cache
from features.storage.chunks import Progress


def families_of(pipeline: Pipeline) -> list[BattleFamily]:
    """Return the feature families of a pipeline, in the order of their columns."""
    steps = pipeline.named_steps["features"].transformer_list
    return [family for _, family in steps if isinstance(family, BattleFamily)]


def encoding_families(pipeline: Pipeline) -> list[EncodingFamily]:
    """Return the families that read texts with a frozen encoder."""
    return [family for family in families_of(pipeline) if isinstance(family, EncodingFamily)]


def encoder_device(device: str) -> str:
    """Return where encoders read: on the run's GPU, if the torch that is installed can use it."""
    if device == "cuda" and find_spec("torch") is not None:
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"
    return "cpu"


def encode(
    pipeline: Pipeline,
    battles: pd.DataFrame,
    cache: Cache | None = None,
    progress: Progress | None = None,
) -> None:
    """Let the families with a frozen encoder find each text of `battles` encoded, once for all.

    Families that ask for the same share it, and clones of a family keep it.

    Parameters
    ----------
    pipeline : Pipeline
        As `build_pipeline` returns it.
    battles : DataFrame
        May be empty: texts are then encoded when they come, through the cache.
    cache : Cache, optional
        Where vectors are kept on disk.
    progress : callable, optional
        Told of tokens.

    Raises
    ------
    EncoderError
        An encoder cannot be had or used.
    """
    asked = Asked.of(to_polars(battles))
    for store in stores_of(pipeline):
        store.cache = cache or store.cache
        store.add_battles(asked, progress)


def stores_of(pipeline: Pipeline) -> list[VectorStore]:
    """Return what reads for the families of a pipeline, each once."""
    return list({id(family.store): family.store for family in encoding_families(pipeline)}.values())


def share_stores(families: Sequence[EncodingFamily]) -> None:
    """Let families use one store where it has what each of them asks for."""
    stores = [family.store for family in families]
    users = {id(store): sum(family.can_use(store) for family in families) for store in stores}
    for family in families:
        usable = [store for store in stores if family.can_use(store)]
        family.prepare(max(usable, key=lambda store: users[id(store)]))


def lend(families: Iterable[EncodingFamily], stores: Sequence[VectorStore]) -> None:
    """Let families use those of the stores that have what they ask for."""
    for family in families:
        for store in stores:
            if family.can_use(store):
                family.prepare(store)
