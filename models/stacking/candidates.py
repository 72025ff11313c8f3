"""The ways to blend members' logits that a stack chooses among."""

from models.stacking.blends import Best, Candidate, Mean

CANDIDATES: dict[str, type[Candidate]] = {
    "best": Best,
    "mean": Mean,
}
