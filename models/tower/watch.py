"""Whom a training tells what it does."""

from typing import Any, Protocol


class Watch(Protocol):
    """What is told while a tower is made; each method may be called often."""

    def say(self, line: str) -> None:
        """Hear of something that was not asked for: less memory than was thought, say."""

    def expect(self, tokens: int) -> None:
        """Hear how many tokens of text the frozen layers are about to read."""

    def read(self, tokens: int) -> None:
        """Hear of tokens of text that went through the network."""

    def trained(self, step: int, steps: int, loss: float) -> None:
        """Hear of an optimiser step: its number from 1, how many there are at most, its loss."""

    def evaluated(self, row: dict[str, Any]) -> None:
        """Hear of an evaluation on the inner split."""


class Silent:
    """A watch that keeps everything to itself."""

    def say(self, line: str) -> None:
        """Do nothing."""

    def expect(self, tokens: int) -> None:
        """Do nothing."""

    def read(self, tokens: int) -> None:
        """Do nothing."""

    def trained(self, step: int, steps: int, loss: float) -> None:
        """Do nothing."""

    def evaluated(self, row: dict[str, Any]) -> None:
        """Do nothing."""
