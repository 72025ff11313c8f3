"""XGBoost's quantile matrix of rows in both orders, without a copy of both orders.

XGBoost reads the rows more than once, a block at a time. On a card, where the torch that is
installed can use it, the rows as they came travel there once, and the other order is made there;
else the blocks are made on the host. On a CPU the matrix is bit for bit that of one whole array.
"""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import xgboost

from models.learners.contract import Orders

CARD_ROWS = 262_144  # handed over at a time on a card
Info = dict[str, np.ndarray]  # of each row: label, weight


def quantile_matrix(
    rows: Orders, info: Info, *, device: str, **options: Any
) -> xgboost.QuantileDMatrix:
    """Return the matrix of both orders of the rows.

    Parameters
    ----------
    rows : Orders
    info : dict of str to ndarray
        ``label`` and ``weight`` of each row, in both orders; may be empty.
    device : {"cpu", "cuda"}
        Where it will be trained on.
    **options
        Of `xgboost.QuantileDMatrix`.
    """
    torch = card_torch() if device == "cuda" else None
    if torch is None:
        return xgboost.QuantileDMatrix(HostFeed(rows, info), **options)
    matrix = xgboost.QuantileDMatrix(CardFeed(rows, info, torch), **options)
    torch.cuda.empty_cache()  # XGBoost takes the card's memory by itself, not through torch
    return matrix


def card_torch() -> ModuleType | None:
    """Return torch where it can make arrays on a card that this XGBoost can read there."""
    proxy = getattr(xgboost.core, "_ProxyDMatrix", None)
    if not hasattr(proxy, "_ref_data_from_cuda_interface") or find_spec("torch") is None:
        return None
    import torch

    return torch if torch.cuda.is_available() else None


class HostFeed(xgboost.DataIter):
    """Hands XGBoost the blocks of `Orders.blocks`.

    Parameters
    ----------
    rows : Orders
    info : dict of str to ndarray
    """

    def __init__(self, rows: Orders, info: Info) -> None:
        super().__init__()
        self._rows = rows
        self._info = info
        self.reset()

    def reset(self) -> None:
        """Begin anew: XGBoost looks for the quantiles first, and then fills its matrix."""
        self._blocks: Iterator[tuple[slice, Any]] = self._rows.blocks()

    def next(self, input_data: Callable[..., None]) -> bool:
        """Hand over the next block, or return False."""
        for place, block in self._blocks:
            input_data(data=block, **self._info_of(place))
            return True
        return False

    def _info_of(self, place: slice) -> Info:
        return {name: values[place] for name, values in self._info.items()}


class CardFeed(HostFeed):
    """Makes the blocks on a card, with torch.

    Parameters
    ----------
    rows : Orders
    info : dict of str to ndarray
    torch : module
    device : str
        As torch names the card.
    """

    def __init__(self, rows: Orders, info: Info, torch: ModuleType, device: str = "cuda") -> None:
        self._torch = torch
        self._X = torch.from_numpy(rows.one()).to(device)
        self._turn = rows.swap and tuple(
            torch.from_numpy(part).to(device) for part in (rows.swap.order, rows.swap.signs)
        )
        super().__init__(rows, info)

    def reset(self) -> None:
        """Begin anew, with the rows that lie on the card."""
        self._blocks = _card_blocks(self._X, self._turn)

    def next(self, input_data: Callable[..., None]) -> bool:
        """Hand over the next block, past `input_data`, which asks for cupy to say where it lies."""
        self._torch.cuda.synchronize()  # the block before has been read: its memory is free again
        for place, block in self._blocks:
            self._torch.cuda.synchronize()  # it is made: XGBoost reads without waiting for torch
            self._held = block
            self.proxy._ref_data_from_cuda_interface(block)
            self.proxy.set_info(**self._info_of(place))
            return True
        return False


def _card_blocks(X: Any, turn: Any) -> Iterator[tuple[slice, Any]]:
    """Give the rows on a card, and behind them those with columns in `turn`'s order and signs."""
    n = len(X)
    starts = range(0, n, CARD_ROWS)
    for start in starts:
        block = X[start : start + CARD_ROWS]
        yield slice(start, start + len(block)), block
    if turn is None:
        return
    order, signs = turn
    for start in starts:
        block = X[start : start + CARD_ROWS][:, order] * signs
        yield slice(n + start, n + start + len(block)), block
