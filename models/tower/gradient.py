"""The gradient of a step, left in the weights: micro-batch by micro-batch, as memory allows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from features.encoding.batches import out_of_memory
from features.sides import Array
from models.heads import Labels
from models.tower.errors import TowerError
from models.tower.losses import Raw, Targets, loss_of
from models.tower.material import Material
from models.tower.micro import batch_of, cut, share_of
from models.tower.network import Batch, Network
from models.tower.perturbation import Perturbation
from models.tower.virtual import Virtual
from models.tower.watch import Watch
from models.tower.world import World

Rows = NDArray[np.intp]


class Taught(NamedTuple):
    """What a network learns from.

    Attributes
    ----------
    material : Material
    numbers : ndarray of float32, shape (n_battles, 2, n_statistics)
        Standardised.
    y : ndarray of int8, shape (n_battles,)
    soft : ndarray of float64, shape (n_battles, 3), or None
        Soft labels, NaN in a row that has none.
    rows : ndarray of intp, shape (n_rows,)
        That are trained on.
    """

    material: Material
    numbers: NDArray[np.float32]
    y: Labels
    soft: Array | None
    rows: Rows

    def targets(self, rows: Rows) -> Targets:
        """Return what became of some battles, on the device."""
        device = self.material.place.device
        soft = None if self.soft is None else torch.from_numpy(self.soft[rows]).float().to(device)
        return Targets(
            torch.from_numpy(self.y[rows].astype(np.int64)).to(device),
            torch.from_numpy(self.material.plain[rows]).to(device),
            soft,
            torch.from_numpy(self.material.weight[rows]).to(device),
        )

    def batch(self, rows: Rows) -> Batch:
        """Return some battles as the network takes them."""
        return batch_of(self.material, rows, self.numbers[rows])


class Gradient:
    """Leaves the gradient of a step in the weights.

    Parameters
    ----------
    taught : Taught
    network : Network
    weights : sequence of Parameter
        Those of the network that are trained, each of which has a gradient.
    scaler : GradScaler
    watch : Watch
    world : World

    Attributes
    ----------
    tokens_at_once : int
        Most tokens of a micro-batch: halved where memory runs out.
    """

    def __init__(
        self,
        taught: Taught,
        network: Network,
        weights: Sequence[nn.Parameter],
        scaler: torch.amp.GradScaler,
        watch: Watch,
        world: World,
    ) -> None:
        settings = taught.material.loaded.settings
        self.taught, self.network, self.weights = taught, network, weights
        self.scaler, self.watch, self.world, self.settings = scaler, watch, world, settings
        self.loss = loss_of(settings)
        self.tokens_at_once = settings.tokens
        self.step = 0
        self.perturbation = Perturbation(weights, settings.awp) if settings.awp else None
        self.virtual = Virtual.of(taught.material, taught.rows) if settings.vat else None

    def __call__(self, rows: Rows, step: int, *, perturbed: bool = True) -> tuple[float, int]:
        """Leave a step's gradient in the weights; return its loss, and its tokens.

        Parameters
        ----------
        rows : ndarray of intp
            Of the step, in all processes the same.
        step : int
            Its number, from which is drawn what is dropped.
        perturbed : bool
            Whether the gradient at perturbed weights joins it, where settings ask for one.
        """
        self.step = step
        totals = self._of_all(rows)
        if self.perturbation and perturbed:
            with self.perturbation.moved() as moved:
                if moved:
                    self._of_all(rows)
        return float(totals[0]), int(totals[1])

    def _of_all(self, rows: Rows) -> Tensor:
        """Leave the gradient of all processes' shares; return its loss and its tokens.

        Where memory runs out micro-batches are halved and the gradient is begun anew: part of it
        may be there already.
        """
        while (totals := self._of_own(rows)) is None:
            self._halve(rows)
        self.world.add([weight.grad for weight in self.weights if weight.grad is not None])
        self.world.add([totals])
        return totals

    def _of_own(self, rows: Rows) -> Tensor | None:
        """Return loss and tokens of this process's share, None where memory ran out."""
        try:
            return self._at_once(rows)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
        return None  # by now no error holds what the network had computed

    def _halve(self, rows: Rows) -> None:
        tokens = self.taught.material.tokens(rows)
        largest = int(tokens.max())
        place = self.taught.material.place
        if self.tokens_at_once <= largest:
            raise TowerError(
                f"a battle of {largest:,} tokens does not fit into the memory of {place.device}. "
                "Lower length, or set gradient_checkpointing=true."
            )
        # Halves of what is more than the whole step would change nothing.
        self.tokens_at_once = max(min(self.tokens_at_once, int(tokens.sum())) // 2, largest)
        if place.on_card:
            torch.cuda.empty_cache()
        self.watch.say(f"memory ran out: micro-batches of {self.tokens_at_once:,} tokens from now")

    def _at_once(self, rows: Rows) -> Tensor:
        self.network.zero_grad(set_to_none=False)
        own = share_of(rows, self.world.rank, self.world.size)
        totals = torch.zeros(2, dtype=torch.float64)  # loss, tokens
        weight = self._weight_of(rows)
        tokens = self.taught.material.tokens(own)
        for number, part in enumerate(cut(tokens, self.tokens_at_once)):
            batch = self.taught.batch(own[part])
            loss = self._of_part(batch, self.taught.targets(own[part]), weight, number)
            totals += torch.tensor([loss, float(sum(batch.packs.lengths))])
        return totals

    def _of_part(self, batch: Batch, targets: Targets, weight: float, number: int) -> float:
        """Add the gradient of a micro-batch; return its part of the step's loss."""

        def run(given: Batch) -> Raw:
            self._seed_dropout(number)
            with self.taught.material.place.autocast():
                raw: Raw = self.network(given)
            return raw

        raw = run(batch)
        losses, weights = self.loss(raw, targets)  # (n,), (n,)
        loss = (losses * weights).sum() / weight  # of the whole step
        self.scaler.scale(loss).backward()
        found = loss.item()
        if self.virtual:
            embeddings = self.network.upper.network.get_input_embeddings()
            away = self.virtual.divergence(
                run, embeddings, batch, raw, self.step, self.scaler.scale
            )  # (n,)
            loss = self.settings.vat * (away * weights).sum() / weight
            self.scaler.scale(loss).backward()
            found += loss.item()
        return found

    def _weight_of(self, rows: Rows) -> float:
        """Return what the losses of a step are divided by, on whichever cards its rows lie."""
        plain, decided = self.taught.material.plain[rows], self.taught.y[rows] != 2
        drawn = np.where(plain, 1.0, self.settings.extra_weight * decided)
        return float((drawn * self.taught.material.weight[rows]).sum())

    def _seed_dropout(self, number: int) -> None:
        """Let what is dropped depend on the step alone, so that a resumed run drops the same."""
        key = [self.settings.seed, self.step, self.world.rank, number]
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))
