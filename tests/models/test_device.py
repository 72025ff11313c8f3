"""The probe, its words, and what members do on a GPU."""

import ctypes

import numpy as np
import pytest
import xgboost

from features.sides import Swap
from models import device
from models.device import DeviceError, find_device
from models.heads import DirectionHead
from models.learners.boosting import XGBoostLearner
from models.parts import Fit, Part, Rows, fit_part, part_logits

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


def fitted(rows, where):
    part = Part("xgboost", XGBoostLearner(max_rounds=40), DirectionHead(), seed=0)
    swap = Swap(COLUMNS)
    model = fit_part(Fit(part, fold=0), rows, swap, threads=1, device=where)
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
