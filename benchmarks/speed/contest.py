"""Two ways to train one tower, `models.tower`'s and a plain `Trainer`'s, on the same battles."""

import gc
from collections.abc import Callable
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.gpu.rates import wait_for
from benchmarks.speed.reference.trainer import Collator, Item, PlainTower, Plan, train_plainly
from benchmarks.tables import write, write_header, write_row
from features.encoding.batches import out_of_memory
from features.encoding.files import locate
from models.tower.device import Place
from models.tower.loaded import Loaded
from models.tower.material import Material
from models.tower.network import Network
from models.tower.settings import TowerSettings
from models.tower.states import StateStore
from models.tower.training import train
from models.tower.watch import Silent

CHECKED = 2  # steps whose losses are compared
TOLERANCE = {"fp32": 1e-4, "bf16": 2e-2}  # of a loss
PLAIN, OURS = "`Trainer`", "arenaboost"
COLUMNS = ("what", "tokens/s", "ratio", "tokens/CPU-s", "ratio")


class Clock:
    """Times the steps of a training after the first, which warms up."""

    def __init__(self, device: str, steps: int) -> None:
        self.device, self.steps = device, steps
        self.wall = self.cpu = 0.0

    def __call__(self, step: int) -> None:
        """Hear that a step is done, from 1."""
        if step in (1, self.steps):
            wait_for(self.device)
            sign = -1 if step == 1 else 1
            self.wall += sign * perf_counter()
            self.cpu += sign * process_time()


class Heard(Silent):
    """Hears of steps: their losses, and their ends for a clock. What is not asked for is shown."""

    def __init__(self, clock: Callable[[int], None]) -> None:
        self.clock = clock
        self.losses: list[float] = []

    def say(self, line: str) -> None:
        """Print a line."""
        write(f"{OURS}: {line}\n")

    def trained(self, step: int, steps: int, loss: float) -> None:
        """Note a step."""
        self.losses.append(loss)
        self.clock(step)


class Rate(NamedTuple):
    """Seconds of a training, by the clock and by the processor, and the losses of its steps."""

    wall: float
    cpu: float
    losses: list[float]

    def cells(self, tokens: int, plain: "Rate | None" = None) -> list[str]:
        """Return rates, and how many times those of another they are, as they stand in a table."""
        found = []
        for own, other in zip(self[:2], (plain or self)[:2], strict=True):
            found += [f"{tokens / own:,.0f}", f"{other / own:.2f}" if plain else ""]
        return found

    def best(self, other: "Rate | None") -> "Rate":
        """Return the less of the seconds of two."""
        if other is None:
            return self
        return self._replace(wall=min(self.wall, other.wall), cpu=min(self.cpu, other.cpu))


