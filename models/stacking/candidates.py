"""The ways to blend members' logits that a stack chooses among."""

from models.stacking.blends import Best, Candidate, Mean
from models.stacking.greedy import Greedy
from models.stacking.regression import Logistic
from models.stacking.trees import Trees

CANDIDATES: dict[str, type[Candidate]] = {
    "best": Best,
    "mean": Mean,
    "greedy": Greedy,
    "logistic": Logistic,
    "trees": Trees,
}
