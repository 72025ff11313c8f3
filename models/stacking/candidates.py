"""The ways to blend members' logits that a stack chooses among.

The first is taken unless another is clearly better.
"""

from models.stacking.blends import Best, Candidate, Mean
from models.stacking.greedy import Greedy
from models.stacking.regression import Logistic
from models.stacking.trees import Trees

CANDIDATES: dict[str, type[Candidate]] = {
    "greedy": Greedy,
    "mean": Mean,
    "best": Best,
    "logistic": Logistic,
    "trees": Trees,
}
