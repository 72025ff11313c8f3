"""Parts that are known already, put together: the predictions of the whole model, bit for bit."""

import numpy as np
import pytest

from models.learners.lightgbm import LightGBMLearner
from models.learners.linear import LinearLearner
from models.partwise import KnownPart, PartwiseModel
from models.preference import PASSED_THROUGH, PreferenceModel

LINEAR = LinearLearner((0.3, 0.03))
TREES = LightGBMLearner(max_rounds=12, num_leaves=4)


@pytest.fixture
def split(columns, battles):
    """Training rows, some of them extra, and rows held out."""
    X, y = columns.copy(), battles[1]
    X.loc[X.index[:60], "source"] = "extra"
    return X.iloc[:220], y[:220], X.iloc[220:]


@pytest.fixture
def decided(split):
    """The same without ties."""
    X, y, held = split
    return X[y != 2], y[y != 2], held


def known(model, split):
    X, y, held = split
    partwise = PartwiseModel.of(model)
    names = [part.name for part in partwise.parts()]
    return {name: partwise.fit_parts([name], X, y, held)[name] for name in names}


def together(model, parts, split):
    X, y, held = split
    length = held["characters"].to_numpy(dtype=np.float64)
    passed = X[[name for name in PASSED_THROUGH if name in X]]
    return PartwiseModel.of(model).put_together(parts, passed, y, length)


@pytest.mark.parametrize(
    "options",
    [
        {"direction": ["trees", "linear"], "tie": ["linear"]},
        {"form": "multiclass", "bag": 2},
        {"calibrate": False, "extra_weight": 0.5},
        {"extra_weight": 0.0},
    ],
)
def test_parts_fitted_one_by_one_predict_as_the_whole_model(split, options):
    model = PreferenceModel(
        [("trees", TREES), ("linear", LINEAR)], inner_folds=2, n_jobs=1, **options
    )
    whole = PreferenceModel(**model.get_params(deep=False)).fit(split[0], split[1])
    expected = whole.predict_proba(split[2])
    assert np.array_equal(together(model, known(model, split), split), expected)


@pytest.mark.parametrize("names", [["weight"], ["share"], ["weight", "share"]])
def test_rows_that_weigh_differently_do_so_in_every_part_and_in_the_calibration(split, names):
    X, y, held = split
    weights = 0.2 + 0.8 * np.random.default_rng(0).random((len(X), 2))
    X = X.assign(**{name: weights[:, place] for place, name in enumerate(names)})
    model = PreferenceModel([("linear", LINEAR)], inner_folds=2, n_jobs=1, extra_weight=0.5)
    expected = PreferenceModel(**model.get_params(deep=False)).fit(X, y).predict_proba(held)
    parts = known(model, (X, y, held))
    assert np.array_equal(together(model, parts, (X, y, held)), expected)


def test_of_the_direction_alone_there_are_two_probabilities(decided):
    model = PreferenceModel([("linear", LINEAR)], inner_folds=2, n_jobs=1, form="direction")
    whole = PreferenceModel(**model.get_params(deep=False)).fit(*decided[:2])
    found = together(model, known(model, decided), decided)
    assert found.shape == (len(decided[2]), 2)
    assert np.array_equal(found, whole.predict_proba(decided[2]))


def test_what_is_kept_of_a_part_comes_back_as_it_was(split):
    model = PreferenceModel([("linear", LINEAR)], inner_folds=2, n_jobs=1)
    parts = known(model, split)
    read = {name: KnownPart.read(part.arrays()) for name, part in parts.items()}
    assert read["linear_tie"].complexity == parts["linear_tie"].complexity
    assert np.array_equal(together(model, read, split), together(model, parts, split))


def test_only_the_parts_that_are_asked_for_are_fitted(split, monkeypatch):
    model = PartwiseModel([("trees", TREES), ("linear", LINEAR)], inner_folds=2, n_jobs=1)
    monkeypatch.setattr(LightGBMLearner, "fit", lambda *_, **__: pytest.fail("not asked for"))
    X, y, held = split
    assert set(model.fit_parts(["linear_direction"], X, y, held)) == {"linear_direction"}
    assert len(model.parts()) == 4


def test_calibration_looks_at_no_row_that_is_held_out(split):
    """What is calibrated is what models without an inner fold said of it."""
    model = PreferenceModel([("linear", LINEAR)], inner_folds=2, n_jobs=1)
    parts = known(model, split)
    other = {
        name: part._replace(inner={logit: 0.5 * values for logit, values in part.inner.items()})
        for name, part in parts.items()
    }
    assert not np.array_equal(together(model, other, split), together(model, parts, split))
