"""Dropout on a CPU, where torch draws a double for each number that may be dropped."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

DRAWN = 4  # numbers of 16 bits in one of 64


def dropped(states: Tensor, share: float) -> Tensor:
    """Set a share of numbers to 0, and divide the others by what is left of 1.

    On a CPU the share is rounded to 16 bits, of which each number is given its own by SFC64, whose
    seed is drawn by torch: `torch.manual_seed` says what is dropped.

    Parameters
    ----------
    states : Tensor
    share : float
        In [0, 1).

    Examples
    --------
    >>> kept = dropped(torch.ones(100_000), 0.25)
    >>> sorted(set(kept.tolist())), round(float((kept == 0).float().mean()), 2)
    ([0.0, 1.3333333730697632], 0.25)
    """
    if states.device.type != "cpu" or not share:
        return dropout(states, share)
    seed = int(torch.randint(2**62, ()))
    words = np.random.SFC64(seed).random_raw(-(-states.numel() // DRAWN)).view(np.int16)
    drawn = torch.from_numpy(words[: states.numel()]).view(states.shape)
    limit = round(share * 2**16)
    kept = (drawn >= limit - 2**15) * (2**16 / (2**16 - limit))  # 0 or the factor
    return states * kept.to(states.dtype)


class Dropout(nn.Dropout):
    """What `dropped` does, while it is trained."""

    def forward(self, states: Tensor) -> Tensor:
        """Return the states, some of them dropped."""
        return dropped(states, self.p) if self.training else states


def take_over(network: nn.Module) -> None:
    """Put `Dropout` in the place of torch's."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p))
