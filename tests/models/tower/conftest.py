"""Small random backbones of several architectures, and rows for them to read."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from data.battles import read_training
from tests.models.tower.backbones import make_backbone, train_tokenizer

SAMPLE = Path(__file__).parents[3] / "data" / "sample" / "train.csv"


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """As a process of tests has it, also where only these are run."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def rows64(tmp_path_factory):
    """64 battles, frame and labels: real ones where ARENABOOST_DATA is set. Not to be changed."""
    folder = os.environ.get("ARENABOOST_DATA")
    file = Path(folder) / "arena" / "train.csv" if folder else SAMPLE
    first = tmp_path_factory.mktemp("rows") / "train.csv"
    pd.read_csv(file, dtype=str, keep_default_na=False, nrows=200).to_csv(first, index=False)
    read = read_training(first)
    at = np.flatnonzero(read.battles["response_a"].map(lambda turns: len(str(turns)) < 3000))
    at = np.concatenate([at[read.y[at] == label][:22] for label in range(3)])
    at = np.sort(at[:64])
    return read.battles.iloc[at].reset_index(drop=True), read.y[at]


@pytest.fixture(scope="session")
def tokenizer(rows64, tmp_path_factory):
    """Folder of a tokenizer that was trained on the rows."""
    return train_tokenizer(rows64[0], tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="session")
def backbone_folder(tokenizer, tmp_path_factory):
    """Make the folder of a small backbone of an architecture, once each."""
    made = {}

    def folder(name):
        if name not in made:
            made[name] = make_backbone(name, tmp_path_factory.mktemp(name), tokenizer)
        return str(made[name])

    return folder
