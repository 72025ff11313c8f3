"""What a softmax too many costs: ``python -m benchmarks.quality softmax``.

Published networks end with a softmax, and their loss makes another one of what it is given. This
is the experiment on a small scale: `minilm`'s top layer with a linear head on both means, trained
for 1 and for 3 epochs on all other battles than a fold's, and asked about the fold. In the table

* softmax before the loss: the cross-entropy is given p = softmax(logits) in place of logits;
* softmax at inference: p is what the network gives, or softmax(p), which is what the training
  believed that it was;
* log-softmax before the loss changes nothing: the softmax of log p is p.

The wrong losses lie here and not in the product. Figures are not calibrated. "Published" are those
of the source, of other battles and another network; the last column is the paired difference to
the right way after as many epochs, with a 95 % interval over prompts.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor

from benchmarks import real
from benchmarks.quality.held_out import Battles, held_out, parser_of, settings_of, states_in
from benchmarks.tables import difference, write, write_header, write_row
from features.encoding.files import EncoderError
from models.device import DeviceError
from models.measures.evaluation import paired_difference
from models.measures.metrics import log_loss
from models.tower.errors import TowerError
from models.tower.losses import LOSSES, Loss, Targets
from models.tower.losses.cross_entropy import CrossEntropy
from pipelines.settings import ConfigError

RECIPE = {
    "backbone": "minilm",
    "train_layers": 1,
    "dropout": 0.0,
    "learning_rate": 3e-4,
    "head_learning_rate": 2e-3,
}
COLUMNS = (
    "before the loss", "softmax at inference", "epochs", "published", "log loss", "against none",
)  # fmt: skip
Array = NDArray[np.float64]


@dataclass(frozen=True)
class SoftmaxBefore(CrossEntropy):
    """The cross-entropy of probabilities that are taken for logits: the published mistake."""

    def of_order(self, scores: Tensor, targets: Targets) -> Tensor:
        """Return the loss of each battle in one order, shape (n,)."""
        return super().of_order(scores.softmax(dim=1), targets)  # (n, 3)


@dataclass(frozen=True)
class LogSoftmaxBefore(CrossEntropy):
    """The cross-entropy of log probabilities, which are logits as well."""

    def of_order(self, scores: Tensor, targets: Targets) -> Tensor:
        """Return the loss of each battle in one order, shape (n,)."""
        return super().of_order(scores.log_softmax(dim=1), targets)  # (n, 3)


BEFORE: dict[str, type[Loss]] = {
    "none": CrossEntropy,
    "softmax": SoftmaxBefore,
    "log-softmax": LogSoftmaxBefore,
}


class Way(NamedTuple):
    """A line of the table: what is done before the loss, whether p goes through another softmax."""

    before: str
    again: bool
    epochs: int
    published: float


WAYS = (
    Way("softmax", True, 1, 1.044),
    Way("softmax", False, 1, 1.352),
    Way("none", False, 1, 1.042),
    Way("softmax", False, 3, 1.590),
    Way("none", False, 3, 1.075),
    Way("log-softmax", False, 3, 1.074),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table of six."""
    options = parser_of("softmax", __doc__).parse_args(argv)
    if not real.at_hand():
        return 0
    battles = Battles.real(options.extra)
    try:
        found, rows = fitted(options, battles)
    except (ConfigError, DeviceError, EncoderError, TowerError) as error:
        sys.exit(f"python -m benchmarks.quality softmax: {error}")
    group = battles.frame["group"].to_numpy(dtype=object)[rows]
    write(f"\nFolds {' '.join(map(str, options.folds))}: {len(rows):,} battles\n")
    write_table(found, battles.y[rows], group)
    return 0


@contextmanager
def loss_given(before: str) -> Iterator[None]:
    """Let towers be trained by the cross-entropy of what is made of their logits."""
    right = LOSSES["cross_entropy"]
    LOSSES["cross_entropy"] = BEFORE[before]
    try:
        yield
    finally:
        LOSSES["cross_entropy"] = right


Found = dict[tuple[str, int], Array]


def fitted(options: argparse.Namespace, battles: Battles) -> tuple[Found, NDArray[np.intp]]:
    """Train each network of `WAYS` once; return p by what was before the loss and the epochs."""
    found: Found = {}
    rows = np.empty(0, dtype=np.intp)
    with states_in(options.states) as states:
        for before, epochs in dict.fromkeys((way.before, way.epochs) for way in WAYS):
            with loss_given(before):
                said = held_out(
                    settings_of(RECIPE, options.settings, last(epochs)),
                    battles,
                    options.folds,
                    device=options.device,
                    states=states,
                    epochs=float(epochs),
                    name=f"{before}, {epochs} epochs",
                )
            found[before, epochs], rows = said.proba, said.rows
    return found, rows


def last(epochs: int) -> dict[str, Any]:
    """Return what is compared, and therefore not set."""
    return {"epochs": epochs, "loss": "cross_entropy"}


def write_table(found: Found, y: NDArray[np.int8], group: NDArray[np.object_]) -> None:
    """Print a line a way."""
    write_header(COLUMNS)
    for way in WAYS:
        proba = inferred(found[way.before, way.epochs], again=way.again)
        gap = paired_difference(y, proba, found["none", way.epochs], group)
        write_row(
            [
                way.before,
                "once more" if way.again else "no more",
                way.epochs,
                f"{way.published:.3f}",
                f"{log_loss(y, proba):.4f}",
                difference(gap),
            ]
        )


def inferred(proba: Array, *, again: bool) -> Array:
    """Return probabilities as they are, or what a softmax makes of them, shape (n, 3).

    >>> inferred(np.array([[1.0, 0.0, 0.0]]), again=True).round(3).tolist()
    [[0.576, 0.212, 0.212]]
    """
    return softmax(proba, axis=1) if again else proba


if __name__ == "__main__":
    sys.exit(main())
