"""A small table of columns of every side, and models of every form fitted on half of it."""

import numpy as np
import pandas as pd
import pytest

from models.calibration import Calibration
from models.choice import Chosen
from models.learners.lightgbm import LightGBMLearner
from models.learners.linear import LinearLearner
from models.learners.xgboost import XGBoostLearner
from models.preference import PreferenceModel

NAMES = [
    "f__gap_diff",
    "f__size_a",
    "f__size_b",
    "g__near_pair",
    "g__long_prompt",
    "g__gap_absdiff",
    "g__never_sum",
]
MEMBERS = [
    ("lightgbm", LightGBMLearner(num_leaves=5, min_data_in_leaf=10, feature_fraction=0.5)),
    ("xgboost", XGBoostLearner(max_depth=3, min_child_weight=1.0, colsample_bytree=0.5)),
    ("linear", LinearLearner()),
]
BINNED = Calibration(
    direction_slope=(0.8, 1.3),
    tie_slope=(0.9, 1.1),
    tie_margin=(-0.4, -0.1),
    tie_intercept=(0.2, -0.3),
    edges=(500.0,),
)


def make_table(n=300, seed=0):
    """Columns and votes; a gap decides, and prompts stand twice. One column never changes."""
    rng = np.random.default_rng(seed)
    gap, size_a, size_b, near, long = rng.normal(size=(5, n))
    never = np.ones(n)
    values = np.column_stack([gap, size_a, size_b, near, long, np.abs(gap), never])
    score = 1.5 * gap + size_a * (near > 0) - size_b * (near > 0) + rng.normal(size=n)
    y = np.where(np.abs(score) < 0.6, 2, np.where(score > 0, 0, 1)).astype(np.int8)
    X = pd.DataFrame(values.astype(np.float32), columns=NAMES)
    group, length = [f"g{row // 2}" for row in range(n)], rng.uniform(1, 1000, size=n)
    return X.assign(group=group, source="plain", characters=length), y


def fit_model(form="heads", calibration=BINNED, **options):
    X, y = make_table()
    model = PreferenceModel(MEMBERS, form=form, seed=3, **options)
    parts = [part.name for part in model._parts()]
    rounds = dict.fromkeys(parts, 5)
    model.set_params(chosen=Chosen(rounds, dict.fromkeys(parts, 0.5), calibration))
    return model.fit(X, y)


@pytest.fixture(scope="session")
def models():
    """Fitted models by form, the one of two heads with two seeds of each that has one."""
    return {"heads": fit_model(bag=2), "multiclass": fit_model("multiclass")}


@pytest.fixture(scope="session")
def held_out():
    """Battles that none of the models has seen."""
    return make_table(120, seed=1)
