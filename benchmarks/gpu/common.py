"""What the steps on a GPU share: the flag ``--small``, and the card's memory."""

import argparse
import subprocess
from threading import Event, Thread
from types import TracebackType
from typing import Self

USED = ("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0")


def small_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser of a step's flags, of which each has ``--small``."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--small", action="store_true", help="to see that it runs")
    return parser


class CardMemory:
    """The most memory of the first card that was in use meanwhile, in MB, others' included.

    As ``nvidia-smi`` tells it, twice a second; 0 where there is none.
    """

    def __enter__(self) -> Self:
        self.most_mb = 0.0
        self._over = Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            try:
                told = subprocess.run(USED, capture_output=True, text=True, check=True).stdout
            except (OSError, subprocess.CalledProcessError):
                return
            self.most_mb = max(self.most_mb, float(told) * 2**20 / 1e6)
