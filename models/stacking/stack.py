"""A chosen stack: members' calibrations, a blend a head, and the calibration of the blends."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from features.sides import Array
from models.calibration import Calibration
from models.stacking.blends import Blend
from models.stacking.candidates import CANDIDATES
from models.stacking.choice import Choice
from models.stacking.members import Material
from models.stacking.nested import HEADS, Known, Lines

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
    calibration : Calibration
    """

    lines: Lines
    candidates: Mapping[str, str]
    blends: Mapping[str, Blend]
    calibration: Calibration

    @classmethod
    def of(
        cls, lines: Lines, choices: Mapping[str, Choice], known: Known, *, calibrate: bool
    ) -> Self:
        """Put together what was chosen, and calibrate it on the rows that it was chosen on.

        Parameters
        ----------
        lines : Lines
        choices : mapping of str to Choice
            By head; their scores of each row are by blends that did not see its fold.
        known : Known
        calibrate : bool
        """
        z, t = (choices[head.name].scores for head in HEADS)
        length = known.material.characters
        return cls(
            lines,
            {name: choice.candidate for name, choice in choices.items()},
            {name: choice.blend for name, choice in choices.items()},
            Calibration.fit(z, t, known.y, length, known.fold) if calibrate else Calibration(),
        )

    def __call__(self, material: Material) -> tuple[Array, Array]:
        """Return direction and tie logits of battles, shape (n_battles,) each."""
        members = self.lines(material)
        z, t = (self.blends[head.name](members) for head in HEADS)
        return self.calibration(z, t, material.characters)

    def dump(self) -> dict[str, bytes]:
        """Return it as files (name -> content) that run no code when read."""
        state = {
            "lines": [line._asdict() for line in self.lines.members],
            "candidates": dict(self.candidates),
            "blends": {name: blend.told() for name, blend in self.blends.items()},
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
            {head.name: _blend(head.name, state, files) for head in HEADS},
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
