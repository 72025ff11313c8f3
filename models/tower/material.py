"""Battles as a tower reads them: sequences, numbers, and who may judge."""

from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.weights import training_weights
from models.tower.arrangement import Sequences, arrange
from models.tower.device import Place
from models.tower.loaded import Loaded
from models.tower.numeric import numbers
from models.tower.settings import TowerSettings
from models.tower.states import Inputs, StateStore
from models.tower.watch import Silent, Watch
from models.tower.world import World


class Material(NamedTuple):
    """Battles, read once for all folds.

    Attributes
    ----------
    loaded : Loaded
    place : Place
    sequences : Sequences
    inputs : Inputs
        What the trained layers are given of each sequence.
    numbers : ndarray of float32, shape (n_battles, 2, n_statistics)
        Of A and of B.
    plain : ndarray of bool, shape (n_battles,)
    group : ndarray of object, shape (n_battles,)
    weight : ndarray of float64, shape (n_battles,)
        In training, see `data.weights`.
    """

    loaded: Loaded
    place: Place
    sequences: Sequences
    inputs: Inputs
    numbers: NDArray[np.float32]
    plain: NDArray[np.bool_]
    group: NDArray[np.object_]
    weight: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        settings: TowerSettings,
        battles: pd.DataFrame,
        *,
        device: str = "cpu",
        states: StateStore | None = None,
        watch: Watch | None = None,
        world: World | None = None,
    ) -> Self:
        """Load the backbone, arrange the battles' texts, and run the frozen layers over them.

        Parameters
        ----------
        settings : TowerSettings
        battles : DataFrame
            A battles frame.
        device : {"cpu", "cuda"}
        states : StateStore, optional
            Where states of frozen layers are kept.
        watch : Watch, optional
        world : World, optional
            The processes that train together.

        Raises
        ------
        EncoderError, TowerError
            The backbone cannot be had, or not with these settings.
        """
        world = world or World()
        place = Place.of(device, settings.precision, world)
        watch = watch or Silent()
        loaded = Loaded.of(settings, place, watch)
        material = cls.read(loaded, place, battles, loaded.base, states)
        material.inputs.prepare(watch, world)
        return material

    @classmethod
    def read(
        cls,
        loaded: Loaded,
        place: Place,
        battles: pd.DataFrame,
        weights: str = "",
        states: StateStore | None = None,
    ) -> Self:
        """Arrange battles for a network that is loaded."""
        sequences = arrange(battles, loaded.tokeniser, loaded.settings)
        return cls(
            loaded,
            place,
            sequences,
            Inputs(sequences.pieces, loaded.parts.lower, place, weights, states),
            numbers(battles, loaded.settings.features),
            (battles["source"] == "plain").to_numpy(dtype=np.bool_),
            battles["group"].to_numpy(dtype=object),
            training_weights(battles),
        )

    def tokens(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the tokens of each battle's sequences, shape (n_rows,)."""
        lengths = self.inputs.lengths
        tokens: NDArray[np.int64] = (
            lengths[self.sequences.first[rows]] + lengths[self.sequences.second[rows]]
        )
        return tokens
