"""The learners that a preference model can be made of."""

from models.boosting import LightGBMLearner, XGBoostLearner
from models.learners import Learner
from models.linear import LinearLearner

LEARNERS: dict[str, type[Learner]] = {
    "lightgbm": LightGBMLearner,
    "xgboost": XGBoostLearner,
    "linear": LinearLearner,
}
