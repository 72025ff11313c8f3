"""DeBERTa-v3-base as its folder is, with random weights: as fast as the real one, not as good."""

import os
import shutil
from pathlib import Path

import torch
from transformers import DebertaV2Config, DebertaV2Model

SEED, WIDTH, LAYERS = 0, 768, 12
SIZES = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
}


def random_deberta(folder: Path, **sizes: int) -> Path:
    """Write the network, and the tokenizer of the folder that ``ARENABOOST_MODELS`` names."""
    torch.manual_seed(SEED)
    config = DebertaV2Config(
        **{**SIZES, **sizes},
        vocab_size=128_100, max_position_embeddings=512, type_vocab_size=0, relative_attention=True,
        position_buckets=256, norm_rel_ebd="layer_norm", share_att_key=True,
        pos_att_type=["p2c", "c2p"], position_biased_input=False, max_relative_positions=-1,
        layer_norm_eps=1e-7,
    )  # fmt: skip
    DebertaV2Model(config).save_pretrained(folder)
    for name in ("spm.model", "tokenizer_config.json"):
        shutil.copy(Path(os.environ["ARENABOOST_MODELS"], "deberta-v3-tokenizer", name), folder)
    return folder
