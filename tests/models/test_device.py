"""The probe, its words, and what members do on a GPU."""

import ctypes

import numpy as np
import pandas as pd
import pytest
import xgboost

from features.sides import Swap
from models import device
from models.device import DeviceError, check_lightgbm, find_device
from models.heads import DirectionHead
from models.learners import quantiles
from models.learners.lightgbm import LightGBMLearner
from models.learners.linear import LinearLearner
from models.learners.quantiles import card_torch
from models.learners.xgboost import XGBoostLearner
from models.parts import Fit, Lessons, Material, Part, Rows, fit_part, part_logits
from models.preference import PreferenceModel

HAS_CUDA = find_device("auto").name == "cuda"
COLUMNS = ["f__x_a", "f__x_b", "f__x_diff"]


class Driver:
    """A CUDA driver with a number of devices, and an answer to cuInit."""

    def __init__(self, count, init=0):
        self.count, self.init = count, init

    def cuInit(self, flags):  # noqa: N802
        return self.init

    def cuDeviceGetCount(self, count):  # noqa: N802
        ctypes.cast(count, ctypes.POINTER(ctypes.c_int))[0] = self.count
        return 0

    def cuDeviceGetName(self, name, size, number):  # noqa: N802
        name.value = b"Card X"


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400)).astype(np.float32)
    y = (rng.random(400) > 1 / (1 + np.exp(b - a))).astype(np.int8)
    ones = np.ones(400)
    X = np.column_stack([a, b, a - b])
    return Rows(X, y, ones.astype(bool), ones, ones, (np.arange(400) % 4).astype(np.int8))


def cards(monkeypatch, driver):
    monkeypatch.setattr(device, "_driver", lambda: driver)


def test_auto_takes_the_card_that_is_there(monkeypatch):
    cards(monkeypatch, Driver(1))
    assert find_device("auto") == ("cuda", "Card X")
    assert find_device("cuda") == ("cuda", "Card X")


def test_cpu_is_taken_as_asked_for_even_beside_a_card(monkeypatch):
    cards(monkeypatch, Driver(1))
    assert find_device("cpu").name == "cpu"


@pytest.mark.parametrize("driver", [Driver(0), Driver(1, init=100)])
def test_a_driver_without_a_device_is_said_aloud(monkeypatch, driver):
    cards(monkeypatch, driver)
    assert find_device("auto") == ("cpu", "no CUDA device is visible; training on the CPU")
    with pytest.raises(DeviceError, match="--device cuda: no CUDA device is visible"):
        find_device("cuda")


def test_no_driver_is_said_aloud(monkeypatch):
    def missing():
        raise OSError

    monkeypatch.setattr(device, "_driver", missing)
    assert "no CUDA driver is installed" in find_device("auto").reason


def test_a_build_without_cuda_is_said_aloud(monkeypatch):
    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_CUDA": False})
    assert "has no CUDA" in find_device("auto").reason


@pytest.mark.parametrize(
    ("probe", "lack"),
    [
        ("print('No OpenCL device found'); raise SystemExit(1)", "No OpenCL device found"),
        ("print('Not in this build.'); raise SystemExit(1)", "Not in this build"),
        ("import os; os._exit(139)", "it ended with status 139"),
    ],
)
def test_what_lightgbm_cannot_train_on_is_refused_with_the_way_out(probe, lack, monkeypatch):
    monkeypatch.setattr(device, "PROBE", probe)
    expected = rf"^learners\.lightgbm\.device_type: LightGBM cannot train on 'gpu': {lack}\. Leave"
    with pytest.raises(DeviceError, match=expected):
        check_lightgbm("gpu")


def test_what_lightgbm_can_train_on_is_let_through(monkeypatch):
    monkeypatch.setattr(device, "PROBE", device.PROBE.replace("sys.argv[1]", '"cpu"'))
    check_lightgbm("gpu")
    monkeypatch.setattr(device, "PROBE", "raise SystemExit(1)")
    check_lightgbm("cpu")  # needs no probe


def fitted(rows, where):
    part = Part("xgboost", XGBoostLearner(max_rounds=40), DirectionHead(), seed=0)
    swap = Swap(COLUMNS)
    fit = Fit(part, fold=0)
    lessons = Lessons([fit], Material(rows, swap))
    model = fit_part(fit, lessons, swap=swap, threads=1, device=where)
    return part, model, swap


def test_the_device_that_was_used_is_recorded(rows):
    assert fitted(rows, "cpu")[1].device == "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_CUDA, reason="no CUDA device")
def test_a_gpu_gives_the_cpus_scores_and_stays_symmetric(rows):
    part, model, swap = fitted(rows, "cuda")
    assert model.device == "cuda"
    z = part_logits(part, model, rows.X, swap)["z"]
    assert np.array_equal(part_logits(part, model, swap(rows.X), swap)["z"], -z)
    on_cpu = part_logits(part, fitted(rows, "cpu")[1], rows.X, swap)["z"]
    assert np.corrcoef(z, on_cpu)[0, 1] > 0.95
    reloaded = type(model).load(model.dump(), "cuda")
    assert np.array_equal(reloaded.raw(rows.X), model.raw(rows.X))


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_CUDA, reason="no CUDA device")
def test_rows_that_travel_once_give_what_both_orders_give(rows, monkeypatch):
    """Quantiles made on the card are not those of the host to the last digit."""
    pytest.importorskip("torch")
    assert card_torch() is not None
    part, model, swap = fitted(rows, "cuda")
    assert fitted(rows, "cuda")[1].dump() == model.dump()
    z = part_logits(part, model, rows.X, swap)["z"]
    monkeypatch.setattr(quantiles, "card_torch", lambda: None)
    by_host = part_logits(part, fitted(rows, "cuda")[1], rows.X, swap)["z"]
    assert np.corrcoef(z, by_host)[0, 1] > 0.95


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_CUDA, reason="no CUDA device")
def test_members_on_both_devices_give_the_same_whatever_the_number_of_jobs(rows):
    X = pd.DataFrame(rows.X, columns=COLUMNS).assign(
        group=np.arange(400).astype(str), source="plain", characters=1.0
    )
    y = np.where(np.arange(400) % 5 == 0, 2, rows.y).astype(np.int8)
    members = [
        ("lightgbm", LightGBMLearner(max_rounds=30)),
        ("xgboost", XGBoostLearner(max_rounds=30)),
        ("linear", LinearLearner()),
    ]
    one, four = (
        PreferenceModel(members, bag=2, inner_folds=2, device="cuda", n_jobs=jobs).fit(X, y)
        for jobs in (1, 4)
    )
    assert one.dump() == four.dump()
    assert {name.partition("_")[0]: place for name, place in four.device_.items()} == {
        "lightgbm": "cpu",
        "xgboost": "cuda",
        "linear": "cpu",
    }
    loaded = PreferenceModel(members, bag=2, inner_folds=2, device="cuda").load(four.dump())
    np.testing.assert_array_equal(loaded.predict_proba(X), four.predict_proba(X))
