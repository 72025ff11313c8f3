"""A fine-tuned tower alone, out of fold: ``python -m benchmarks.quality tower``.

``pipelines.finetune`` trains a tower of ``--preset`` without each of five folds of the real plain
battles, grouped by prompt, the other file as extra rows. Its logits are calibrated by numbers that
are fitted on the other four folds. The interval is a 95 % bootstrap over prompts.

    python -m benchmarks.quality tower --cache DIR --seeds 0
    python -m benchmarks.quality tower --towers FOLDER
    python -m benchmarks.quality tower --from-committed

``--cache DIR`` holds unfinished and finished towers by version, and states of frozen layers: the
same command goes on from what lies there. ``--towers`` takes folders that pipelines.finetune left,
one a seed. ``--commit`` writes logits and their record to ``benchmarks/quality/oof/``, from where
``--from-committed`` takes them.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import real
from benchmarks.quality.oof import OutOfFold
from benchmarks.quality.runs import RunError, Scored
from benchmarks.quality.versions import this_tree
from benchmarks.tables import each, write, write_header, write_row
from data.battles import ReadBattles, read_training
from models.measures.evaluation import paired_difference
from models.measures.metrics import METRICS
from pipelines.estimator.build import PassThrough
from pipelines.finetune import Given, Origin, finetune, load_settings
from pipelines.run.folder import RunError as FolderError
from pipelines.run.folder import digest, is_run
from pipelines.run.folds import Folds
from pipelines.settings import ConfigError
from pipelines.tower.scores import calibrated
from pipelines.tower.settings import DEFAULT, write_settings

FIGURES = {"A/B AUC": "direction_auc", "tie AUC": "tie_auc"}
COLUMNS = ("what", "rows", "log loss", "95 % interval", *FIGURES)
STORE_BYTES = 8_000_000_000
Array = NDArray[np.float64]


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table for each seed, and the mean of the seeds."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.towers and len(options.towers) != len(options.seeds):
        parser.error("--towers: expected one folder for each of --seeds")
    if options.commit and options.settings:
        parser.error("--commit: a preset's logits are committed as it stands, without --set")
    if not real.at_hand():
        return 0
    read = read_training(real.train_file())
    scored = Scored.of(read)
    with ExitStack() as stack:
        options.cache = options.cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            found = [_found(options, place, scored) for place in range(len(options.seeds))]
        except (RunError, FolderError, ConfigError) as error:
            sys.exit(f"python -m benchmarks.quality tower: {error}")
    write_towers(options.preset, options.seeds, found, read)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality tower",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--preset", default=DEFAULT, metavar="NAME")
    add("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    add("--seeds", nargs="+", type=int, default=[0], metavar="N", help="of folds and towers")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--cache", type=Path, metavar="DIR", help="where towers and states are kept")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--towers", nargs="+", type=Path, metavar="FOLDER")
    source.add_argument("--from-committed", action="store_true")
    add("--commit", action="store_true", help="keep the logits beside this module")
    return parser


def _found(options: argparse.Namespace, place: int, scored: Scored) -> OutOfFold:
    """Return the logits of a seed, from wherever is asked for."""
    seed = options.seeds[place]
    if options.from_committed:
        return OutOfFold.committed(options.preset, seed, scored)
    folder = options.towers[place] if options.towers else _trained(options, seed)
    found = OutOfFold.of_tower(folder, scored)
    if options.commit:
        sys.stderr.write(f"wrote {found.commit(options.preset, seed, scored)}\n")
    return found


def _trained(options: argparse.Namespace, seed: int) -> Path:
    """Return the folder of a tower, trained unless it lies there from an earlier call."""
    from models.tower.states import StateStore

    settings = load_settings(preset=options.preset, settings=[*options.settings, f"seed={seed}"])
    name = f"{options.preset}-{seed}-{digest(write_settings(settings).encode())[:8]}"
    folder: Path = options.cache.resolve() / this_tree().name / "towers" / name
    if not is_run(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        origin = Origin.of(Given(train=real.train_file(), extra=(real.extra_file(),)))
        states = StateStore(options.cache.resolve() / "states", STORE_BYTES)
        finetune(settings, origin, folder, device=options.device, states=states)
    return folder


def write_towers(
    name: str, seeds: Sequence[int], found: Sequence[OutOfFold], read: ReadBattles
) -> None:
    """Print how good the calibrated logits are, fold by fold, and over all battles."""
    y, group = read.y, read.battles["group"].to_numpy(dtype=object)
    runs = [probabilities_of(oof, read) for oof in found]
    for seed, oof, proba in zip(seeds, found, runs, strict=True):
        write(f"\n{name}, seed {seed}: {oof.seconds:,.0f} s of training\n")
        write_header(COLUMNS)
        for fold in range(int(oof.fold.max()) + 1):
            rows = oof.fold == fold
            write_row([f"fold {fold}", *figures(y[rows], [proba[rows]], group[rows])])
        write_row(["all folds", *figures(y, [proba], group)])
    if len(runs) > 1:
        write(f"\n{name}, mean of the seeds {', '.join(map(str, seeds))}\n")
        write_header((*COLUMNS, "log loss by seed"))
        by_seed = each(METRICS["log_loss"].function(y, proba) for proba in runs)
        write_row(["all folds", *figures(y, runs, group), by_seed])


def probabilities_of(oof: OutOfFold, read: ReadBattles) -> Array:
    """Return probabilities, each fold's by the calibration that is fitted on the others."""
    frame = read.battles
    length = PassThrough().fit(frame).transform(frame)["characters"].to_numpy(dtype=np.float64)
    id_, group = (frame[name].to_numpy(dtype=object) for name in ("id", "group"))
    return calibrated(oof.z, oof.t, read.y, length, Folds(id_, group, oof.fold))


def figures(y: NDArray[np.int8], runs: Sequence[Array], group: NDArray[np.object_]) -> list[str]:
    """Return the cells of some battles: means over the runs, the interval over prompts."""
    uniform = [np.full((len(y), 3), 1 / 3)] * len(runs)
    gap = paired_difference(y, runs, uniform, group)
    value, low, high = (gap[name] + np.log(3) for name in ("value", "low", "high"))
    others = [np.mean([METRICS[of].function(y, one) for one in runs]) for of in FIGURES.values()]
    return [
        f"{len(y):,}",
        f"{value:.4f}",
        f"{low:.3f}–{high:.3f}",
        *(f"{other:.4f}" for other in others),
    ]


if __name__ == "__main__":
    sys.exit(main())
