"""A recurrent layer over the states of each sequence."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

from models.tower.attention import Packs


class Recurrent(nn.Module):
    """One layer of a bidirectional LSTM that reads each sequence alone, from end to end.

    Sequences are handed to it packed: neither direction sees another one's tokens, or padding.

    Sources: Hochreiter and Schmidhuber, 1997, "Long short-term memory"; Schuster and Paliwal, 1997,
    "Bidirectional recurrent neural networks".

    Parameters
    ----------
    width : int
        Dimensions of the states.
    hidden : int
        Of one direction.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.width = 2 * hidden  # of what comes out
        self.lstm = nn.LSTM(width, hidden, bidirectional=True)

    def forward(self, states: Tensor, packs: Packs) -> Tensor:
        """Return states of both directions, side by side: (n_tokens, d) -> (n_tokens, 2 hidden)."""
        packed = pack_sequence(list(states.split(packs.lengths)), enforce_sorted=False)
        read, _ = self.lstm(packed)
        return torch.cat(unpack_sequence(read))
