"""Batches of texts for a frozen network: what goes together, and where it is read."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray

from features.encoding.backbone import Backbone
from features.encoding.files import EncoderError
from features.encoding.truncation import Tokens

SHORTEST = 8  # tokens a row is filled up to: products of fewer rows round in another way
STEP = {"cpu": 1, "cuda": 16}  # lengths are rounded up to a multiple of it
BATCH_TOKENS = {"cpu": 1_024, "cuda": 32_768}

Reduce = Callable[[NDArray[np.intp], Any, Any], Any]  # (places, states, mask) -> one row a piece


class Batch(NamedTuple):
    """Pieces of texts that the network reads in one call."""

    places: NDArray[np.intp]  # of the pieces, in the list that was batched
    width: int  # tokens that each is filled up to


def batched(pieces: Sequence[Tokens], budget: int, step: int) -> list[Batch]:
    """Put pieces of like length into one batch, whatever their order is.

    Pieces are sorted by length, then by a hash of their tokens; only those whose lengths are the
    same when rounded up to a multiple of `step` share a batch.

    Parameters
    ----------
    pieces : sequence of ndarray of int32
    budget : int
        Tokens of a batch at most, padding included; one piece may have more.
    step : int

    Examples
    --------
    >>> pieces = [np.arange(length) for length in (9, 20, 9, 9)]
    >>> [batch.places.tolist() for batch in batched(pieces, budget=18, step=1)]
    [[1], [0, 2], [3]]
    """
    lengths = np.array([len(piece) for piece in pieces], dtype=np.intp)
    widths = -(-np.maximum(lengths, SHORTEST) // step) * step
    digests = [hashlib.blake2b(piece.tobytes(), digest_size=8).digest() for piece in pieces]
    order = np.lexsort((np.array(digests, dtype="S8"), -widths)) if len(pieces) else lengths
    batches = []
    starts = np.flatnonzero(np.diff(widths[order], prepend=-1))
    for places in np.split(order, starts[1:]):
        if not len(places):
            continue
        width = int(widths[places[0]])
        most = max(budget // width, 1)
        batches += [Batch(places[at : at + most], width) for at in range(0, len(places), most)]
    return batches


class Reader:
    """The network's calls for batches of some pieces, halved where memory runs out.

    The backbone remembers how much was too much, for the batches to come.
    """

    def __init__(self, backbone: Backbone, pieces: Sequence[Tokens]) -> None:
        self.backbone, self.pieces = backbone, pieces

    def states(self, batch: Batch) -> tuple[Any, Any]:
        """Return the token states, shape (n_pieces, width, n_dimensions), and their mask."""
        import torch

        ids = np.full((len(batch.places), batch.width), self.backbone.pad, dtype=np.int64)
        mask = np.zeros(ids.shape, dtype=np.int64)
        for row, place in enumerate(batch.places):
            piece = self.pieces[place]
            ids[row, : len(piece)], mask[row, : len(piece)] = piece, 1
        with torch.inference_mode():
            sent = [_sent(torch.from_numpy(array), self.backbone.device) for array in (ids, mask)]
            return self.backbone.states(sent[0], sent[1]), sent[1]

    def reduced(self, batch: Batch, reduce: Reduce) -> Any:
        """Return what `reduce` makes of the pieces' places, their token states and mask."""
        import torch

        rows, most = len(batch.places), self.backbone.most_at_once
        if most is None or rows * batch.width <= most or rows == 1:
            try:
                with torch.inference_mode():
                    return reduce(batch.places, *self.states(batch))
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
            if rows == 1:
                raise EncoderError(
                    f"a text of {batch.width:,} tokens does not fit into the memory of "
                    f"{self.backbone.device}. Lower length (or held_tokens, where tokens are "
                    "matched), or take another device."
                )
            if self.backbone.device.type == "cuda":
                torch.cuda.empty_cache()
            self.backbone.most_at_once = rows * batch.width // 2
        half = (rows + 1) // 2
        parts = (Batch(part, batch.width) for part in np.split(batch.places, [half]))
        return torch.cat([self.reduced(part, reduce) for part in parts])


def _sent(tensor: Any, device: Any) -> Any:
    """Send a tensor to the device without waiting for it."""
    if device.type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


def out_of_memory(error: RuntimeError) -> bool:
    """Return whether an error says that memory ran out."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


@contextmanager
def workers(device: str) -> Iterator[Callable[..., Iterator[Any]]]:
    """Give a `map`: on a GPU one call after the other, on a CPU one for each core at a time.

    A core that works for itself needs no word with the others, and its batch stays in its cache.
    """
    if device != "cpu":
        yield map
        return
    import torch

    threads = torch.get_num_threads()
    with ThreadPoolExecutor(cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            yield pool.map
        finally:
            torch.set_num_threads(threads)
