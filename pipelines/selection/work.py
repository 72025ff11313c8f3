"""The work of a selection: without each fold and on all rows, each step kept as it is made."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from data.folds import training_rows
from features.columns import names_of, units_of
from features.sides import Array
from models.search import Step
from models.selection import ColumnSelector
from pipelines.command.progress import Steps
from pipelines.run.folder import UnfinishedRun
from pipelines.run.inputs import Battles
from pipelines.selection.columns import Learned, fit_and_predict, learn_columns, made_anew

ALL = "all"  # the selection on all rows, which is shipped


class TimeIsUp(Exception):  # noqa: N818, it is no fault
    """The time that was given is over; what is done is kept."""


class Clock:
    """Says when to stop.

    Parameters
    ----------
    seconds : float, optional
        From now on; without it there is no end.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def check(self) -> None:
        """Raise `TimeIsUp` where it is."""
        if self._end is not None and time.monotonic() >= self._end:
            raise TimeIsUp


class Place(NamedTuple):
    """Rows to select on, and rows that the selection does not see."""

    name: str
    train: NDArray[np.bool_]
    held: NDArray[np.bool_] | None

    @property
    def title(self) -> str:
        """What the place is, in words."""
        return "all rows" if self.held is None else f"without {self.name.replace('-', ' ')}"


class Chosen(NamedTuple):
    """What a selection left.

    Attributes
    ----------
    columns : list of str
        All that there were.
    units : list of str
        All units of them, in their order, see `features.columns.units_of`.
    importance : list of float
        Of each unit, in shares.
    selected : list of str
        Units that stay, the most important first.
    steps : int
        Groups of units that were judged.
    """

    columns: list[str]
    units: list[str]
    importance: list[float]
    selected: list[str]
    steps: int

    @property
    def names(self) -> list[str]:
        """The names by which a configuration selects what stays."""
        return names_of(self.columns, self.selected)

    @classmethod
    def of(cls, selector: ColumnSelector) -> Self:
        """Take it from a fitted selector."""
        return cls(
            [str(name) for name in selector.feature_names_in_],
            list(selector.units_),
            selector.importance_.tolist(),
            selector.selected_,
            len(selector.steps_),
        )


class Unseen(NamedTuple):
    """What models say of rows that no selection saw.

    Attributes
    ----------
    every, selected : ndarray of float64, shape (n_rows, n_classes)
        Probabilities, by a model of all columns and one of those that stay.
    seconds : tuple of float
        Of the two fits.
    """

    every: Array
    selected: Array
    seconds: tuple[float, float]


def places(battles: Battles, folds: NDArray[np.int8]) -> Iterator[Place]:
    """Return the places of a selection: without each fold, then all rows."""
    group, source = battles.frame["group"], battles.frame["source"]
    for fold in range(int(folds.max()) + 1):
        held = np.zeros(len(battles.y), dtype=np.bool_)
        held[: len(folds)] = folds == fold
        yield Place(f"fold-{fold}", training_rows(held, group, source), held)
    yield Place(ALL, np.ones(len(battles.y), dtype=np.bool_), None)


class Work:
    """Selections in their places, kept in a run.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted; what needs no label is computed.
    battles : Battles
    run : UnfinishedRun
    steps : Steps
    clock : Clock
    ranking : str
        See `models.selection.ColumnSelector`.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        battles: Battles,
        run: UnfinishedRun,
        steps: Steps,
        clock: Clock,
        ranking: str,
    ) -> None:
        self.pipeline, self.battles, self.run = pipeline, battles, run
        self.steps, self.clock = steps, clock
        self.model = pipeline.named_steps["model"]
        self.selector = ColumnSelector(ranking, anew=made_anew(pipeline), seed=self.model.seed)

    def select(self, place: Place) -> tuple[Chosen, Unseen | None]:
        """Select in a place, and predict what is held out there; what is kept is not done again.

        Raises
        ------
        TimeIsUp
            After a step.
        """
        kept = self.run.saved(place.name)
        if kept is None:
            kept = self._made(place)
            self.run.save(place.name, kept)
            self.clock.check()
        chosen = Chosen(**json.loads(str(kept["chosen"])))
        if place.held is None:
            return chosen, None
        seconds = kept["seconds"].tolist()
        return chosen, Unseen(kept["every"], kept["selected"], (seconds[0], seconds[1]))

    def _made(self, place: Place) -> dict[str, NDArray[Any]]:
        frame, y = self.battles.frame, self.battles.y
        held = None if place.held is None else frame[place.held]
        with self.steps.step(f"columns, {place.title}"):
            learned = learn_columns(self.pipeline, frame[place.train], y[place.train], held)
        chosen = self._chosen(place, learned)
        kept = {"chosen": np.array(json.dumps(chosen._asdict()))}
        if held is None:
            return kept
        stay = _columns_of(chosen, self.selector.anew)
        with self.steps.step(f"models, {place.title}"):
            every, seconds = fit_and_predict(self.model, learned, chosen.columns)
            selected, fewer = fit_and_predict(self.model, learned, stay)
        return kept | {"every": every, "selected": selected, "seconds": np.array([seconds, fewer])}

    def _chosen(self, place: Place, learned: Learned) -> Chosen:
        name = _steps_of(place)
        kept = self.run.saved(name) or {"steps": np.array("[]")}
        known = [Step.read(told) for told in json.loads(str(kept["steps"]))]
        made = list(known)
        with self.steps.step(f"selection, {place.title}", unit="steps") as advance:
            advance.take_up(len(known))

            def keep(step: Step) -> None:
                made.append(step)
                told = json.dumps([one.told() for one in made])
                self.run.save(name, {"steps": np.array(told)})
                advance.note = _note(step)
                advance(1)
                self.clock.check()

            fitted = self.selector.fit(
                learned.columns,
                learned.y,
                groups=learned.X["group"],
                plain=learned.plain,
                sample_weight=learned.weight(self.model.extra_weight),
                judging=learned.judging(self.model.extra_weight),
                known=known,
                told=keep,
            )
        return Chosen.of(fitted)


def _steps_of(place: Place) -> str:
    return f"{place.name}-steps"


def _columns_of(chosen: Chosen, anew: Sequence[str]) -> list[str]:
    units = units_of(chosen.columns, anew)
    stay = {place for unit in chosen.selected for place in units[unit]}
    return [name for place, name in enumerate(chosen.columns) if place in stay]


def _note(step: Step) -> str:
    """Say what a step came to.

    >>> from models.judge import Gain
    >>> gain = {"direction": Gain(0.01, 0.002)}
    >>> _note(Step(True, ("f__x_diff",), gain, gain, {}))
    '1 taken: direction +0.0100 ± 0.0020'
    """
    did = {(True, True): "taken", (False, False): "dropped"}.get((step.adds, step.earned), "judged")
    gains = (f"{head} {gain.value:+.4f} ± {gain.error:.4f}" for head, gain in step.gain.items())
    return f"{len(step.units)} {did}: {', '.join(gains)}"
