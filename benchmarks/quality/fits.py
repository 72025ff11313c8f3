"""Whole fits on the real battles, a process a seed, and the table of how good they are."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks import real
from benchmarks.quality.runs import Run, Scored
from benchmarks.quality.versions import Version
from benchmarks.tables import difference, each, write, write_header, write_row
from data.battles import WINNER_COLUMNS, ReadBattles, read_training
from data.folds import make_folds
from features.families.length import LengthFeatures
from models.measures.baselines import LengthRegression
from models.measures.evaluation import paired_difference
from models.measures.metrics import METRICS, FloatArray
from pipelines.estimator.out_of_fold import baseline_predictions

STRUCTURAL = '["length", "turns", "style", "wording", "overlap", "prompt"]'
THREE = '["lightgbm", "xgboost", "linear"]'


class Fit(NamedTuple):
    """A preset, what is set otherwise, and whether the extra rows take part."""

    preset: str = "classical"
    settings: tuple[str, ...] = ()
    extra: bool = True
    transfer: bool = False  # whether MT-Bench's battles are predicted as well


FITS: dict[str, Fit] = {
    "classical": Fit(transfer=True),
    "neural": Fit("neural"),
    "ngram_xgboost": Fit("ngram_xgboost"),
    "ngram_embedding": Fit("ngram_embedding"),
    "linear alone": Fit(settings=('model.members=["linear"]',)),
    "LightGBM alone": Fit(settings=('model.members=["lightgbm"]',)),
    "XGBoost alone": Fit(settings=('model.members=["xgboost"]',)),
    "structural families": Fit(settings=(f"families={STRUCTURAL}",)),
    "no extra rows": Fit(extra=False),
    "no extra rows, three classes": Fit(
        extra=False, settings=('model.form="multiclass"', f"model.members={THREE}")
    ),
    "three members for ties": Fit(settings=(f"model.tie={THREE}",)),
}
FIGURES = {"A/B AUC": "direction_auc", "A/B log loss": "direction_log_loss", "tie AUC": "tie_auc"}
COLUMNS = (
    "what", "log loss", "95 % interval", "seeds", "against length alone", *FIGURES, "seconds", "MB"
)  # fmt: skip


def write_fits(
    names: Sequence[str],
    version: Version,
    seeds: Sequence[int],
    keep: Path,
    cache: Path | None = None,
) -> None:
    """Print a table of baselines and fits, and below it how the fits fare on MT-Bench."""
    read = read_training(real.train_file())
    scored = Scored.of(read)
    baselines = _baselines(read, seeds)
    alone = baselines["length alone"]
    write_header(COLUMNS)
    for name, proba in baselines.items():
        write_row([name, *_figures(proba, alone, scored), "", ""])
    folders = {}
    for name in names:
        folders[name] = fitted(name, version, seeds, keep, cache)
        runs = [Run.read(folder, scored) for folder in folders[name]]
        figures = _figures([run.proba for run in runs], alone, scored)
        write_row([name, *figures, *cost(runs)])
    for name in names:
        if FITS[name].transfer:
            write_transfer(name, version, folders[name], read)


def fitted(
    name: str, version: Version, seeds: Sequence[int], keep: Path, cache: Path | None = None
) -> list[Path]:
    """Return the run folders of a fit, those made that do not lie there from an earlier call.

    Parameters
    ----------
    name : str
        In `FITS`.
    version : Version
        Whose packages fit.
    seeds : sequence of int
        Of folds and models, one run each.
    keep : Path
        Holds ``VERSION/NAME/SEED``, and the cache that the seeds share.
    cache : Path, optional
        Another cache, of texts that were counted and encoded before.
    """
    fit, folder = FITS[name], keep.resolve() / version.name
    command = ["--preset", fit.preset, *(f"--set={setting}" for setting in fit.settings)]
    command += ["--cache", str((cache or folder / "cache").resolve()), *_files(fit)]
    runs = [folder / name.replace(" ", "_") / str(seed) for seed in seeds]
    for seed, run in zip(seeds, runs, strict=True):
        if not (run / "DONE").exists():
            sys.stderr.write(f"{version.name}: {name}, seed {seed}\n")
            version.run("pipelines.fit", *command, "--seed", str(seed), "--output", str(run))
    return runs


def _files(fit: Fit) -> list[str]:
    extra = ["--extra", str(real.extra_file())] if fit.extra else []
    return ["--train", str(real.train_file()), *extra]


def cost(runs: Sequence[Run]) -> list[str]:
    """Return mean seconds and most memory of runs."""
    seconds, memory = np.mean([run.seconds for run in runs]), max(run.memory_mb for run in runs)
    return [f"{seconds:.0f}", f"{memory:.0f}"]


def _baselines(read: ReadBattles, seeds: Sequence[int]) -> dict[str, list[FloatArray]]:
    """Return the baselines' predictions in the folds that the seeds give."""
    folds = [make_folds(read.y, read.battles["group"], seed=seed) for seed in seeds]
    runs = [baseline_predictions(read.battles, read.y, fold) for fold in folds]
    return {name: [run[name] for run in runs] for name in runs[0]}


def _figures(
    proba: Sequence[FloatArray], alone: Sequence[FloatArray], scored: Scored
) -> Iterator[str]:
    y, group = scored.y, scored.group
    uniform = [np.full((len(y), 3), 1 / 3)] * len(proba)
    level = paired_difference(y, proba, uniform, group)
    yield f"{level['value'] + np.log(3):.4f}"
    yield f"{level['low'] + np.log(3):.3f}–{level['high'] + np.log(3):.3f}"
    yield each(run + np.log(3) for run in level["runs"])
    yield difference(paired_difference(y, proba, alone, group))
    for metric in FIGURES.values():
        yield f"{np.mean([METRICS[metric].function(y, one) for one in proba]):.4f}"


def write_transfer(name: str, version: Version, runs: Sequence[Path], train: ReadBattles) -> None:
    """Print how runs fare on MT-Bench, none of whose battles they were fitted on."""
    read = read_training(real.mtbench_file())
    scored = Scored.of(read)
    length = LengthFeatures(("characters_log_sum",), sides=("diff",), bucketed=())
    regression = LengthRegression().fit(length.fit_transform(train.battles).to_numpy(), train.y)
    alone = [regression.predict_proba(length.transform(read.battles).to_numpy())] * len(runs)
    asked = [_predicted(run, version, scored) for run in runs]
    write(f"\nMT-Bench: {len(scored.y):,} battles, {len(np.unique(scored.group))} prompts\n")
    write_header(("what", "log loss", "A/B AUC", "against length alone"))
    for who, proba in ((name, asked), ("length alone", alone)):
        values = [
            f"{np.mean([METRICS[metric].function(scored.y, one) for one in proba]):.4f}"
            for metric in ("log_loss", "direction_auc")
        ]
        gap = paired_difference(scored.y, proba, alone, scored.group)
        write_row([who, *values, difference(gap)])


def _predicted(run: Path, version: Version, scored: Scored) -> FloatArray:
    """Return a run's probabilities of MT-Bench's battles."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predicted.csv"
        asked = ["--no-cache", "--test", str(real.mtbench_file()), "--output", str(path)]
        version.run("pipelines.predict", str(run), *asked)
        table = pd.read_csv(path, dtype={"id": str}).set_index("id")
    return table.loc[scored.id, list(WINNER_COLUMNS)].to_numpy()
