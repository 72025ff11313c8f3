"""A tokenizer from a folder, and the special tokens that it puts around texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from features.encoding.files import EncoderError, need_libraries
from features.encoding.truncation import Tokens

PROBE = "a"  # a text of at least one token, to see what stands around it
BETWEEN = "\n\n"  # two texts, where a tokenizer has no sign for that


class Tokeniser:
    """A folder's tokenizer.

    Parameters
    ----------
    folder : Path
        As `features.encoding.files.locate` gives it.

    Attributes
    ----------
    before, between, after : ndarray of int32
        Special tokens before a text, between two of them, and at the end.
    pad : int
        The token that fills up a batch; 0 where there is none.

    Raises
    ------
    EncoderError
        Libraries are missing, or the folder holds no tokenizer that they can load.

    Examples
    --------
    >>> from features.encoding.files import locate
    >>> tokeniser = Tokeniser(locate("minilm"))
    >>> tokeniser.before.tolist(), tokeniser.tokens(["Name a prime."])[0].tolist()
    ([101], [2171, 1037, 3539, 1012])
    """

    def __init__(self, folder: Path) -> None:
        need_libraries()
        from transformers import AutoTokenizer

        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except Exception as error:
            said = " ".join(str(error).split())[:300]
            raise EncoderError(
                f"tokenizer {folder}: cannot be loaded ({type(error).__name__}: {said})."
            ) from error
        unlimited(self.tokenizer)
        self.before, self.after = around(self.tokenizer)
        separator = getattr(self.tokenizer, "sep_token_id", None)
        self.between = (
            np.array([separator], dtype=np.int32)
            if separator is not None
            else tokenised(self.tokenizer, [BETWEEN])[0]
        )
        self.pad = int(getattr(self.tokenizer, "pad_token_id", None) or 0)

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Return the tokens of each text, without special ones."""
        return tokenised(self.tokenizer, list(texts))

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files."""
        self.tokenizer.save_pretrained(folder)


def unlimited(tokenizer: Any) -> None:
    """Let a tokenizer neither cut nor pad: that is done to its tokens."""
    if fast := getattr(tokenizer, "backend_tokenizer", None):
        fast.no_truncation()
        fast.no_padding()


def around(tokenizer: Any) -> tuple[Tokens, Tokens]:
    """Find what a tokenizer puts before and after a text.

    Raises
    ------
    EncoderError
        The tokens of a text are not among those of the text with special ones.
    """
    bare: list[int] = tokenizer(PROBE, add_special_tokens=False)["input_ids"]
    whole: list[int] = tokenizer(PROBE, add_special_tokens=True)["input_ids"]
    starts = [at for at in range(len(whole)) if whole[at : at + len(bare)] == bare]
    if not bare or not starts:
        raise EncoderError(
            f"encoder: expected a tokenizer that puts special tokens around a text, found "
            f"{whole} for one whose tokens are {bare}. Name another encoder."
        )
    before, after = whole[: starts[0]], whole[starts[0] + len(bare) :]
    return np.array(before, dtype=np.int32), np.array(after, dtype=np.int32)


def tokenised(tokenizer: Any, texts: list[str]) -> list[Tokens]:
    """Return the tokens of each text, without special ones."""
    fast = getattr(tokenizer, "backend_tokenizer", None)
    if fast is None:
        found = tokenizer(texts, add_special_tokens=False, verbose=False)
        return [np.array(ids, dtype=np.int32) for ids in found["input_ids"]]
    encoded = fast.encode_batch_fast(texts, add_special_tokens=False)
    return [np.array(encoding.ids, dtype=np.int32) for encoding in encoded]