class Contest(NamedTuple):
    """Two ways to train one tower on the same battles.

    Attributes
    ----------
    material : Material
    y : ndarray of int8, shape (n_battles,)
    rows : ndarray of intp, shape (n_rows,)
        In the order in which they are trained on.
    at_once : int
        Battles of a forward pass of the plain one.
    """

    material: Material
    y: NDArray[np.int8]
    rows: NDArray[np.intp]
    at_once: int

    @property
    def settings(self) -> TowerSettings:
        """What is trained."""
        return self.material.loaded.settings

    @property
    def timed(self) -> NDArray[np.intp]:
        """Rows of the steps that are timed."""
        return self.rows[self.settings.batch :]

    @property
    def tokens(self) -> int:
        """Of text in these."""
        return int(self.material.tokens(self.timed).sum())

    def ours(self) -> Rate:
        """Train with `models.tower`."""
        device = self.material.place.device.type
        steps = -(-len(self.rows) // self.settings.batch)
        clock = Clock(device, steps)
        heard = Heard(clock)
        train(self.material, self.y, self._unordered(), watch=heard, epochs=1.0)
        return Rate(clock.wall, clock.cpu, heard.losses)

    def _unordered(self) -> NDArray[np.intp]:
        """Return rows that the first epoch draws into the order of `rows`."""
        order = np.random.default_rng([self.settings.seed, 0]).permutation(len(self.rows))
        found = np.empty_like(self.rows)
        found[order] = self.rows
        return found

    def plain(self) -> Rate:
        """Train with `Trainer`."""
        settings, place = self.settings, self.material.place
        folder = locate(settings.backbone)
        tower = PlainTower(folder, dropout=settings.dropout, train_layers=settings.train_layers)
        tower.classifier.load_state_dict(first_classifier(self.material))
        device = place.device.type
        clock = Clock(device, -(-len(self.rows) // settings.batch))
        plan = Plan(
            settings.batch,
            settings.learning_rate,
            settings.weight_decay,
            device,
            place.precision == "bf16",
            self.at_once,
        )
        losses = train_plainly(tower, self.items(), plan, Collator(folder), clock)
        del tower
        _free(device)
        steps = [np.mean(part) for part in np.array_split(losses, clock.steps)]
        return Rate(clock.wall, clock.cpu, [float(loss) for loss in steps])

    def items(self) -> list[Item]:
        """Return the battles as the plain one takes them."""
        sequences = self.material.sequences
        pieces = [piece.tolist() for piece in sequences.pieces]
        return [
            Item(pieces[sequences.first[row]], pieces[sequences.second[row]], int(self.y[row]))
            for row in self.rows
        ]

    def padding(self) -> float:
        """Return the tokens that the plain one computes for each of text."""
        collator = Collator(locate(self.settings.backbone))
        items = self.items()
        for start in range(0, len(items), self.at_once):
            collator(items[start : start + self.at_once])
        return collator.computed / collator.own


def contest_of(
    settings: TowerSettings,
    battles: pd.DataFrame,
    y: NDArray[np.int8],
    device: str,
    states: StateStore | None = None,
) -> Contest:
    """Read battles for both, without the states of frozen layers."""
    place = Place.of(device, settings.precision)
    loaded = Loaded.of(settings, place, Heard(lambda step: None))
    material = Material.read(loaded, place, battles, states=states)
    return Contest(material, y, np.arange(len(y)), settings.batch)


class Outcome(NamedTuple):
    """Whether both have the same losses without dropout, and the rates of both by name."""

    agreed: bool
    rates: dict[str, Rate]


def write_contest(contest: Contest, repeats: int, *, check: bool = True) -> Outcome:
    """Print a table of both."""
    agreed = True
    if check:
        contest, agreed = _checked(contest)
    found: dict[str, Rate] = {}
    for _ in range(repeats):
        for name, run in ((PLAIN, contest.plain), (OURS, contest.ours)):
            found[name] = run().best(found.get(name))
    write(f"Tokens computed for each of text by {PLAIN}: {contest.padding():.2f}\n")
    write_header(COLUMNS)
    for name, rate in found.items():
        write_row([name, *rate.cells(contest.tokens, found[PLAIN])])
    return Outcome(agreed, found)


def _checked(contest: Contest) -> tuple[Contest, bool]:
    """Compare losses, and find how many battles the plain one can take at once."""
    settings = contest.settings.model_copy(update={"dropout": 0.0})
    loaded = contest.material.loaded._replace(settings=settings)
    rows = contest.rows[: CHECKED * settings.batch]
    few = contest._replace(material=contest.material._replace(loaded=loaded), rows=rows)
    ours = few.ours().losses
    while True:
        try:
            plain = few.plain().losses
            break
        except RuntimeError as error:
            if not out_of_memory(error) or few.at_once == 1:
                raise
        few = few._replace(at_once=few.at_once // 2)
        write(f"memory ran out: {PLAIN} takes {few.at_once} battles at once from now\n")
    gap = max(abs(own - other) for own, other in zip(ours, plain, strict=True))
    write(f"Losses of {CHECKED} steps without dropout differ by {gap:.1e}")
    limit = TOLERANCE[contest.material.place.precision]
    return contest._replace(at_once=few.at_once), gap <= limit


def _free(device: str) -> None:
    """Give memory back that a `Trainer` holds in a circle of references."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def first_classifier(material: Material) -> dict[str, Tensor]:
    """Return the weights that the head of our tower starts from."""
    network = Network(material.loaded.settings, material.loaded.parts.upper)
    return dict(network.head.fusion.classifier.state_dict())
