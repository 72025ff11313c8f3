"""A frozen transformer that reads texts: token states, and one vector a text."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from features.encoding.backbone import OWN, Backbone
from features.encoding.batches import BATCH_TOKENS, STEP, Batch, Reader, Reduce, batched, workers
from features.encoding.files import EncoderError, locate, weights_digest
from features.encoding.pooling import POOLINGS
from features.encoding.truncation import CUTS, Tokens

VERSION = 1  # of what is computed: one more with each change that gives other vectors
LIBRARIES = ("torch", "transformers", "tokenizers", "sentence-transformers")
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

    @classmethod
    def none(cls) -> Self:
        """Return the vectors of no text."""
        return cls(np.empty((0, 0), np.float16), np.empty(0, np.int32))

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Return the vectors of all parts, one after the other."""
        if not parts:
            return cls.none()
        return cls(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def take(self, rows: slice | Sequence[int] | NDArray[np.intp]) -> Self:
        """Return the vectors of some of the texts."""
        return type(self)(self.vectors[rows], self.tokens[rows])


class TokenStates(NamedTuple):
    """What a network makes of the tokens of some texts.

    Attributes
    ----------
    places : ndarray of intp, shape (n_pieces,)
        Whose pieces they are, in the list of texts.
    states : Tensor, shape (n_pieces, n_tokens, n_dimensions)
        On the encoder's device, in its precision.
    mask : Tensor of int64, shape (n_pieces, n_tokens)
        1 where there is a token, 0 where there is padding.
    """

    places: NDArray[np.intp]
    states: Any
    mask: Any


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

    def __post_init__(self) -> None:
        """Refuse what no encoder takes.

        Raises
        ------
        ValueError
            Names the option, what is allowed and what was found.
        """
        allowed = {
            "pooling": (OWN, *POOLINGS),
            "long": tuple(CUTS),
            "precision": ("auto", "fp32", "bf16", "fp16"),
            "device": ("cpu", "cuda"),
        }
        for option, choices in allowed.items():
            if getattr(self, option) not in choices:
                raise ValueError(
                    f"The {option} of an encoder must be one of {', '.join(choices)}. "
                    f"Got {getattr(self, option)!r} instead."
                )
        if not self.layers:
            raise ValueError("The layers of an encoder must be one or more. Got () instead.")

    @cached_property
    def identity(self) -> str:
        """A hash of all that its vectors depend on, in hexadecimal."""
        known = asdict(self) | {"weights": self.weights, "version": VERSION}
        known |= {"precision": self.found_precision, "libraries": _versions()}
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

        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"

    @cached_property
    def backbone(self) -> Backbone:
        """The network, loaded now.

        Raises
        ------
        EncoderError
            It cannot be loaded, or has no such layer.
        """
        backbone = Backbone(self.folder, self.device, self.found_precision)
        n = backbone.n_layers
        wrong = [layer for layer in self.layers if not -n - 1 <= layer <= n]
        if wrong:
            raise EncoderError(
                f"encoder {self.name}: its layers are -{n + 1} to {n}. Got {wrong[0]} instead."
            )
        return backbone

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
        return self.encode_pieces(self.pieces(texts), done)

    def pieces(self, texts: Sequence[str]) -> list[list[Tokens]]:
        """Return what is read of each text, as tokens: one piece or, in windows, more."""
        return self.backbone.pieces(texts, CUTS[self.long], self.piece_length, self.windows)

    def encode_pieces(self, pieces: list[list[Tokens]], done: Done = nothing) -> Encoded:
        """Return one vector for each text's pieces; see `encode`."""
        pool = self.backbone.pool(self.pooling)
        _, flat = flattened(pieces)
        vectors = self.reduce(flat, lambda places, states, mask: pool(states, mask), done)
        return self.averaged(pieces, vectors)

    def averaged(self, pieces: list[list[Tokens]], vectors: Vectors) -> Encoded:
        """Return the vectors of texts, given those of their pieces one after the other."""
        owner, flat = flattened(pieces)
        lengths = np.array([len(piece) for piece in flat], dtype=np.int32)
        tokens = np.bincount(owner, weights=lengths, minlength=len(pieces)).astype(np.int32)
        averaged = _averaged(vectors, lengths, owner, len(pieces))
        if not np.isfinite(averaged).all():
            way = (
                "Set precision to bf16 or fp32"
                if self.found_precision != "fp32"
                else "Name another"
            )
            raise EncoderError(
                f"encoder {self.name}: its vectors are not finite in {self.found_precision}. {way}."
            )
        return Encoded(np.clip(averaged, -LARGEST, LARGEST).astype(np.float16), tokens)

    def reduce(self, pieces: Sequence[Tokens], reduce: Reduce, done: Done = nothing) -> Vectors:
        """Reduce the token states of each piece in the batch in which they are made.

        Parameters
        ----------
        pieces : sequence of ndarray of int32
            As `Backbone.pieces` gives them.
        reduce : callable
            ``(places, states, mask) -> rows``: the pieces' places in the list, their token states
            on the device, of shape (n_rows, n_tokens, n_dimensions), and 1 where there is a token,
            0 where there is padding; one row a piece. On a CPU it is called by several threads.
        done : callable, optional
            Told of the tokens that are read.

        Returns
        -------
        ndarray of float32, shape (n_pieces, n_dimensions)
        """
        batches = self._batches(pieces)
        reader = Reader(self.backbone, pieces, self.layers)
        rows: list[tuple[NDArray[np.intp], Any]] = []
        with workers(self.device) as each:
            made = each(lambda batch: reader.reduced(batch, reduce), batches)
            for batch, found in zip(batches, made, strict=True):
                rows.append((batch.places, found))
                done(sum(len(pieces[place]) for place in batch.places))
        vectors = np.empty((len(pieces), rows[0][1].shape[1] if rows else 0), dtype=np.float32)
        for places, found in rows:
            vectors[places] = found.float().cpu().numpy()
        return vectors

    def states(self, texts: Sequence[str]) -> Iterator[TokenStates]:
        """Give the token states of all texts, batch by batch; longest first.

        A text that is read in windows has a piece for each.
        """
        owner, flat = flattened(self.pieces(texts))
        reader = Reader(self.backbone, flat, self.layers)
        for batch in self._batches(flat):
            yield TokenStates(owner[batch.places], *reader.states(batch))

    def _batches(self, pieces: Sequence[Tokens]) -> list[Batch]:
        return batched(pieces, self.batch_tokens or BATCH_TOKENS[self.device], STEP[self.device])


def _versions() -> dict[str, str]:
    """Return the versions of the libraries that make vectors."""
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def flattened(pieces: list[list[Tokens]]) -> tuple[NDArray[np.intp], list[Tokens]]:
    """Return all pieces, and the number of each one's text."""
    owner = np.repeat(np.arange(len(pieces)), [len(of) for of in pieces])
    return owner, [piece for of in pieces for piece in of]


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
