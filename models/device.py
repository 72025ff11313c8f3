"""Which device trains: one probe, said aloud, written into the report."""

import ctypes
import subprocess
import sys
from typing import Literal, NamedTuple

PROBE = """
import sys, lightgbm, numpy as np
X = np.arange(100.0)[:, None]
params = {"objective": "binary", "device_type": sys.argv[1], "verbosity": -1}
try:
    lightgbm.train(params, lightgbm.Dataset(X, X[:, 0] > 50), 1)
except lightgbm.basic.LightGBMError as error:
    sys.exit(print(str(error).splitlines()[0]) or 1)
"""
Choice = Literal["auto", "cpu", "cuda"]


class DeviceError(ValueError):
    """A device that was asked for and is not there."""


class Device(NamedTuple):
    """What was found.

    Attributes
    ----------
    name : {"cpu", "cuda"}
        Where members that can use a GPU train, are judged, and predict.
    reason : str
        Why, in words for the screen and the report.
    """

    name: str
    reason: str


def find_device(choice: Choice = "auto") -> Device:
    """Choose the device before any work.

    Parameters
    ----------
    choice : {"auto", "cpu", "cuda"}
        ``auto`` takes a CUDA device where there is one.

    Raises
    ------
    DeviceError
        If ``cuda`` is asked for and there is none. XGBoost by itself would go on on the CPU.

    Examples
    --------
    >>> find_device("cpu")
    Device(name='cpu', reason='as asked for')
    """
    if choice == "cpu":
        return Device("cpu", "as asked for")
    lack = _lack_of_cuda()
    if choice == "cuda" and lack:
        raise DeviceError(
            f"--device cuda: {lack}. Pass --device cpu, or auto to take what is there."
        )
    return Device("cpu", f"{lack}; training on the CPU") if lack else Device("cuda", cuda_card())


def _lack_of_cuda() -> str:
    """Return why CUDA cannot be used; nothing if it can."""
    import xgboost  # takes seconds, and the names above are asked for before any work

    if not xgboost.build_info().get("USE_CUDA"):
        return "this build of XGBoost has no CUDA"
    try:
        driver = _driver()
    except OSError:
        return "no CUDA driver is installed"
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return "no CUDA device is visible"
    return ""


def cuda_card() -> str:
    """Return the name of the first CUDA device; it must be there."""
    driver, name = _driver(), ctypes.create_string_buffer(256)
    driver.cuInit(0)
    driver.cuDeviceGetName(name, len(name), 0)
    return name.value.decode()


def check_lightgbm(device_type: str) -> None:
    """Let LightGBM train one tree on what its settings name, before any work.

    In a process of its own: LightGBM writes on the error stream by itself, and a driver of a GPU
    that crashes must not take the run along.

    Raises
    ------
    DeviceError
        If it cannot.
    """
    if device_type == "cpu":
        return
    probe = subprocess.run(  # noqa: S603 - this very Python, with a program that stands above
        [sys.executable, "-c", PROBE, device_type], capture_output=True, text=True, check=False
    )
    if probe.returncode:
        lack = probe.stdout.strip().rstrip(".") or f"it ended with status {probe.returncode}"
        raise DeviceError(
            f"learners.lightgbm.device_type: LightGBM cannot train on {device_type!r}: {lack}. "
            "Leave the key out to train on the CPU, or install a build of LightGBM that can."
        )


def _driver() -> ctypes.CDLL:
    return ctypes.CDLL("libcuda.so.1")
