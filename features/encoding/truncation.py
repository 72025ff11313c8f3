"""What is read of a text that is longer than a network can take, or than one pays for."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int32]
Cut = Callable[[Tokens, int], Tokens]


def head(tokens: Tokens, room: int) -> Tokens:
    """Keep the first tokens.

    >>> head(np.arange(7), 4)
    array([0, 1, 2, 3])
    """
    return tokens[:room]


def tail(tokens: Tokens, room: int) -> Tokens:
    """Keep the last tokens.

    >>> tail(np.arange(7), 4)
    array([3, 4, 5, 6])
    """
    return tokens[max(len(tokens) - room, 0) :]


def head_tail(tokens: Tokens, room: int) -> Tokens:
    """Keep the first and the last tokens, one half each.

    >>> head_tail(np.arange(7), 4)
    array([0, 1, 5, 6])
    """
    if len(tokens) <= room:
        return tokens
    last = room // 2
    return np.concatenate([tokens[: room - last], tokens[len(tokens) - last :]])


CUTS: dict[str, Cut] = {"head": head, "head_tail": head_tail}  # of a frozen encoder's `long`
PART_CUTS: dict[str, Cut] = {**CUTS, "tail": tail}  # of the parts of a tower's sequence
