"""Boosting on a GPU against the CPU: ``python -m benchmarks.gpu.boosting [--learner NAME]``.

XGBoost on CUDA, or LightGBM through OpenCL. One million decided battles by default, structural
columns, the direction head of that learner alone, a fixed number of rounds; out of sample on a
fifth of the prompts. So that the rows are there in
seconds, fewer battles are generated and each stands several times, every number of it made greater
or smaller by up to a hundredth; what comes of one battle stays in one fold. Prints seconds, memory
and log loss on each device; the log losses must differ by less than 0.001.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray
from sklearn.pipeline import FeatureUnion

from benchmarks.gpu.common import CardMemory, small_parser
from benchmarks.tables import write, write_header, write_row
from data.battles import read_training
from data.folds import hash_folds
from data.labels import TIE
from data.synthetic.generate import write_battles
from features.families.length import LengthFeatures
from features.families.style import StyleFeatures
from features.families.turns import TurnFeatures
from features.sides import Swap
from models.device import DeviceError, check_lightgbm, find_device
from models.heads import DirectionHead, direction_loss
from models.learners.contract import Learner, Model
from models.learners.lightgbm import LightGBMLearner
from models.learners.xgboost import XGBoostLearner
from models.parts import Fit, Lessons, Material, Part, Rows, fit_part, part_logits
from pipelines.report.content import peak_memory_mb

ROWS, SMALL_ROWS = 1_000_000, 4_000
BATTLES, ROUNDS, SMALL_ROUNDS = 50_000, 300, 10
HELD, NOISE, TOLERANCE = 0, 0.01, 1e-3


class Boosting(NamedTuple):
    """A library, what it uses a GPU through, and its learner for a device."""

    name: str
    gpu: str
    learner: Callable[[str], Learner]
    lack: Callable[[], str]  # why that GPU cannot be used; nothing if it can


class Found(NamedTuple):
    """What one device needed, and how good it got."""

    device: str
    fit: float
    predict: float
    loss: float
    card_mb: float

    def cells(self) -> list[str]:
        """Return a row of the table."""
        seconds = [f"{self.fit:.1f}", f"{self.predict:.1f}"]
        memory = [f"{peak_memory_mb():,.0f}", f"{self.card_mb:,.0f}"]
        return [self.device, *seconds, f"{self.loss:.5f}", *memory]


def lack_of_cuda() -> str:
    """Return why XGBoost cannot train on CUDA; nothing if it can."""
    found = find_device("auto")
    return "" if found.name == "cuda" else found.reason


def lack_of_opencl() -> str:
    """Return why LightGBM cannot train through OpenCL; nothing if it can."""
    try:
        check_lightgbm("gpu")
    except DeviceError as error:
        return str(error)
    return ""


LIBRARIES: dict[str, Boosting] = {
    "xgboost": Boosting("XGBoost", "cuda", lambda device: XGBoostLearner(), lack_of_cuda),
    "lightgbm": Boosting(
        "LightGBM", "gpu", lambda device: LightGBMLearner(device_type=device), lack_of_opencl
    ),
}


def main() -> int:
    """Print a Markdown table; return 1 where the devices do not agree."""
    parser = small_parser("benchmarks.gpu.boosting", __doc__)
    parser.add_argument("--learner", choices=list(LIBRARIES), default="xgboost")
    parser.add_argument("--rows", type=int, metavar="N")
    parser.add_argument("--threads", type=int, default=cpu_count(), metavar="N", help="on the CPU")
    options = parser.parse_args()
    started = time.perf_counter()
    rows, swap = made_rows(options.rows or (SMALL_ROWS if options.small else ROWS))
    seconds = time.perf_counter() - started
    rounds = SMALL_ROUNDS if options.small else ROUNDS
    held = int((rows.fold == HELD).sum())
    write(
        f"{len(rows.y):,} decided battles, {held:,} of them held out, {rows.X.shape[1]} columns "
        f"(made in {seconds:.0f} s), {rounds} rounds, {options.threads} threads\n"
    )
    write_header(("device", "fit, s", "predict, s", "A/B log loss", "MB so far", "MB of the card"))
    library = LIBRARIES[options.learner]
    lack = library.lack()
    devices = ("cpu",) if lack else (library.gpu, "cpu")
    found = [measured(library, each, rows, swap, rounds, options.threads) for each in devices]
    if lack:
        write(f"\nOwed: the line of a GPU. {lack}")
        return 0
    return _judged(library, *found)


def _judged(library: Boosting, gpu: Found, cpu: Found) -> int:
    gap = abs(gpu.loss - cpu.loss)
    write(f"\nThe log losses differ by {gap:.5f} (wanted: less than {TOLERANCE}).")
    if gpu.device != library.gpu:
        write(f"{library.name} was asked for {library.gpu} and took {gpu.device}.")
    return int(gap >= TOLERANCE or gpu.device != library.gpu)


def measured(
    library: Boosting, device: str, rows: Rows, swap: Swap, rounds: int, threads: int
) -> Found:
    """Fit on one device and predict what was held out, and print the row."""
    part = Part(library.name, library.learner(device), DirectionHead(), seed=0)
    few = rows.take(np.arange(len(rows.y)) < SMALL_ROWS)
    _fit(Fit(part, complexity=2), few, swap, device, threads)  # warms up
    held = rows.fold == HELD
    with CardMemory() as card:
        start = time.perf_counter()
        model = _fit(Fit(part, complexity=rounds), rows.take(~held), swap, device, threads)
        fitted = time.perf_counter()
        z = part_logits(part, model, rows.X[held], swap)["z"]
        predicted = time.perf_counter()
    loss = direction_loss(z, rows.y[held])
    found = Found(model.device, fitted - start, predicted - fitted, loss, card.most_mb)
    write_row(found.cells())
    return found


def _fit(fit: Fit, rows: Rows, swap: Swap, device: str, threads: int) -> Model:
    lessons = Lessons([fit], Material(rows, swap))
    return fit_part(fit, lessons, swap=swap, threads=threads, device=device)


def made_rows(n: int) -> tuple[Rows, Swap]:
    """Return decided battles with their structural columns."""
    with tempfile.TemporaryDirectory() as folder:
        write_battles(Path(folder), min(n, BATTLES), seed=1)
        read = read_training(Path(folder) / "train.csv")
    families = FeatureUnion(
        [(f.name, f()) for f in (LengthFeatures, TurnFeatures, StyleFeatures)],
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    columns = families.fit_transform(read.battles)
    group = read.battles["group"].to_numpy(dtype=object)
    source = np.resize(np.flatnonzero(read.y != TIE), n)
    ones = np.ones(n)
    rows = Rows(
        X=_blurred(columns.to_numpy(dtype=np.float32), source),
        y=read.y[source],
        plain=ones.astype(np.bool_),
        weight=ones,
        length=ones,
        fold=hash_folds(group, n_folds=5)[source],
    )
    return rows, Swap(list(columns.columns))


def _blurred(X: NDArray[np.float32], source: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return rows of X, every number made greater or smaller by up to `NOISE` of it."""
    blurred = np.take(X, source, axis=0)
    noise = np.random.default_rng(0).random(blurred.shape, dtype=np.float32)
    blurred *= 1.0 + NOISE * (2.0 * noise - 1.0)
    return blurred


if __name__ == "__main__":
    sys.exit(main())
