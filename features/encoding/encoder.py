"""A frozen transformer that reads texts: token states, and one vector a text."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from data.source import source_hash
from features.encoding.backbone import Backbone
from features.encoding.batches import BATCH_TOKENS, STEP, Reader, Reduce, batched, workers
from features.encoding.files import MINILM, EncoderError, locate, need_libraries, weights_digest
from features.encoding.truncation import CUTS, Tokens
from features.parameters import Count, check_parameters
from features.storage.segments import SILENT

# What vectors come from: with other source the same texts may give other ones.
SOURCE = tuple(
    f"features.encoding.{module}"
    for module in (
        "backbone",
        "batches",
        "encoder",
        "files",
        "pooling",
        "store",
        "tokeniser",
        "truncation",
    )
)
LIBRARIES = ("torch", "transformers", "tokenizers", "sentence-transformers")
LARGEST = float(np.finfo(np.float16).max)

Done = Callable[[int], None]
Vectors = NDArray[np.float32]


class Encoded(NamedTuple):
    """Vectors of texts."""

    vectors: NDArray[np.float16]  # shape (n_texts, n_dimensions)
    tokens: NDArray[np.int32]  # that were read of each text, special ones included

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


@dataclass(frozen=True)
class Encoder:
    """A frozen encoder, loaded when it first reads.

    Parameters
    ----------
    name : str, default="minilm"
        ``minilm``, a folder of transformers or sentence-transformers, or a name of the Hugging
        Face hub.
    pooling : {"own", "mean", "cls"}, default="own"
        How token states become a vector. ``own`` is what the folder's modules do; the mean over a
        text's own tokens where it has none.
    length : int, optional
        Most tokens that are read of a text, special ones included; the encoder's own length by
        default.
    long : {"head", "head_tail"}, default="head"
        What is read of a longer text: its first tokens, or its first and last ones.
    precision : {"auto", "fp32", "bf16", "fp16"}, default="auto"
        ``auto`` is fp32 on a CPU, and on a GPU bf16 where it has that, else fp16.
    batch_tokens : int, optional
        Tokens of a call of the network at most, padding included; 1,024 on a CPU, 32,768 on a GPU.
        Less memory on the device for a smaller one.
    device : {"cpu", "cuda"}, default="cpu"
        Given by the run, not by its configuration.

    Raises
    ------
    ValueError
        An option has no such value: names the option, what is allowed and what was found.
    EncoderError
        From whatever needs its files or its network: a library or the encoder is missing, or it
        cannot be loaded.

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

    name: str = MINILM
    pooling: Literal["own", "mean", "cls"] = "own"
    length: Count | None = None
    long: Literal["head", "head_tail"] = "head"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    batch_tokens: Count | None = None
    device: Literal["cpu", "cuda"] = "cpu"

    def __post_init__(self) -> None:
        """Refuse what no encoder takes."""
        check_parameters(self)
        if self.device not in BATCH_TOKENS:
            raise ValueError(
                f"The device of Encoder must be {' or '.join(BATCH_TOKENS)}. "
                f"Got {self.device!r} instead."
            )

    def __sklearn_clone__(self) -> Self:
        """Return the same one, that clones of a family read with one network."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what was loaded: a pickled encoder loads its network where it reads."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __str__(self) -> str:
        """Return what reads, where and how: a name, a device, a precision."""
        return f"{self.name} on {self.device} in {self.found_precision}"

    @cached_property
    def folder(self) -> Path:
        """Where its files lie; a name of the hub is downloaded now."""
        return locate(self.name)

    @cached_property
    def weights(self) -> str:
        """A hash of its files, whatever their folder is called."""
        need_libraries()
        return weights_digest(self.folder)

    def check(self, weights: str) -> None:
        """Refuse to read for what was fitted with other files than those with this hash.

        Raises
        ------
        EncoderError
            Its files are others.
        """
        if weights != self.weights:
            raise EncoderError(
                f"encoder {self.name}: expected the files it was fitted with (hash {weights}), "
                f"found others ({self.weights})."
            )

    @cached_property
    def identity(self) -> str:
        """A hash of all that its vectors depend on, in hexadecimal."""
        known = asdict(self) | {"weights": self.weights, "source": source_hash(*SOURCE)}
        known |= {
            "precision": self.found_precision,
            "libraries": {name: version(name) for name in LIBRARIES},
        }
        for option in ("name", "batch_tokens"):
            known.pop(option)
        content = json.dumps(known, sort_keys=True, default=int).encode()
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
        """The network, loaded now."""
        return Backbone(self.folder, self.device, self.found_precision)

    @property
    def most_read(self) -> int:
        """Most tokens of a text that are read, special ones included.

        Raises
        ------
        EncoderError
            `length` is more than the network can take, or leaves no room for a text.
        """
        backbone = self.backbone
        length = backbone.own_length if self.length is None else self.length
        least = backbone.skipped + len(backbone.after) + 1
        if not least <= length <= backbone.most:
            raise EncoderError(
                f"encoder {self.name}: its length must be {least} to {backbone.most:,} tokens. "
                f"Got {length} instead."
            )
        return length

    def encode(self, texts: Sequence[str], done: Done = SILENT) -> Encoded:
        """Return one vector a text.

        `done` is told of the tokens that are read.

        Raises
        ------
        EncoderError
            The encoder cannot be loaded, a vector is not finite, or the device's memory does not
            hold a single piece.
        """
        return self.encode_pieces(self.pieces(texts), done)

    def pieces(self, texts: Sequence[str]) -> list[Tokens]:
        """Return what is read of each text, as tokens."""
        return self.backbone.pieces(texts, CUTS[self.long], self.most_read)

    def encode_pieces(self, pieces: Sequence[Tokens], done: Done = SILENT) -> Encoded:
        """Return one vector for each text's tokens; see `encode`."""
        pool = self.backbone.pool(self.pooling)
        vectors = self.reduce(pieces, lambda places, states, mask: pool(states, mask), done)
        return self.rounded(pieces, vectors)

    def rounded(self, pieces: Sequence[Tokens], vectors: Vectors) -> Encoded:
        """Return the vectors of texts with these tokens as they are kept, which must be finite."""
        if not np.isfinite(vectors).all():
            rough = self.found_precision != "fp32"
            way = "Set precision to bf16 or fp32" if rough else "Name another"
            raise EncoderError(
                f"encoder {self.name}: its vectors are not finite in {self.found_precision}. {way}."
            )
        tokens = np.array([len(piece) for piece in pieces], dtype=np.int32)
        return Encoded(np.clip(vectors, -LARGEST, LARGEST).astype(np.float16), tokens)

    def reduce(self, pieces: Sequence[Tokens], reduce: Reduce, done: Done = SILENT) -> Vectors:
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
        budget = self.batch_tokens or BATCH_TOKENS[self.device]
        batches = batched(pieces, budget, STEP[self.device])
        reader = Reader(self.backbone, pieces)
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
