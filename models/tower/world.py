"""The processes that train one tower together, one a card: started by torchrun or accelerate."""

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, distributed

BACKENDS = {True: "cpu:gloo,cuda:nccl", False: "gloo"}  # by whether there are cards
PATIENCE = timedelta(days=1)  # one process runs frozen layers and predicts while others wait
KEYS = ("RANK", "WORLD_SIZE", "LOCAL_RANK")  # of the environment


class World(NamedTuple):
    """A process among the others.

    Attributes
    ----------
    rank, size : int
        Its number from 0, and how many there are.
    local : int
        Its number on its machine: the card that is its own.
    """

    rank: int = 0
    size: int = 1
    local: int = 0

    @classmethod
    def here(cls) -> Self:
        """Find this process's place, and join the others where there are any."""
        found = zip(KEYS, "010", strict=True)
        rank, size, local = (int(os.environ.get(key, default)) for key, default in found)
        if size > 1 and not distributed.is_initialized():
            if torch.cuda.is_available():
                torch.cuda.set_device(local % torch.cuda.device_count())
            distributed.init_process_group(BACKENDS[torch.cuda.is_available()], timeout=PATIENCE)
        return cls(rank, size, local)

    @property
    def main(self) -> bool:
        """Whether it is the one that writes files and prints."""
        return self.rank == 0

    def broadcast(self, found: Any) -> Any:
        """Return what the main process gives, in every process."""
        if self.size == 1:
            return found
        box = [found]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def gather(self, found: Any) -> list[Any]:
        """Return what each process gives, by rank, in every process."""
        if self.size == 1:
            return [found]
        box: list[Any] = [None] * self.size
        distributed.all_gather_object(box, found)
        return box

    def barrier(self) -> None:
        """Wait for all the others."""
        if self.size > 1:
            distributed.barrier()

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Add up tensors over the processes, in place."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        for tensor, total in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(total.view_as(tensor))

    def close(self) -> None:
        """Leave the others."""
        if self.size > 1:
            distributed.destroy_process_group()
