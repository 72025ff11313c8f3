"""What a person sees while a run works: bars with rates on a terminal, log lines elsewhere."""

import time
from collections.abc import Callable, Iterable, Iterator
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


class Step:
    """Units done so far, out of how many, and when they were last logged.

    Attributes
    ----------
    note : str
        What else is worth a look at the moment.
    rated : int
        Units from which on their rate, and the time that is left, are shown.
    """

    def __init__(self, console: Console, title: str, total: int | None, unit: str) -> None:
        self.console, self.title, self.total, self.unit = console, title, total, unit
        self.done = self.found = 0
        self.note, self.rated = "", RATED
        self.started = self.logged = time.perf_counter()
        self.show: Callable[[], None] = lambda: None

    def __call__(self, done: int) -> None:
        """Count units that are done, and show it."""
        self.done += done
        self.show()

    def take_up(self, done: int) -> None:
        """Count units that were done before: they say nothing of the rate."""
        self.found += done
        self(done)

    def expect(self, total: int) -> None:
        """Say of how many units these are, as far as is known by now."""
        self.total = total

    def log(self) -> None:
        """Write a line, if the last one was long ago."""
        if time.perf_counter() - self.logged > LOG_EVERY:
            of = f" of {self.total:,}" if self.total else ""
            spent = time.perf_counter() - self.started
            done = f"{self.done:,}{of} {self.unit} in {spent:.0f} s"
            note = f"; {self.note}" if self.note else ""
            tell(self.console, f"{self.title}: {done}{self._left(spent)}{note} …")
            self.logged = time.perf_counter()

    def _left(self, spent: float) -> str:
        """Return the rate and the time that is left, where they are known."""
        own = self.done - self.found
        if not self.total or own < self.rated:
            return ""
        left = max(self.total - self.done, 0) * spent / own
        rate = f", {own / spent:,.0f} a second" if own >= spent else ""
        return f"{rate}, {left:.0f} s left"

    def summary(self, seconds: float) -> str:
        """Return what was done, in how long, and the rate where that means something.

        >>> Step(Console(), "read", None, "battles").summary(0.5)
        '0.5 s'
        """
        if not self.done:
            return f"{seconds:.1f} s"
        rate = f", {self.done / seconds:,.0f} a second" if self.done >= RATED and seconds else ""
        return f"{self.done:,} {self.unit} in {seconds:.1f} s{rate}"


class Steps:
    """The steps of a run, shown while they last and timed for the report.

    Parameters
    ----------
    console : rich.console.Console
    part : str, optional
        What this is a part of a longer work as: each line begins with it.

    Attributes
    ----------
    seconds : dict of str to float
        Wall-clock time of each step so far.
    """

    def __init__(self, console: Console, part: str | None = None) -> None:
        self.console, self.part = console, part
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, title: str, total: int | None = None, unit: str = "battles") -> Iterator[Step]:
        """Show a step; yields what to call with each number of units that are done."""
        shown = self._named(title)
        step = Step(self.console, shown, total, unit)
        if self.console.is_terminal:
            with _bar(self.console) as bar:
                task = bar.add_task(shown, total=total, note="")
                step.show = lambda: bar.update(
                    task, completed=step.done, total=step.total, note=step.note
                )
                yield step
        else:
            step.show = step.log
            yield step
        seconds = time.perf_counter() - step.started
        self.seconds[title] = self.seconds.get(title, 0.0) + seconds
        tell(self.console, f"{shown}: {step.summary(seconds)}")

    def lines(self, title: str, unit: str) -> Step:
        """Return what writes a log line now and then, within a step that is shown already."""
        step = Step(self.console, self._named(title), None, unit)
        step.show = step.log
        return step

    def tell(self, line: str) -> None:
        """Print a line as it stands, beside those of the steps."""
        tell(self.console, self._named(line))

    def tell_all(self, lines: Iterable[str]) -> None:
        """Print lines, see `tell`."""
        for line in lines:
            self.tell(line)

    def _named(self, line: str) -> str:
        return line if self.part is None else f"{self.part}: {line}"


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
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
    )
