"""The training of a tower: steps, evaluations on an inner split, checkpoints that resume."""

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from features.sides import Array
from models.heads import Labels, probabilities
from models.measures import metrics
from models.tower.checkpoint import (
    Checkpoint,
    Checkpoints,
    Nowhere,
    optimiser_tensors,
    restore_optimiser,
)
from models.tower.errors import TowerError
from models.tower.gradient import Gradient, Taught
from models.tower.logits import TieWidth, difference, direction_and_tie
from models.tower.material import Material
from models.tower.network import Network
from models.tower.numeric import Scale
from models.tower.optimiser import clip_gradient, make_optimiser, schedule, set_rates
from models.tower.split import inner_split
from models.tower.tower import Tower, raw_scores
from models.tower.watch import Silent, Watch
from models.tower.world import World

Rows = NDArray[np.intp]
KEEP_EVERY = 300.0  # seconds between checkpoints
PATIENCE = 50  # steps in a row whose loss may not be finite while fp16 looks for its scale


class Trained(NamedTuple):
    """A tower, and how it came about.

    Attributes
    ----------
    tower : Tower
    epochs : float
        After how many its weights were the best.
    history : list of dict
        An evaluation on the inner split each: ``step``, ``epoch``, ``loss`` (the mean of the steps
        before), ``log_loss``, ``accuracy``, ``precision``, ``recall``, ``f1``.
    tokens : int
        Of text that were trained on, evaluations apart.
    seconds : float
    """

    tower: Tower
    epochs: float
    history: list[dict[str, Any]]
    tokens: int
    seconds: float


def train(
    material: Material,
    y: Labels,
    rows: Rows,
    *,
    checkpoints: Checkpoints | None = None,
    watch: Watch | None = None,
    world: World | None = None,
    epochs: float | None = None,
    soft: Array | None = None,
) -> Trained:
    """Fine-tune a tower.

    Parameters
    ----------
    material : Material
    y : ndarray of int8, shape (n_battles,)
        Of all battles of the material.
    rows : ndarray of intp, shape (n_rows,)
        Those to train on, none of which is scored with what comes of it.
    checkpoints : Checkpoints, optional
        Where the unfinished training is kept; what lies there is gone on with.
    watch : Watch, optional
    world : World, optional
        The processes that train together.
    epochs : float, optional
        Train so many on all rows, rather than choose by rows that are held out.
    soft : ndarray of float64, shape (n_battles, 3), optional
        Another model's probabilities of A, B and tie, NaN in a row that has none: what `distill`
        of the settings asks for. They should be of a model that had not seen the row.

    Raises
    ------
    TowerError
        There are no plain rows to train on or to choose by, a loss is not finite, a single battle
        does not fit into the device's memory, or soft labels are asked for and not given.
    """
    if (soft is not None) != (material.loaded.settings.distill > 0):
        raise TowerError(
            "distill: expected soft labels where it is above 0, and none where it is 0. Got "
            f"{material.loaded.settings.distill:g} {'without' if soft is None else 'with'} them."
        )
    training = Training(
        material,
        y,
        *inner_split(material, y, rows, held_out=epochs is None),
        checkpoints or Nowhere(),
        watch or Silent(),
        world or World(),
        soft,
    )
    return training.run(epochs)


