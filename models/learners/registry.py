"""The learners that a preference model can be made of."""

from models.learners.boosting import LightGBMLearner, XGBoostLearner
from models.learners.contract import Learner
from models.learners.linear import LinearLearner

LEARNERS: dict[str, type[Learner]] = {
    "lightgbm": LightGBMLearner,
    "xgboost": XGBoostLearner,
    "linear": LinearLearner,
}
