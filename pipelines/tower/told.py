"""What a training tells while it lasts: a line now and then, or a bar with a note."""

import time
from collections.abc import Callable
from typing import Any

from pipelines.command.progress import Step, tell

RATED = 3  # optimiser steps after which the time that is left is worth telling


class Told:
    """Hears what a training says, as `models.tower.watch.Watch`, and shows it within a step.

    Parameters
    ----------
    step : Step
        Counts optimiser steps, or tokens where that is its unit.
    memory : callable
        Returns the most memory that was held so far, in MB.

    Attributes
    ----------
    tokens : int
        Of text that went through the network.
    """

    def __init__(self, step: Step, memory: Callable[[], float]) -> None:
        self.step, self.memory = step, memory
        step.rated = RATED
        self.tokens = 0
        self.loss: float | None = None
        self.began = time.perf_counter()

    def expect(self, tokens: int) -> None:
        """Take over how many there are: tokens are counted while frozen layers read."""
        self.step.expect(tokens)

    def say(self, line: str) -> None:
        """Show it as it is."""
        tell(self.step.console, f"{self.step.title}: {line}")

    def read(self, tokens: int) -> None:
        """Count tokens of text that went through the network."""
        self.tokens += tokens
        self._show(tokens if self.step.unit == "tokens" else 0)

    def trained(self, step: int, steps: int, loss: float) -> None:
        """Count an optimiser step; those before the first that is heard of were done earlier."""
        self.loss = loss
        self.step.expect(steps)
        if not self.step.done:
            self.step.take_up(step - 1)
        self._show(step - self.step.done)

    def evaluated(self, row: dict[str, Any]) -> None:
        """Show how good it is on the inner split."""
        self.say(
            f"epoch {row['epoch']:.2f}, step {row['step']:,}: inner log loss "
            f"{row['log_loss']:.4f}, accuracy {row['accuracy']:.4f}"
        )

    def _show(self, done: int) -> None:
        spent = max(time.perf_counter() - self.began, 1e-9)
        loss = "" if self.loss is None else f"loss {self.loss:.4f}, "
        rate = f"{self.tokens / spent:,.0f} tokens a second, " * (self.step.unit != "tokens")
        self.step.note = f"{rate}{loss}{self.memory():,.0f} MB"
        self.step(done)
