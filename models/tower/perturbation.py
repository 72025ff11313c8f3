"""Adversarial weight perturbation: weights are moved to where the loss is higher, and back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Perturbation:
    """Moves each tensor w by ``radius * |w| * g / |g|`` along its gradient g, and takes it back.

    Wu, Xia and Wang 2020, "Adversarial weight perturbation helps robust generalization", whose
    ball of radius ``radius * |w|`` a tensor has here too: one step that ends on its edge. A tensor
    without a gradient stays, and so does one whose numbers are all 0.

    Parameters
    ----------
    weights : sequence of Parameter
        That are trained. Room for a copy of them and one of their gradients is taken at once, so
        that memory runs out while a micro-batch is computed or never.
    radius : float
    """

    def __init__(self, weights: Sequence[nn.Parameter], radius: float) -> None:
        self.weights, self.radius = list(weights), radius
        self.kept = [torch.empty_like(weight) for weight in self.weights]
        self.gradients = [torch.zeros_like(weight) for weight in self.weights]

    @contextmanager
    def moved(self) -> Iterator[bool]:
        """Hold the weights where the loss is higher; afterwards they are what they were, every bit.

        Their gradients at the end are those of before and what was left in them within, added: the
        published systems step along both. Yields whether anything was moved: a gradient that is
        not finite, as half precision has it while it looks for its scale, points nowhere, and is
        left as it is.
        """
        lengths = self._lengths()
        if not bool(torch.isfinite(lengths).all()):  # one number for the device to tell
            yield False
            return
        self._keep()
        try:
            self._move(lengths)
            yield True
        finally:
            self._restore()

    @torch.no_grad()
    def _lengths(self) -> Tensor:
        """Return the norms of all gradients, shape (n_tensors,)."""
        return torch.stack([gradient.norm() for gradient in self._current()])

    @torch.no_grad()
    def _keep(self) -> None:
        for kept, weight in zip(self.kept, self.weights, strict=True):
            kept.copy_(weight)
        for before, gradient in zip(self.gradients, self._current(), strict=True):
            before.copy_(gradient)

    @torch.no_grad()
    def _move(self, lengths: Tensor) -> None:
        for weight, gradient, length in zip(self.weights, self._current(), lengths, strict=True):
            step = torch.where(length > 0.0, self.radius * weight.norm() / length, 0.0)  # ()
            weight.add_(step * gradient)

    @torch.no_grad()
    def _restore(self) -> None:
        for weight, kept in zip(self.weights, self.kept, strict=True):
            weight.copy_(kept)
        for before, gradient in zip(self.gradients, self._current(), strict=True):
            gradient.add_(before)

    def _current(self) -> list[Tensor]:
        """Return the gradients, for each weight one."""
        found = [weight.grad for weight in self.weights]
        return [gradient for gradient in found if gradient is not None]
