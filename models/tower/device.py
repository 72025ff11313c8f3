"""Where a tower computes, and in which numbers."""

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, Self

import torch
from joblib import cpu_count

from models.tower.errors import TowerError
from models.tower.world import World

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Place(NamedTuple):
    """A device and the precision of its products.

    Attributes
    ----------
    device : torch.device
    precision : {"fp32", "bf16", "fp16"}
    """

    device: torch.device
    precision: str

    @classmethod
    def of(cls, device: str, precision: str, world: World | None = None) -> Self:
        """Return the place that is asked for; ``auto`` is the precision that the device has.

        Parameters
        ----------
        device : {"cpu", "cuda"}
        precision : {"auto", "fp32", "bf16", "fp16"}
        world : World, optional
            In which each process has a card of its own.

        Raises
        ------
        TowerError
            The device does not have the precision.

        Examples
        --------
        >>> Place.of("cpu", "auto").precision
        'fp32'
        """
        half = torch.cuda.is_bf16_supported(including_emulation=False) if device == "cuda" else True
        if precision == "auto":
            precision = "fp32" if device == "cpu" else "bf16" if half else "fp16"
        if (device == "cpu" and precision == "fp16") or (precision == "bf16" and not half):
            raise TowerError(
                f"precision: {device} has no {precision}. Set precision to auto or fp32, or take "
                "another device."
            )
        if device == "cpu":
            _stay_within_cores()
            return cls(torch.device("cpu"), precision)
        return cls(torch.device("cuda", world.local if world else 0), precision)

    @classmethod
    def like(cls, device: str, precision: str) -> Self:
        """Return the place that is nearest to where a tower was trained, on any device.

        >>> Place.like("cpu", "fp16").precision
        'fp32'
        """
        try:
            return cls.of(device, precision)
        except TowerError:
            return cls.of(device, "auto")

    @property
    def on_card(self) -> bool:
        """Whether it is a GPU."""
        return self.device.type == "cuda"

    def autocast(self) -> AbstractContextManager[object]:
        """Compute products in this precision; weights stay in float32."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=DTYPES[self.precision])


def _stay_within_cores() -> None:
    """Give torch no more threads than a container has cores: it counts those of the machine."""
    allowed = cpu_count()
    if torch.get_num_threads() > allowed:
        torch.set_num_threads(allowed)
