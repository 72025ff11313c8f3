"""One tower on several backbones: ``python -m benchmarks.quality backbones NAME …``.

A NAME is ``minilm``, a folder, or a name of the Hugging Face hub (``microsoft/deberta-v3-xsmall``,
``microsoft/deberta-v3-small``, ``microsoft/deberta-v3-base``, ``albert/albert-base-v2``). On each
the tower of `RECIPE` is trained on all other battles than a fold's, in all layers, and asked about
the fold; ``--set`` changes what `models/tower/settings.py` names. Probabilities are not calibrated.
Tokens a second are those of the training. The interval is a 95 % bootstrap over prompts.

    python -m benchmarks.quality backbones microsoft/deberta-v3-small albert/albert-base-v2
    python -m benchmarks.quality backbones minilm --folds 0 1 --set train_layers=2 --device cpu
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks import real
from benchmarks.quality.held_out import (
    Battles,
    HeldOut,
    held_out,
    parser_of,
    settings_of,
    states_in,
)
from benchmarks.quality.tower import FIGURES, figures
from benchmarks.tables import write, write_header, write_row
from features.encoding.files import EncoderError
from models.device import DeviceError
from models.tower.errors import TowerError
from pipelines.settings import ConfigError

RECIPE = {"length": 512, "learning_rate": 2e-5, "warm_up": 0.1, "epochs": 1, "batch": 16}
COLUMNS = (
    "backbone", "parameters", "trained", "tokens a second", "seconds",
    "rows", "log loss", "95 % interval", *FIGURES,
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Print one table, a line a backbone, as its tower is trained."""
    options = _parser().parse_args(argv)
    if not real.at_hand():
        return 0
    battles, folds = Battles.real(options.extra), " ".join(map(str, options.folds))
    try:
        names = options.names
        asked = [settings_of(RECIPE, options.settings, {"backbone": name}) for name in names]
        with states_in(options.states) as states:
            for place, settings in enumerate(asked):
                found = held_out(
                    settings,
                    battles,
                    options.folds,
                    device=options.device,
                    states=states,
                    epochs=float(settings.epochs),
                    name=settings.backbone,
                )
                if place == 0:
                    write(f"\nOne tower, folds {folds}\n")
                    write_header(COLUMNS)
                write_row(line_of(settings.backbone, found, battles))
    except (ConfigError, DeviceError, EncoderError, TowerError) as error:
        sys.exit(f"python -m benchmarks.quality backbones: {error}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("backbones", __doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="of backbones")
    return parser


def line_of(name: str, found: HeldOut, battles: Battles) -> list[str]:
    """Return a line of the table."""
    group = battles.frame["group"].to_numpy(dtype=object)[found.rows]
    return [
        name,
        f"{found.parameters:,}",
        f"{found.trained:,}",
        f"{found.tokens / found.seconds:,.0f}",
        f"{found.seconds:,.0f}",
        *figures(battles.y[found.rows], [found.proba], group),
    ]


if __name__ == "__main__":
    sys.exit(main())
