"""Small files of generated battles, and runs that many tests look at."""

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from data.battles import read_training
from features import FAMILIES
from features.sides import Swap
from models.learners.contract import Setting
from models.preference import PASSED_THROUGH
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline
from pipelines.fit import Inputs, fit

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
FAST = (
    'families=["length", "turns", "style"]',
    'model.members=["lightgbm", "xgboost", "linear"]',
    "model.inner_folds=2",
    "folds.n_folds=3",
    "learners.lightgbm.max_rounds=30",
    "learners.xgboost.max_rounds=10",
)


LIGHT = (
    'families=["length"]',
    'model.members=["linear"]',
    "model.inner_folds=2",
    "folds.n_folds=3",
    "learners.linear.penalties=[0.3, 0.03]",
)

TOWER = ("length=24", "n_folds=3", "epochs=1", "train_layers=1", "loss=cross_entropy")


def cells(name):
    """The sample's file as it stands: every cell a string."""
    return pd.read_csv(SAMPLE / name, dtype=str, keep_default_na=False)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Commands keep their cache in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory):
    """Folder of a small BERT with random weights."""
    from tests.encoders import make_bert

    return make_bert(tmp_path_factory.mktemp("encoders") / "bert")


@pytest.fixture(scope="session")
def tiny_deberta(tmp_path_factory):
    """Folder of DeBERTa's architecture with few random weights, and its real tokenizer."""
    from tests.encoders import make_deberta

    models = os.environ.get("ARENABOOST_MODELS")
    if not models:
        pytest.skip("ARENABOOST_MODELS does not name the folder of tokenizers")
    tokenizer = Path(models) / "deberta-v3-tokenizer"
    return make_deberta(tmp_path_factory.mktemp("encoders") / "deberta", tokenizer)


@pytest.fixture
def three_threads():
    """Torch has three threads, not the one that each of several processes of tests is given."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def make_family(tiny_encoder):
    """Make a family with its defaults, of those that read with an encoder with a small one."""

    def make(name):
        cls = FAMILIES[name]
        return cls(encoder=str(tiny_encoder)) if cls.uses == "encoder" else cls()

    return make


@pytest.fixture(scope="session")
def small_encoder_settings(tiny_encoder):
    """The same as settings of a configuration."""
    return (f"encoder.name={tiny_encoder}",)


@pytest.fixture(scope="session")
def config():
    """Every learner, a few rounds."""
    return load_config(settings=FAST)


@pytest.fixture(scope="session")
def light():
    """The least that is a whole configuration, for tests of what surrounds the models."""
    return load_config(settings=LIGHT)


@pytest.fixture(scope="session")
def light_flags():
    """The same as flags of a command."""
    return [*(flag for setting in LIGHT for flag in ("--set", setting)), "--device", "cpu"]


@pytest.fixture(scope="session")
def tower_settings(tiny_encoder):
    """Make a small tower's settings, with more set if asked for."""
    from pipelines.tower.settings import load_settings

    def make(*more):
        return load_settings(settings=[*TOWER, f"backbone={tiny_encoder}", *more])

    return make


@pytest.fixture(scope="session")
def tower_flags(tiny_encoder):
    """The same as flags of a command."""
    settings = (*TOWER, f"backbone={tiny_encoder}")
    return [*(flag for setting in settings for flag in ("--set", setting)), "--device", "cpu"]


@pytest.fixture(scope="session")
def quiet():
    """Make a console that writes to memory."""
    return lambda **options: Console(file=io.StringIO(), width=120, **options)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Folder with train.csv (300 rows), extra.csv (120, 20 of them with prompts of train.csv) and
    test.csv (30 rows, the last equal to the first, ids that are no numbers)."""
    folder = tmp_path_factory.mktemp("battles")
    train, test = cells("train.csv"), cells("test.csv").iloc[:29]
    extra = train.iloc[300:420].assign(id=[f"x{row}" for row in range(120)])
    extra.iloc[:20, extra.columns.get_loc("prompt")] = train["prompt"].iloc[:20].to_numpy()
    test = pd.concat([test, test.iloc[:1]])
    ids = [*(f"{row:05d}" for row in range(12, 40)), 'a, "b"', "00012"]
    train.iloc[:300].to_csv(folder / "train.csv", index=False)
    extra.to_csv(folder / "extra.csv", index=False)
    test.assign(id=ids).to_csv(folder / "test.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def battles(files):
    """The rows of train.csv: frame and labels. Not to be changed."""
    read = read_training(files / "train.csv")
    return read.battles, read.y


@pytest.fixture(scope="session")
def columns(battles, config):
    """Feature columns of the rows of train.csv, with group and source, as the model gets them."""
    return build_pipeline(config).named_steps["features"].fit_transform(battles[0])


@pytest.fixture(scope="session")
def run(files, config, quiet, tmp_path_factory):
    """A finished run without extra rows. Not to be changed."""

    inputs = Inputs(files / "train.csv", files / "test.csv")
    target = tmp_path_factory.mktemp("runs") / "run"
    return fit(config, inputs, target, device="cpu", console=quiet())


@pytest.fixture(scope="session")
def light_run(files, light, quiet, tmp_path_factory):
    """The same with the light configuration. Not to be changed."""
    inputs = Inputs(files / "train.csv", files / "test.csv")
    target = tmp_path_factory.mktemp("runs") / "run"
    return fit(light, inputs, target, device="cpu", console=quiet())


@pytest.fixture
def refit(files, light, quiet):
    """Fit the same small files again, into another folder or with other options."""

    def again(target, *, config=light, extra=(), test=None, train="train.csv", **options):
        inputs = Inputs(files / train, test, tuple(extra))
        return fit(config, inputs, target, device="cpu", console=quiet(), **options)

    return again


@pytest.fixture
def setting():
    """Make a learner's setting for named columns."""

    def make(names, head="direction", seed=0):
        n_classes = 3 if head == "multiclass" else 2
        return Setting(Swap(names), head=head, n_classes=n_classes, seed=seed, threads=1)

    return make


@pytest.fixture
def swapped():
    """Swap the answers in a frame of columns, by the names alone."""

    def swap(columns):
        names = [name for name in columns if name not in PASSED_THROUGH]
        values = Swap(names)(columns[names].to_numpy(dtype=np.float32))
        return columns.assign(**dict(zip(names, values.T, strict=True)))

    return swap
