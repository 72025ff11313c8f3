"""The learners that a preference model can be made of."""

from models.learners.contract import Learner
from models.learners.lightgbm import LightGBMLearner
from models.learners.linear import LinearLearner
from models.learners.xgboost import XGBoostLearner

LEARNERS: dict[str, type[Learner]] = {
    "lightgbm": LightGBMLearner,
    "xgboost": XGBoostLearner,
    "linear": LinearLearner,
}
