"""What each piece changes in one tower: ``python -m benchmarks.quality pieces``.

`minilm_tower` with its top two layers is trained on all other battles than a fold's, once as it is
and once with each change of `CHANGES`, and asked about the fold: its plain battles, and the decided
extra rows that are held out with it, whose prompts no plain row has. A piece is chosen for the
preset by the latter, on which no figure is scored, or by the former where only ties tell.

The log loss of the plain battles is that of the probabilities as they are, not calibrated. That of
A against B, of the extra rows, is of the direction logits at the scale that suits them best: what a
calibration mends is no merit of a piece. Differences are paired, with a 95 % interval over prompts.

    python -m benchmarks.quality pieces --folds 0 1 --states DIR
    python -m benchmarks.quality pieces --only davidson_ties head_norm --device cuda
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import real
from benchmarks.quality.held_out import (
    Battles,
    HeldOut,
    held_out,
    parser_of,
    settings_of,
    states_in,
)
from benchmarks.tables import difference, write, write_header, write_row
from data.labels import A
from features.encoding.files import EncoderError
from models.device import DeviceError
from models.heads import probabilities
from models.measures.evaluation import paired_difference
from models.measures.metrics import METRICS
from models.stacking.logistic import fit_scale
from models.tower.errors import TowerError
from models.tower.settings import TowerSettings
from pipelines.presets import TOWERS
from pipelines.settings import ConfigError, read_preset

PRESET = "minilm_tower"
RECIPE = {"train_layers": 2}
FIRST = "as_it_is"
COLUMNS = (
    "what", "against", "log loss", "difference", "A/B, extra rows", "difference", "seconds",
)  # fmt: skip
Array = NDArray[np.float64]
Rows = NDArray[np.intp]


class Change(NamedTuple):
    """A line of the table: what is set, and the line that it is compared with."""

    settings: Mapping[str, Any]
    against: str = FIRST


CHANGES: dict[str, Change] = {
    FIRST: Change({}),
    "attention_pooling": Change({"pooling": "attention"}),
    "lstm": Change({"lstm": 128}),
    "head_norm": Change({"head_norm": True}),
    "perturbed": Change({"awp": 1e-4}),
    "perturbed_more": Change({"awp": 1e-2}),
    "davidson_ties": Change({"ties": "davidson"}),
    "cross_entropy": Change({"loss": "cross_entropy"}),
    "smoothing": Change({"loss": "cross_entropy", "smoothing": 0.1}, "cross_entropy"),
}


class Judged(NamedTuple):
    """What a tower is worth on the battles that were held out.

    Attributes
    ----------
    plain_rows, extra_rows : ndarray of intp, shapes (n_plain,) and (n_extra,)
        Which battles.
    plain : ndarray of float64, shape (n_plain, 3)
        Its probabilities of plain battles.
    extra : ndarray of float64, shape (n_extra, 3)
        Of extra rows, the direction scaled.
    seconds : float
        Of the training.
    """

    plain_rows: Rows
    extra_rows: Rows
    plain: Array
    extra: Array
    seconds: float


def main(argv: Sequence[str] | None = None) -> int:
    """Print one table, a line a piece, as its tower is trained."""
    options = _parser().parse_args(argv)
    if not real.at_hand():
        return 0
    beside = [CHANGES[name].against for name in options.only]
    names = list(dict.fromkeys([FIRST, *beside, *options.only]))
    try:
        recipe = read_preset(PRESET, TOWERS)[0] | RECIPE
        asked = {
            name: settings_of(recipe, options.settings, CHANGES[name].settings) for name in names
        }
        write_table(asked, options, Battles.real(options.extra))
    except (ConfigError, DeviceError, EncoderError, TowerError) as error:
        sys.exit(f"python -m benchmarks.quality pieces: {error}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("pieces", __doc__)
    parser.add_argument(
        "--only", nargs="+", default=list(CHANGES), choices=list(CHANGES), metavar="NAME",
        help=f"of {', '.join(CHANGES)}",
    )  # fmt: skip
    return parser


def write_table(
    asked: Mapping[str, TowerSettings], options: argparse.Namespace, battles: Battles
) -> None:
    """Train a tower for each line, and print what it is worth beside another one."""
    found: dict[str, Judged] = {}
    with states_in(options.states) as states:
        for name, settings in asked.items():
            said = held_out(
                settings,
                battles,
                options.folds,
                device=options.device,
                states=states,
                epochs=float(settings.epochs),
                decided=True,
                name=name,
            )
            found[name] = judged(said, battles)
            if len(found) == 1:
                _write_head(options.folds, found[name])
            write_row(_line(name, found, battles))


def _write_head(folds: Sequence[int], found: Judged) -> None:
    write(
        f"\nFolds {' '.join(map(str, folds))}: {len(found.plain):,} plain battles, "
        f"{len(found.extra):,} decided extra rows\n"
    )
    write_header(COLUMNS)


def judged(found: HeldOut, battles: Battles) -> Judged:
    """Part the plain battles from the extra rows, and scale the direction of the latter."""
    is_plain = (battles.frame["source"] == "plain").to_numpy()[found.rows]
    z, t, y = found.z[~is_plain], found.t[~is_plain], battles.y[found.rows][~is_plain]
    scale, _ = fit_scale(z, y == A, intercept=False)
    rows = found.rows[is_plain], found.rows[~is_plain]
    return Judged(*rows, found.proba[is_plain], probabilities(scale * z, t), found.seconds)


def _line(name: str, found: Mapping[str, Judged], battles: Battles) -> list[str]:
    against = CHANGES[name].against
    one, other = found[name], found[against]
    plain = _cells(one.plain, other.plain, battles, one.plain_rows, "log_loss")
    extra = _cells(one.extra, other.extra, battles, one.extra_rows, "direction_log_loss")
    beside = against if name != against else ""
    return [name, beside, *plain, *extra, f"{one.seconds:,.0f}"]


def _cells(proba: Array, other: Array, battles: Battles, rows: Rows, metric: str) -> list[str]:
    """Return a measure, and its difference to another tower's; nothing where it is the same one."""
    y, group = battles.y[rows], battles.frame["group"].to_numpy(dtype=object)[rows]
    value = f"{METRICS[metric].function(y, proba):.4f}"
    if proba is other:
        return [value, ""]
    return [value, difference(paired_difference(y, proba, other, group, metric=metric))]


if __name__ == "__main__":
    sys.exit(main())
