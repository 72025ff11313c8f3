"""Micro-batches: an optimiser step cut by tokens, without a change to what it does."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from models.tower.attention import Packs
from models.tower.material import Material
from models.tower.network import Batch

Rows = NDArray[np.intp]


def cut(tokens: NDArray[np.int64], most: int) -> list[Rows]:
    """Cut battles into micro-batches of at most so many tokens, those of like length together.

    Parameters
    ----------
    tokens : ndarray of int64, shape (n_battles,)
        Of each battle's sequences.
    most : int
        A battle that has more is a micro-batch of its own.

    Returns
    -------
    list of ndarray of intp
        Places of battles; each stands in one of them.

    Examples
    --------
    >>> [part.tolist() for part in cut(np.array([5, 900, 7, 300]), most=1000)]
    [[1], [3, 2, 0]]
    """
    parts: list[list[int]] = []
    own = 0
    for place in np.argsort(-tokens, kind="stable").tolist():
        if parts and own + tokens[place] <= most:
            parts[-1].append(place)
            own += int(tokens[place])
        else:
            parts.append([place])
            own = int(tokens[place])
    return [np.array(part, dtype=np.intp) for part in parts]


def batch_of(material: Material, rows: Rows, numbers: NDArray[np.float32]) -> Batch:
    """Return battles as the network takes them.

    Parameters
    ----------
    material : Material
    rows : ndarray of intp, shape (n_battles,)
    numbers : ndarray of float32, shape (n_battles, 2, n_statistics)
        Standardised.
    """
    device = material.place.device
    sequences = material.sequences
    both = np.concatenate([sequences.first[rows], sequences.second[rows]])
    places, which = np.unique(both, return_inverse=True)
    given = torch.cat(material.inputs.given(places))
    first, second = torch.from_numpy(which).to(device).split(len(rows))
    packs = Packs.of([int(length) for length in material.inputs.lengths[places]], device)
    return Batch(given, packs, first, second, torch.from_numpy(numbers).to(device))


def share_of(parts: Sequence[int] | Rows, rank: int, size: int) -> Rows:
    """Return what one of several processes takes.

    >>> share_of([4, 7, 9], rank=1, size=2).tolist()
    [7]
    """
    return np.asarray(parts, dtype=np.intp)[rank::size]