@dataclass
class Training:
    """One training: what `train` makes and runs."""

    material: Material
    y: Labels
    rows: Rows
    inner: Rows
    checkpoints: Checkpoints
    watch: Watch
    world: World
    soft: Array | None = None
    step: int = 0
    tokens: int = 0
    spent: float = 0.0
    losses: list[float] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_step: int = 0
    lost: int = 0  # steps in a row whose loss was not finite

    def __post_init__(self) -> None:
        """Make the network with its first weights, and what moves it."""
        self.settings = self.material.loaded.settings
        place = self.material.place
        self.scale = Scale.of(self.material.numbers[self.rows])
        self.numbers = self.scale(self.material.numbers)
        self.network = Network(self.settings, self.material.loaded.parts.upper).to(place.device)
        for weight in self._trained():  # a process without rows has a gradient to add all the same
            weight.grad = torch.zeros_like(weight)
        self.optimiser = make_optimiser(self.network, self.settings)
        self.scaler = torch.amp.GradScaler(enabled=place.precision == "fp16" and place.on_card)
        taught = Taught(self.material, self.numbers, self.y, self.soft, self.rows)
        self.gradient = Gradient(
            taught, self.network, self._trained(), self.scaler, self.watch, self.world
        )
        self.steps_an_epoch = -(-len(self.rows) // self.settings.batch)
        self.steps = self.settings.epochs * self.steps_an_epoch
        self.rate = schedule(self.settings, self.steps)

    def run(self, epochs: float | None) -> Trained:
        """Train to the end, or for so many epochs, from where it stands."""
        self._resume()
        began, kept = time.perf_counter() - self.spent, time.perf_counter()
        last = self.steps if epochs is None else max(round(epochs * self.steps_an_epoch), 1)
        while self.step < last:
            self._one_step(last)
            self.spent = time.perf_counter() - began
            evaluated = epochs is None and self._is_due()
            if evaluated:
                self._evaluate()
            if self.world.broadcast(evaluated or time.perf_counter() - kept > KEEP_EVERY):
                self._keep()
                kept = time.perf_counter()
        if self.best:
            self.network.learn(self.best)
        tower = Tower(
            self.material.loaded, self.network, self.scale, self._width(), self.material.place
        )
        done = (self.best_step if self.best else self.step) / self.steps_an_epoch
        return Trained(tower, done, self.history, self.tokens, self.spent)

    def _is_due(self) -> bool:
        every = self.settings.evaluate_every
        at_end = self.step == self.steps
        if every:
            return self.step % every == 0 or at_end
        return self.step % self.steps_an_epoch == 0

    def _rows_of_step(self) -> Rows:
        """Return the battles of the next step, in an order that each epoch draws anew."""
        epoch, place = divmod(self.step, self.steps_an_epoch)
        order = np.random.default_rng([self.settings.seed, epoch]).permutation(len(self.rows))
        start = place * self.settings.batch
        return self.rows[order[start : start + self.settings.batch]]

    def _one_step(self, last: int) -> None:
        rows = self._rows_of_step()
        set_rates(self.optimiser, self.rate(self.step))
        self.network.train()
        perturbed = self.step >= self.settings.awp_from * self.steps_an_epoch
        loss, tokens = self.gradient(rows, self.step, perturbed=perturbed)
        self.scaler.unscale_(self.optimiser)
        if self.settings.clip:
            clip_gradient(self._trained(), self.settings.clip, self.settings.clip_by)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.lost = 0 if np.isfinite(loss) else self.lost + 1
        if self.lost > (PATIENCE if self.scaler.is_enabled() else 0):
            raise TowerError(
                f"step {self.step + 1}: the loss is {loss}. Lower learning_rate, or set clip."
            )
        self.step += 1
        self.tokens += tokens
        self.losses.append(loss)
        self.watch.read(tokens)
        self.watch.trained(self.step, last, loss)

    def _trained(self) -> list[torch.nn.Parameter]:
        return [weight for weight in self.network.parameters() if weight.requires_grad]

    def _evaluate(self) -> None:
        """Judge the weights by the rows that are held out, and keep the best ones."""
        first, second = raw_scores(self.network, self.material, self.inner, self.scale)
        width = self._fitted_width(first, second)
        proba = probabilities(*direction_and_tie(first, second, width))
        y = self.y[self.inner]
        row = {
            "step": self.step,
            "epoch": self.step / self.steps_an_epoch,
            "loss": float(np.mean(self.losses)),
            "log_loss": float(metrics.log_loss(y, proba)),
            "accuracy": float(metrics.accuracy(y, proba)),
            "precision": float(metrics.precision(y, proba)),
            "recall": float(metrics.recall(y, proba)),
            "f1": float(metrics.f1(y, proba)),
        }
        if not np.isfinite(proba).all():
            raise TowerError(
                f"step {self.step}: the logits are not finite. Lower learning_rate, or set clip."
            )
        row = self.world.broadcast(row)  # one judgement for all, whatever the last bits are
        better = not self.history or row["log_loss"] < min(r["log_loss"] for r in self.history)
        if better:
            state = self.network.learned()
            self.best = {name: own.detach().cpu().clone() for name, own in state.items()}
            self.best_step = self.step
        self.history.append(row)
        self.losses = []
        self.watch.evaluated(row)

    def _width(self) -> TieWidth | None:
        """Return the tie width of a ranking, fitted on the rows that it was chosen by."""
        rows = self.inner if len(self.inner) else self.rows[self.material.plain[self.rows]]
        if not self.settings.fits_width:
            return None
        return self._fitted_width(*raw_scores(self.network, self.material, rows, self.scale), rows)

    def _fitted_width(
        self, first: NDArray[np.float64], second: NDArray[np.float64], rows: Rows | None = None
    ) -> TieWidth | None:
        if not self.settings.fits_width:
            return None
        judged = self.inner if rows is None else rows
        return TieWidth.fit(difference(first, second), self.y[judged])

    def _keep(self) -> None:
        """Write where it stands."""
        if not self.world.main:
            return
        weights = {f"weight.{name}": own for name, own in self.network.learned().items()}
        best = {f"best.{name}": own for name, own in self.best.items()}
        told = {
            name: getattr(self, name)
            for name in ("step", "tokens", "spent", "losses", "history", "best_step")
        }
        told |= {"tokens_at_once": self.gradient.tokens_at_once}
        told |= {"scaler": self.scaler.state_dict()}
        tensors = weights | best | optimiser_tensors(self.optimiser)
        self.checkpoints.write(Checkpoint(tensors, told).dump())

    def _resume(self) -> None:
        """Go on from what was written, where anything was."""
        content = self.world.broadcast(self.checkpoints.read() if self.world.main else None)
        if content is None:
            return
        found = Checkpoint.load(content)
        self.network.learn(found.under("weight."))
        self.best = found.under("best.")
        restore_optimiser(self.optimiser, found.under("optimiser."))
        told = dict(found.told)
        self.scaler.load_state_dict(told.pop("scaler"))
        self.gradient.tokens_at_once = told.pop("tokens_at_once")
        for name, value in told.items():
            setattr(self, name, value)
