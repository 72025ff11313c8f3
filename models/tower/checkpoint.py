"""An unfinished training as bytes: weights and the optimiser's numbers, and where it stands."""

import json
from typing import Any, NamedTuple, Protocol, Self

import torch
from torch import Tensor

LENGTH = 8  # bytes that say how long a safetensors header is


class Checkpoints(Protocol):
    """Where an unfinished training is kept."""

    def read(self) -> bytes | None:
        """Return what was written last, None where there is nothing."""

    def write(self, content: bytes) -> None:
        """Keep this, and no more what was kept before; a kill leaves one of the two."""


class Nowhere:
    """Keeps nothing: a training that is killed begins anew."""

    def read(self) -> bytes | None:
        """Return None."""
        return None

    def write(self, content: bytes) -> None:
        """Do nothing."""


class Checkpoint(NamedTuple):
    """What is kept.

    Attributes
    ----------
    tensors : dict of str to Tensor
        ``weight.NAME``, ``best.NAME``, ``optimiser.NUMBER.KEY``.
    told : dict
        All else, ready for JSON.
    """

    tensors: dict[str, Tensor]
    told: dict[str, Any]

    def dump(self) -> bytes:
        """Return it in the format of safetensors, which runs no code when it is read."""
        from safetensors.torch import save

        kept = {name: own.detach().cpu().contiguous().clone() for name, own in self.tensors.items()}
        content: bytes = save(kept, metadata={"told": json.dumps(self.told)})
        return content

    @classmethod
    def load(cls, content: bytes) -> Self:
        """Take over what `dump` gave."""
        from safetensors.torch import load

        size = int.from_bytes(content[:LENGTH], "little")
        header = json.loads(content[LENGTH : LENGTH + size])
        return cls(load(content), json.loads(header["__metadata__"]["told"]))

    def under(self, start: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin so, without that beginning."""
        return {
            name.removeprefix(start): own
            for name, own in self.tensors.items()
            if name.startswith(start)
        }


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimiser's numbers by name."""
    return {
        f"optimiser.{number}.{key}": torch.as_tensor(value)
        for number, state in optimiser.state_dict()["state"].items()
        for key, value in state.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Give an optimiser the numbers that `optimiser_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict(
        {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
    )
