"""A frozen transformer that reads texts: token states, and one vector a text."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray

from features._backbone import OWN, Backbone
from features._encoder_files import EncoderError, locate, weights_digest
from features.pooling import POOLINGS
from features.segments import CUTS, Tokens

VERSION = 1  # of what is computed: one more with each change that gives other vectors
SHORTEST = 8  # tokens a row is filled up to: products of fewer rows round in another way
STEP = {"cpu": 1, "cuda": 16}  # lengths are rounded up to a multiple of it
BATCH_TOKENS = {"cpu": 1_024, "cuda": 32_768}
LARGEST = float(np.finfo(np.float16).max)

Done = Callable[[int], None]
Vectors = NDArray[np.float32]


def nothing(done: int) -> None:
    """Take no notice of progress."""


class Encoded(NamedTuple):
    """Vectors of texts.

    Attributes
    ----------
    vectors : ndarray of float16, shape (n_texts, n_dimensions)
    tokens : ndarray of int32, shape (n_texts,)
        How many tokens of the text were read, special ones included.
    """

    vectors: NDArray[np.float16]
    tokens: NDArray[np.int32]


class Batch(NamedTuple):
    """Pieces of texts that the network reads in one call.

    Attributes
    ----------
    places : ndarray of intp, shape (n_pieces,)
        Of the pieces, in the list that was batched.
    width : int
        Tokens that each is filled up to.
    """

    places: NDArray[np.intp]
    width: int


@dataclass(frozen=True)
class Encoder:
    """A frozen encoder, loaded when it first reads.

    Parameters
    ----------
    name : str, default="minilm"
        ``minilm``, a folder of transformers or sentence-transformers, or a name of the Hugging
        Face hub.
    pooling : {"own", "mean", "cls", "max"}, default="own"
        How token states become a vector. ``own`` is what the folder's modules do; the mean over a
        text's own tokens where it has none.
    layers : tuple of int, default=(-1,)
        Whose mean are the token states: -1 is the last layer, 0 are the embeddings.
    length : int, optional
        Most tokens of a piece, special ones included; the encoder's own length by default.
    long : {"head", "head_tail", "windows"}, default="head"
        What is read of a longer text: its first tokens, its first and last ones, or consecutive
        windows, whose vectors are averaged by their tokens.
    windows : int, default=4
        At most, where `long` is ``windows``.
    precision : {"auto", "fp32", "bf16", "fp16"}, default="auto"
        ``auto`` is fp32 on a CPU, and on a GPU bf16 where it has that, else fp16.
    batch_tokens : int, optional
        Tokens of a call of the network at most, padding included; 1,024 on a CPU, 32,768 on a GPU.
        Less memory on the device for a smaller one.
    device : {"cpu", "cuda"}, default="cpu"

    Notes
    -----
    On a CPU each core encodes batches of its own, of texts of equal length, so that nothing is
    padded, and the bits of a vector do not depend on the texts beside it. On a GPU lengths are
    rounded up to multiples of 16.

    Examples
    --------
    >>> encoder = Encoder(length=16)
    >>> encoded = encoder.encode(["Name a prime.", "7"])
    >>> encoded.vectors.shape, encoded.tokens.tolist()
    ((2, 384), [6, 3])
    """

    name: str = "minilm"
    pooling: str = OWN
    layers: tuple[int, ...] = (-1,)
    length: int | None = None
    long: str = "head"
    windows: int = 4
    precision: str = "auto"
    batch_tokens: int | None = None
    device: str = "cpu"

    def __str__(self) -> str:
        """Return what reads, where and how: a name, a device, a precision."""
        return f"{self.name} on {self.device} in {self.found_precision}"

    @cached_property
    def folder(self) -> Path:
        """Where its files lie; a name of the hub is downloaded now.

        Raises
        ------
        EncoderError
            It cannot be had.
        """
        return locate(self.name)

    @cached_property
    def weights(self) -> str:
        """A hash of its files, whatever their folder is called."""
        return weights_digest(self.folder)

    @cached_property
    def identity(self) -> str:
        """A hash of all that its vectors depend on, in hexadecimal."""
        known = asdict(self) | {"weights": self.weights, "version": VERSION}
        known |= {"precision": self.found_precision}
        for option in ("name", "batch_tokens"):
            known.pop(option)
        content = json.dumps(known, sort_keys=True).encode()
        return hashlib.blake2b(content, digest_size=12).hexdigest()

    @cached_property
    def found_precision(self) -> str:
        """The precision that ``auto`` stands for on this device."""
        if self.precision != "auto":
            return self.precision
        if self.device == "cpu":
            return "fp32"
        import torch

        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"

    @cached_property
    def backbone(self) -> Backbone:
        """The network, loaded now."""
        return Backbone(self.folder, self.device, self.found_precision)

    @property
    def piece_length(self) -> int:
        """Most tokens of a piece, special ones included.

        Raises
        ------
        EncoderError
            `length` is more than the network can take, or leaves no room for a text.
        """
        backbone = self.backbone
        length = backbone.own_length if self.length is None else self.length
        least = len(backbone.before) + len(backbone.after) + backbone.asked + 1
        if not least <= length <= backbone.most:
            raise EncoderError(
                f"encoder {self.name}: its length must be {least} to {backbone.most:,} tokens. "
                f"Got {length} instead."
            )
        return length

    @property
    def most_read(self) -> int:
        """Most tokens of a text that are read."""
        return self.piece_length * (self.windows if self.long == "windows" else 1)

    def encode(self, texts: Sequence[str], done: Done = nothing) -> Encoded:
        """Return one vector a text.

        Parameters
        ----------
        texts : sequence of str
        done : callable, optional
            Told of the tokens that are read.

        Raises
        ------
        EncoderError
            The encoder cannot be loaded, a vector is not finite, or the device's memory does not
            hold a single piece.
        """
        return next(self.encode_shards([texts], done))

    def encode_shards(
        self, shards: Iterable[Sequence[str]], done: Done = nothing
    ) -> Iterator[Encoded]:
        """Encode lists of texts, the next one being tokenised while this one is read."""
        shards = iter(shards)
        with ThreadPoolExecutor(1) as background:

            def tokenised() -> list[Future[list[list[Tokens]]]]:
                return [background.submit(self._pieces, texts) for texts in islice(shards, 1)]

            ahead = tokenised()
            while ahead:
                pieces = ahead.pop().result()
                ahead = tokenised()
                yield self._encode(pieces, done)

    def _pieces(self, texts: Sequence[str]) -> list[list[Tokens]]:
        return self.backbone.pieces(texts, CUTS[self.long], self.piece_length, self.windows)

    def _encode(self, pieces: list[list[Tokens]], done: Done) -> Encoded:
        owner = np.repeat(np.arange(len(pieces)), [len(of) for of in pieces])
        flat = [piece for of in pieces for piece in of]
        lengths = np.array([len(piece) for piece in flat], dtype=np.int32)
        pool = self.backbone.pool(self.pooling)
        vectors = self._run(flat, lambda states, mask: pool(states, mask), done)
        tokens = np.bincount(owner, weights=lengths, minlength=len(pieces)).astype(np.int32)
        averaged = _averaged(vectors, lengths, owner, len(pieces))
        if not np.isfinite(averaged).all():
            raise EncoderError(
                f"encoder {self.name}: its vectors are not finite in {self.found_precision}. "
                "Set precision to bf16 or fp32."
            )
        return Encoded(np.clip(averaged, -LARGEST, LARGEST).astype(np.float16), tokens)

    def _run(self, pieces: Sequence[Tokens], reduce: Callable[..., Any], done: Done) -> Vectors:
        """Return one row a piece: what `reduce` makes of its token states and mask."""
        budget = self.batch_tokens or BATCH_TOKENS[self.device]
        batches = batched(pieces, budget, STEP[self.device])
        call = _Call(self, pieces, reduce)
        rows: list[tuple[NDArray[np.intp], Any]] = []
        with _workers(self.device) as workers:
            for batch, found in zip(batches, workers(call, batches), strict=True):
                rows.append((batch.places, found))
                done(sum(len(pieces[place]) for place in batch.places))
        width = rows[0][1].shape[1] if rows else 0
        vectors = np.empty((len(pieces), width), dtype=np.float32)
        for places, found in rows:
            vectors[places] = found.float().cpu().numpy()
        return vectors


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


class _Call:
    """The network's calls for the batches of some pieces, halved where memory runs out."""

    def __init__(
        self, encoder: Encoder, pieces: Sequence[Tokens], reduce: Callable[..., Any]
    ) -> None:
        self.encoder, self.pieces, self.reduce = encoder, pieces, reduce
        self.most: int | None = None  # tokens of a call, once a larger one has failed

    def __call__(self, batch: Batch) -> Any:
        import torch

        rows = len(batch.places)
        if self.most is None or rows * batch.width <= self.most or rows == 1:
            try:
                return self._read(batch)
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                if rows == 1:
                    raise EncoderError(
                        f"encoder {self.encoder.name}: a text of {batch.width:,} tokens does not "
                        "fit into the device's memory. Lower length, or take another device."
                    ) from None
            if self.encoder.device == "cuda":
                torch.cuda.empty_cache()
            self.most = rows * batch.width // 2
        half = (rows + 1) // 2
        parts = (batch.places[:half], batch.places[half:])
        return torch.cat([self(Batch(part, batch.width)) for part in parts])

    def _read(self, batch: Batch) -> Any:
        import torch

        backbone = self.encoder.backbone
        ids = np.full((len(batch.places), batch.width), backbone.pad, dtype=np.int64)
        mask = np.zeros(ids.shape, dtype=np.int64)
        for row, place in enumerate(batch.places):
            piece = self.pieces[place]
            ids[row, : len(piece)], mask[row, : len(piece)] = piece, 1
        with torch.inference_mode():
            sent = [_sent(torch.from_numpy(array), backbone.device) for array in (ids, mask)]
            states = backbone.states(sent[0], sent[1], self.encoder.layers)
            return self.reduce(states, sent[1])


