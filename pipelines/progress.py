"""What a person sees while a run works: bars with rates on a terminal, log lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Advance = Callable[[int], None]
LOG_EVERY = 10.0  # seconds between log lines of one step
RATED = 100  # units from which on a rate is worth reading


def tell(console: Console, line: str) -> None:
    """Print a line as it stands, whatever a path in it looks like."""
    console.print(line, highlight=False, markup=False, soft_wrap=True)


class Steps:
    """The steps of a run, shown while they last and timed for the report.

    Parameters
    ----------
    console : rich.console.Console

    Attributes
    ----------
    seconds : dict of str to float
        Wall-clock time of each step so far.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(
        self, title: str, total: int | None = None, unit: str = "battles"
    ) -> Iterator[Advance]:
        """Show a step; yields a function to call with each number of units that are done."""
        counted = _Counted(self.console, title, unit)
        start = time.perf_counter()
        if self.console.is_terminal:
            with _bar(self.console) as bar:
                task = bar.add_task(title, total=total)
                yield counted.showing(lambda done: bar.advance(task, done))
        else:
            yield lambda done: counted.add_and_log(done, total)
        seconds = time.perf_counter() - start
        self.seconds[title] = self.seconds.get(title, 0.0) + seconds
        tell(self.console, f"{title}: {counted.summary(seconds)}")


class _Counted:
    """Units done so far, and when they were last logged."""

    def __init__(self, console: Console, title: str, unit: str) -> None:
        self.console, self.title, self.unit = console, title, unit
        self.done = 0
        self.started = self.logged = time.perf_counter()

    def add(self, done: int) -> None:
        self.done += done

    def showing(self, show: Advance) -> Advance:
        """Return a function that counts and shows."""

        def advance(done: int) -> None:
            self.add(done)
            show(done)

        return advance

    def add_and_log(self, done: int, total: int | None) -> None:
        self.add(done)
        if time.perf_counter() - self.logged > LOG_EVERY:
            of = f" of {total:,}" if total else ""
            spent = time.perf_counter() - self.started
            tell(self.console, f"{self.title}: {self.done:,}{of} {self.unit} in {spent:.0f} s …")
            self.logged = time.perf_counter()

    def summary(self, seconds: float) -> str:
        """Return what was done, in how long, and the rate where that means something.

        >>> _Counted(Console(), "read", "battles").summary(0.5)
        '0.5 s'
        """
        if not self.done:
            return f"{seconds:.1f} s"
        rate = f", {self.done / seconds:,.0f} a second" if self.done >= RATED and seconds else ""
        return f"{self.done:,} {self.unit} in {seconds:.1f} s{rate}"


class _Rate(ProgressColumn):
    """Units per second, once there are enough of them to tell."""

    def render(self, task: Task) -> Text:
        return Text("" if not task.speed else f"{task.speed:,.1f}/s")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
