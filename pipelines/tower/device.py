"""Where a tower trains: torch's own answer, which need not be XGBoost's."""

from models.device import Choice, Device, DeviceError, find_device


def tower_device(choice: Choice) -> Device:
    """Choose the device before any work.

    Parameters
    ----------
    choice : {"auto", "cpu", "cuda"}
        ``auto`` takes a CUDA device where torch sees one.

    Raises
    ------
    DeviceError
        If ``cuda`` is asked for and torch sees none.

    Examples
    --------
    >>> tower_device("cpu")
    Device(name='cpu', reason='as asked for')
    """
    if choice == "cpu":
        return find_device(choice)
    import torch

    if torch.cuda.is_available():
        return Device("cuda", torch.cuda.get_device_name())
    lack = "torch sees no CUDA device" if torch.version.cuda else "this build of torch has no CUDA"
    if choice == "cuda":
        raise DeviceError(
            f"--device cuda: {lack}. Pass --device cpu, or auto to take what is there."
        )
    return Device("cpu", f"{lack}; training on the CPU")


def memory_mb(device: str) -> float:
    """Return the most memory that was held so far, of the card or of this process, in MB."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 1e6
    from pipelines.report.content import peak_memory_mb

    return peak_memory_mb()
