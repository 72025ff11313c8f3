"""How good the predictions are on real battles: ``python -m benchmarks.quality [NAME …]``.

Each experiment is a whole ``pipelines.fit`` with the seeds 0, 1 and 2, which seed folds and models,
on ``arena/train.csv`` (and, by the experiment, ``arena/extra.csv``) of the folder that
``ARENABOOST_DATA`` names. Scored are the plain rows of ``train.csv``, out of fold. The interval is
a bootstrap over prompt groups of the mean over the seeds. Where an encoder reads, the first seed
encodes the texts and the others find the vectors, which shows in the seconds; ``--cache DIR`` lets
the first one find them as well.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.battles import WINNER_COLUMNS, ReadBattles, read_training
from data.folds import make_folds
from features.families.length import LengthFeatures
from models.measures.baselines import LengthRegression
from models.measures.evaluation import paired_difference
from models.measures.metrics import METRICS, direction_auc, log_loss
from pipelines.estimator.crossfit import baseline_predictions

STRUCTURAL = '["length", "turns", "style", "wording", "overlap", "prompt"]'


class Experiment(NamedTuple):
    """Settings of a fit, and how the extra rows enter: as ``--extra``, ``joined``, or not."""

    extra: str
    settings: tuple[str, ...] = ()
    transfer: bool = False
    preset: str = "classical"


EXPERIMENTS: dict[str, Experiment] = {
    "classical": Experiment("extra", transfer=True),
    "linear alone": Experiment("extra", ('model.members=["linear"]',)),
    "LightGBM alone": Experiment("extra", ('model.members=["lightgbm"]',)),
    "XGBoost alone": Experiment("extra", ('model.members=["xgboost"]',)),
    "LightGBM and linear": Experiment("extra", ('model.members=["lightgbm", "linear"]',)),
    "no extra rows": Experiment("none"),
    "no extra rows, three classes": Experiment("none", ('model.form="multiclass"',)),
    "linear, three classes": Experiment(
        "extra", ('model.form="multiclass"', 'model.members=["linear"]')
    ),
    "first three families": Experiment("extra", ('families=["length", "turns", "style"]',)),
    "structural families": Experiment("extra", (f"families={STRUCTURAL}",)),
    "ngram_xgboost": Experiment("extra", preset="ngram_xgboost"),
    "ngram_embedding": Experiment("extra", preset="ngram_embedding"),
    "extra rows as ordinary rows": Experiment("joined"),
    "neural": Experiment("extra", preset="neural"),
}


class Result(NamedTuple):
    """What the runs of an experiment gave: one array of probabilities (n_plain, 3) a seed."""

    proba: list[NDArray[np.float64]]
    seconds: float = 0.0
    memory_mb: float = 0.0
    transfer: Sequence[pd.DataFrame] = ()  # the same runs, asked about MT-Bench's battles


HEADER = (
    "| what | log loss | 95 % interval | seeds | against length alone | A/B AUC | A/B log loss "
    "| tie AUC | seconds | MB |\n|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> int:
    """Run the chosen experiments and print a Markdown table."""
    names, seeds, cache = _arguments()
    if "ARENABOOST_DATA" not in os.environ:
        sys.stdout.write("skipped: ARENABOOST_DATA does not name the folder of real battles\n")
        return 0
    arena = Path(os.environ["ARENABOOST_DATA"]) / "arena"
    mtbench = arena.parent / "mtbench" / "battles.csv"
    train = read_training(arena / "train.csv")
    baselines = _baselines(train, seeds)
    sys.stdout.write(f"{HEADER}\n")
    for name, result in baselines.items():
        _print(name, result, baselines, train)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            ids = train.battles["id"]
            result = _run(EXPERIMENTS[name], seeds, arena, Path(folder), ids, cache)
        _print(name, result, baselines, train)
        if result.transfer:
            _print_transfer(name, result, train, mtbench)
    return 0


def _arguments() -> tuple[list[str], list[int], Path | None]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(EXPERIMENTS)}")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="of counts and vectors")
    arguments = parser.parse_args()
    names = arguments.names or list(EXPERIMENTS)
    if unknown := set(names) - set(EXPERIMENTS):
        parser.error(f"no such experiment: {', '.join(sorted(unknown))}")
    return list(names), list(arguments.seeds), arguments.cache


def _baselines(train: ReadBattles, seeds: list[int]) -> dict[str, Result]:
    """Return the baselines in the folds that the seeds give."""
    y, group = train.y, train.battles["group"]
    runs = [
        baseline_predictions(train.battles, y, make_folds(y, group, seed=seed)) for seed in seeds
    ]
    return {name: Result([run[name] for run in runs]) for name in runs[0]}


def _run(
    experiment: Experiment,
    seeds: list[int],
    arena: Path,
    folder: Path,
    ids: pd.Series,
    cache: Path | None,
) -> Result:
    """Fit with each seed in a process of its own, whose time and memory its report holds."""
    mtbench = arena.parent / "mtbench" / "battles.csv"
    files = _files(experiment.extra, arena, folder)
    proba, seconds, memory, transfer = [], [], [], []
    for seed in seeds:
        output = folder / str(seed)
        settings = [f"--set={setting}" for setting in experiment.settings]
        preset = ["--preset", experiment.preset]
        kept = ["--cache", str(cache or folder / "cache")]
        command = [sys.executable, "-m", "pipelines.fit", *kept, *files, *preset, *settings]
        _call([*command, "--seed", str(seed), "--output", str(output)])
        report = json.loads((output / "report.json").read_text())
        seconds.append(sum(report["seconds"].values()))
        memory.append(report["peak_memory_mb"])
        oof = pd.read_csv(output / "oof.csv", dtype={"id": str}).set_index("id")
        proba.append(oof.loc[ids.to_numpy(dtype=object), list(WINNER_COLUMNS)].to_numpy())
        if experiment.transfer:
            predicted = folder / f"{seed}.csv"
            predict = [sys.executable, "-m", "pipelines.predict", str(output), *kept]
            _call([*predict, "--test", str(mtbench), "--output", str(predicted)])
            transfer.append(pd.read_csv(predicted, dtype={"id": str}).set_index("id"))
    return Result(proba, float(np.mean(seconds)), max(memory), transfer)


def _call(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _files(extra: str, arena: Path, folder: Path) -> list[str]:
    train, more = arena / "train.csv", arena / "extra.csv"
    if extra == "joined":
        joined = folder / "joined.csv"
        rows = pd.concat(
            [pd.read_csv(path, dtype=str, keep_default_na=False) for path in (train, more)]
        )
        rows.to_csv(joined, index=False)
        return ["--train", str(joined)]
    return ["--train", str(train), *(["--extra", str(more)] if extra == "extra" else [])]


def _print_transfer(name: str, result: Result, train: ReadBattles, mtbench: Path) -> None:
    """Print how the runs fare on MT-Bench, none of whose battles they were fitted on."""
    battles = read_training(mtbench)
    y, group = battles.y, battles.battles["group"].to_numpy(dtype=object)
    length = LengthFeatures(("characters_log_sum",), sides=("diff",), bucketed=())
    regression = LengthRegression().fit(length.fit_transform(train.battles).to_numpy(), train.y)
    ids = battles.battles["id"].to_numpy(dtype=object)
    asked = [table.loc[ids, list(WINNER_COLUMNS)].to_numpy() for table in result.transfer]
    alone = [regression.predict_proba(length.transform(battles.battles).to_numpy())] * len(
        result.transfer
    )
    gap = paired_difference(y, asked, alone, group)
    for who, proba in ((name, asked), ("length alone", alone)):
        loss = np.mean([log_loss(y, p) for p in proba])
        auc = np.mean([direction_auc(y, p) for p in proba])
        sys.stdout.write(f"\n{who} on MT-Bench: log loss {loss:.4f}, A/B AUC {auc:.4f}")
    sys.stdout.write(
        f"\ndifference {gap['value']:+.4f} [{gap['low']:+.4f}, {gap['high']:+.4f}], "
        f"{len(y):,} battles, {len(np.unique(group))} prompts\n\n"
    )


def _print(name: str, result: Result, baselines: dict[str, Result], train: ReadBattles) -> None:
    y, group = train.y, train.battles["group"].to_numpy(dtype=object)
    losses = [log_loss(y, proba) for proba in result.proba]
    uniform = [np.full((len(y), 3), 1 / 3)] * len(result.proba)
    against_uniform = paired_difference(y, result.proba, uniform, group)
    low, high = (against_uniform[side] + np.log(3) for side in ("low", "high"))
    gap = paired_difference(y, result.proba, baselines["length alone"].proba, group)
    means = [
        np.mean([METRICS[metric].function(y, proba) for proba in result.proba])
        for metric in ("direction_auc", "direction_log_loss", "tie_auc")
    ]
    cells = [
        name,
        f"{np.mean(losses):.4f}",
        f"{low:.3f}–{high:.3f}",
        " ".join(f"{loss:.4f}" for loss in losses),
        f"{gap['value']:+.4f} [{gap['low']:+.4f}, {gap['high']:+.4f}]",
        *(f"{mean:.4f}" for mean in means),
        f"{result.seconds:.0f}" if result.seconds else "",
        f"{result.memory_mb:.0f}" if result.memory_mb else "",
    ]
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
