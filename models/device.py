"""Which device trains: one probe, said aloud, written into the report."""

import ctypes
from typing import Literal, NamedTuple

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


def _driver() -> ctypes.CDLL:
    return ctypes.CDLL("libcuda.so.1")
