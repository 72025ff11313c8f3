"""A chosen stack: members' calibrations, a blend a head, and the calibration of the blends."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from features.sides import Array
from models.calibration import Calibration
from models.heads import FORMS, Head
from models.stacking.blends import Blend
from models.stacking.candidates import CANDIDATES
from models.stacking.choice import Choice
from models.stacking.members import Material
from models.stacking.nested import HEADS, Known, Level, Lines

STATE = "stack.json"


class Stack(NamedTuple):
    """How members' logits become those of the stack.

    Attributes
    ----------
    lines : Lines
    candidates : mapping of str to str
        Head -> name of the candidate chosen.
    blends : mapping of str to Blend
        Head -> what the candidate made.
    spreads : mapping of str to tuple of float
        Head -> how far each member's calibrated logits are from even, in the rows learned from.
    calibration : Calibration
    """

    lines: Lines
    candidates: Mapping[str, str]
    blends: Mapping[str, Blend]
    spreads: Mapping[str, tuple[float, ...]]
    calibration: Calibration

    @classmethod
    def of(
        cls, level: Level, choices: Mapping[str, Choice], known: Known, *, calibrate: bool
    ) -> Self:
        """Put together what was chosen, and calibrate it on the rows that it was chosen on.

        Where that holds: members may be calibrated as they are, and so may what is made of them.

        Parameters
        ----------
        level : Level
            Fitted on those rows.
        choices : mapping of str to Choice
            By head; their scores of each row are by blends that did not see its fold.
        known : Known
            The rows.
        calibrate : bool
        """
        z, *t = (choices[head.name].scores for head in known.material.heads)
        rows = z, t[0] if t else None, known.y, known.material.characters, known.fold
        return cls(
            level.lines,
            {name: choice.candidate for name, choice in choices.items()},
            {name: choice.blend for name, choice in choices.items()},
            level.spreads,
            Calibration.where_it_holds(*rows) if calibrate else Calibration(),
        )

    def __call__(self, material: Material) -> tuple[Array, Array | None]:
        """Return direction and tie logits of battles, shape (n_battles,) each."""
        members = self.lines(material)
        z, *t = (self.blends[head.name](members) for head in self.heads)
        return self.calibration(z, t[0] if t else None, material.characters)

    @property
    def form(self) -> str:
        """A key of `models.heads.FORMS`: without ties there is a blend of the direction alone."""
        return "heads" if "tie" in self.blends else "direction"

    @property
    def heads(self) -> tuple[Head, ...]:
        """What its blends answer."""
        return FORMS[self.form]

    def shares(self, head: str) -> list[float]:
        """Return each member's share of a blend: its weight times its spread, adding up to 1.

        So a member whose calibration leaves hardly anything of its logits has hardly a share. Of
        trees they are the shares of the blend that they begin from.
        """
        weights = self.blends[head].weights
        moved = [
            weight * spread for weight, spread in zip(weights, self.spreads[head], strict=True)
        ]
        total = sum(moved)
        return [part / total for part in moved] if total else list(weights)

    def dump(self) -> dict[str, bytes]:
        """Return it as files (name -> content) that run no code when read."""
        state = {
            "lines": [line._asdict() for line in self.lines.members],
            "candidates": dict(self.candidates),
            "blends": {name: blend.told() for name, blend in self.blends.items()},
            "spreads": dict(self.spreads),
            "calibration": self.calibration._asdict(),
        }
        files = {STATE: json.dumps(state, indent=1).encode()}
        return files | {
            f"{name}_{file}": content
            for name, blend in self.blends.items()
            for file, content in blend.files().items()
        }

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """Take over what `dump` gave."""
        state = json.loads(files[STATE])
        return cls(
            Lines(tuple(_calibration(line) for line in state["lines"])),
            state["candidates"],
            {name: _blend(name, state, files) for name in state["blends"]},
            {name: tuple(values) for name, values in state["spreads"].items()},
            _calibration(state["calibration"]),
        )


def _calibration(told: Mapping[str, Any]) -> Calibration:
    return Calibration(**{name: tuple(values) for name, values in told.items()})


def _blend(name: str, state: Mapping[str, Any], files: Mapping[str, bytes]) -> Blend:
    (head,) = (head for head in HEADS if head.name == name)
    own = {
        file.removeprefix(f"{name}_"): content
        for file, content in files.items()
        if file.startswith(f"{name}_")
    }
    made_by = CANDIDATES[state["candidates"][name]]
    return made_by.blend.read(head, state["blends"][name], own)
