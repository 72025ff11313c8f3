"""A frozen network with its tokenizer: loaded once, asked for token states and pooled vectors."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from features.encoding.files import EncoderError, need_libraries
from features.encoding.pooling import POOLINGS, mean
from features.encoding.tokeniser import around, tokenised, unlimited
from features.encoding.truncation import Cut, Tokens

OWN = "own"  # the pooling that the encoder's folder asks for; the mean where it asks for none
UNLIMITED = 100_000  # tokenizers without a limit give astronomic ones
DEFAULT_LENGTH = 512
Pool = Callable[[Any, Any], Any]


class Backbone:
    """A network in evaluation mode, on its device, whose weights ask for no gradient.

    Parameters
    ----------
    folder : Path
        A folder of transformers, or of sentence-transformers, whose own pooling, prompt and
        length are then kept.
    device : str
    precision : {"fp32", "bf16", "fp16"}

    Attributes
    ----------
    before, after : ndarray of int32
        Special tokens around a text.
    prompt_tokens : int
        Of the prompt that the folder puts before each text.
    own_length, most : int
        Tokens, all of these included, that the folder asks for, and that the network can take.
    skipped : int
        Tokens of both kinds before a text's own.
    most_at_once : int or None
        Tokens of a batch that fit into the device's memory, once more did not.
    pad : int
        The token that fills up a batch.

    Raises
    ------
    EncoderError
        Libraries are missing, or the folder holds no text encoder that they can load.
    """

    def __init__(self, folder: Path, device: str, precision: str) -> None:
        need_libraries()
        import torch

        self.device = torch.device(device)
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        with quiet():
            try:
                self._load(folder, dtype)
            except EncoderError:
                raise
            except Exception as error:
                said = " ".join(str(error).split())
                if "trust_remote_code" in said:
                    said = "it needs code of its own, which is not run"
                raise EncoderError(
                    f"encoder {folder}: cannot be loaded ({type(error).__name__}: {said[:300]})."
                ) from error
        self.network.eval().requires_grad_(False)
        unlimited(self.tokenizer)  # `pieces` cuts and pads
        self.before, self.after = around(self.tokenizer)
        self.prompt_tokens = len(tokenised(self.tokenizer, [self.prompt])[0])
        self.skipped = len(self.before) + self.prompt_tokens
        self.pad = getattr(self.tokenizer, "pad_token_id", None) or 0

    def _load(self, folder: Path, dtype: Any) -> None:
        if (folder / "modules.json").is_file():
            self._load_sentence_transformer(folder, dtype)
        else:
            from transformers import AutoModel, AutoTokenizer

            here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            self.tokenizer = AutoTokenizer.from_pretrained(folder, **here)
            network = AutoModel.from_pretrained(folder, dtype=dtype, **here)
            self._take(network)
            self.tail: Any = None
            self.prompt, self.prompt_pooled = "", True
            self.own_length = min(self.most, self._limit_of_tokenizer())

    def _load_sentence_transformer(self, folder: Path, dtype: Any) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(
            str(folder),
            device=str(self.device),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": dtype},
        )
        first, *tail = list(model)
        network = getattr(first, "auto_model", None)
        if network is None or getattr(model, "tokenizer", None) is None:
            raise EncoderError(
                f"encoder {folder}: expected a transformer with a tokenizer as its first module, "
                f"found {type(first).__name__}. Name another encoder."
            )
        self.tokenizer = model.tokenizer
        self._take(network)
        self.tail = torch.nn.Sequential(*tail).float()  # few numbers, which rounding would spoil
        self.prompt = model.prompts.get(model.default_prompt_name or "", "") or ""
        self.prompt_pooled = all(getattr(module, "include_prompt", True) for module in tail)
        self.own_length = min(self.most, model.max_seq_length or self._limit_of_tokenizer())

    def _take(self, network: Any) -> None:
        if getattr(network.config, "is_encoder_decoder", False):
            network = network.get_encoder()
        self.network = network.to(self.device)
        places = getattr(network.config, "max_position_embeddings", None) or UNLIMITED
        relative = getattr(network.config, "position_biased_input", True) is False
        offset = 2 if network.config.model_type in ROBERTA_LIKE else 0
        self.most = UNLIMITED if relative or places < 1 else places - offset
        self.most_at_once: int | None = None  # tokens of a batch, once a larger one did not fit

    @property
    def width(self) -> int:
        """Dimensions of a token's state."""
        return int(self.network.config.hidden_size)

    def _limit_of_tokenizer(self) -> int:
        limit = getattr(self.tokenizer, "model_max_length", UNLIMITED)
        return int(limit) if limit < UNLIMITED else min(self.most, DEFAULT_LENGTH)

    def pieces(self, texts: Sequence[str], cut: Cut, length: int) -> list[Tokens]:
        """Return what the network reads of each text: a piece of at most `length` tokens."""
        room = length - self.skipped - len(self.after)
        front = self.prompt_tokens
        return [
            np.concatenate([self.before, tokens[:front], cut(tokens[front:], room), self.after])
            for tokens in tokenised(self.tokenizer, [self.prompt + text for text in texts])
        ]

    def own(self, piece: Tokens) -> Tokens:
        """Return a piece without what the tokenizer and the folder put around the text."""
        return piece[self.skipped : len(piece) - len(self.after)]

    def states(self, ids: Any, mask: Any) -> Any:
        """Return the last layer's token states, shape (n_texts, n_tokens, n_dimensions).

        `ids` and `mask` are tensors of int64, shape (n_texts, n_tokens).
        """
        return self.network(input_ids=ids, attention_mask=mask).last_hidden_state

    def pool(self, pooling: str) -> Pool:
        """Return the function that makes a vector of token states and their mask."""
        if pooling != OWN:
            return POOLINGS[pooling]
        if self.tail is None:
            return mean
        return self._own

    def _own(self, states: Any, mask: Any) -> Any:
        """Pool as the folder's own modules do, normalisation and projections included."""
        features = {"token_embeddings": states.float(), "attention_mask": mask}
        if self.prompt and not self.prompt_pooled:
            features["prompt_length"] = self.skipped
        return self.tail(features)["sentence_embedding"].float()


ROBERTA_LIKE = ("roberta", "xlm-roberta", "camembert", "longformer", "mpnet", "data2vec-text")


@contextmanager
def quiet() -> Iterator[None]:
    """Load without bars and lists of weights that are not needed, which are no fault."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