def _sent(tensor: Any, device: Any) -> Any:
    """Send a tensor to the device without waiting for it."""
    if device.type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


def _out_of_memory(error: RuntimeError) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


@contextmanager
def _workers(device: str) -> Iterator[Callable[..., Iterator[Any]]]:
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


def _averaged(
    vectors: Vectors, lengths: NDArray[np.int32], owner: NDArray[np.intp], n_texts: int
) -> Vectors:
    """Average the vectors of each text's pieces, weighted by their tokens."""
    if n_texts == len(vectors):
        return vectors
    total = np.zeros((n_texts, vectors.shape[1]))
    np.add.at(total, owner, vectors * lengths[:, None].astype(np.float64))
    weight = np.bincount(owner, weights=lengths, minlength=n_texts)
    found: Vectors = (total / weight[:, None]).astype(np.float32)
    return found


def options_checked(encoder: Encoder) -> Encoder:
    """Refuse what no encoder takes, before any work.

    Raises
    ------
    ValueError
        Names the option, what is allowed and what was found.
    """
    allowed = {
        "pooling": (OWN, *POOLINGS),
        "long": tuple(CUTS),
        "precision": ("auto", "fp32", "bf16", "fp16"),
    }
    for option, choices in allowed.items():
        if getattr(encoder, option) not in choices:
            raise ValueError(
                f"The {option} of an encoder must be one of {', '.join(choices)}. "
                f"Got {getattr(encoder, option)!r} instead."
            )
    if not encoder.layers:
        raise ValueError("The layers of an encoder must be one or more numbers. Got () instead.")
    return encoder
