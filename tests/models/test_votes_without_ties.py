"""Votes that know no ties: the direction alone, from the head to the measures."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from scipy.special import expit
from sklearn.base import clone

from models.calibration import Calibration
from models.choice import Chosen
from models.heads import FORMS, probabilities
from models.learners.lightgbm import LightGBMLearner
from models.learners.linear import LinearLearner
from models.measures.baselines import BASELINES
from models.measures.evaluation import evaluate
from models.measures.metrics import METRICS, swap_error
from models.measures.reliability import by_slice, reliability
from models.parts import average
from models.preference import PreferenceModel

MEMBERS = [("lightgbm", LightGBMLearner(max_rounds=15)), ("linear", LinearLearner())]


def table(n=240, n_extra=60, seed=0):
    """Columns and labels: the gap decides; a third of the extra rows are ties."""
    rng = np.random.default_rng(seed)
    total = n + n_extra
    values = rng.normal([0, 3, 3], size=(total, 3)).astype(np.float32)
    first = rng.uniform(size=total) < expit(2 * values[:, 0])
    tied = (np.arange(total) >= n) & (np.arange(total) % 3 == 0)
    y = np.where(tied, 2, np.where(first, 0, 1)).astype(np.int8)
    X = pd.DataFrame(values, columns=["f__gap_diff", "f__size_a", "f__size_b"])
    source = ["plain"] * n + ["extra"] * n_extra
    group = [f"g{row}" for row in range(total)]
    return X.assign(group=group, source=source, characters=100.0), y


def swapped(X):
    turned = X.assign(f__gap_diff=-X["f__gap_diff"])
    return turned.assign(f__size_a=X["f__size_b"], f__size_b=X["f__size_a"])


def model(**options):
    return PreferenceModel(MEMBERS, form="direction", inner_folds=2, **options)


@pytest.fixture(scope="module")
def fitted():
    return model().fit(*table())


def test_two_probabilities_change_places_with_the_answers_bit_for_bit(fitted):
    X, _ = table()
    p = fitted.predict_proba(X)
    assert p.shape == (300, 2)
    assert fitted.classes_.tolist() == [0, 1]
    assert 0.0 < p.min() < 0.2 < 0.8 < p.max() < 1.0
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0, atol=3e-16)
    np.testing.assert_array_equal(fitted.predict_proba(swapped(X)), p[:, ::-1])
    assert set(fitted.predict(X)) == {0, 1}


def test_the_direction_alone_is_fitted_and_calibrated(fitted):
    X, _ = table()
    assert set(fitted.models_) == {"lightgbm_direction", "linear_direction"}
    assert set(fitted.importance()) == {"lightgbm_direction", "linear_direction"}
    z, t = fitted.logits(X)
    raw, _ = fitted.logits(X, calibrated=False)
    (slope,) = fitted.chosen_.calibration.direction_slope
    np.testing.assert_array_equal(z, slope * raw)
    assert slope not in (0.0, 1.0)
    assert t is None
    assert fitted.chosen_.calibration == Calibration(direction_slope=(slope,))


def test_dump_and_load_give_the_same(fitted):
    X, _ = table()
    loaded = clone(fitted).load(fitted.dump())
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.classes_.tolist() == [0, 1]


def test_the_direction_is_that_of_heads(fitted):
    """A tie head beside it, and its ties, do not change what it learns from decided rows."""
    X, y = table()
    with_ties = PreferenceModel(MEMBERS, inner_folds=2, calibrate=False)
    tied = X["source"].eq("plain").to_numpy() & (np.arange(300) % 5 == 0)
    kept = X.assign(source=np.where(tied, "extra", X["source"]))
    chosen = Chosen({f"{m}_{h}": 1 for m, _ in MEMBERS for h in ("direction", "tie")}, {}, None)
    labels = np.where(np.arange(300) == 1, 2, y)  # one plain tie, or there would be no such class
    heads = with_ties.set_params(chosen=chosen._replace(calibration=Calibration()))
    z, _ = heads.fit(kept, labels).logits(kept)
    alone = np.where(np.arange(300) == 1, "extra", kept["source"])  # the same row, as an extra tie
    direction = model(calibrate=False, chosen=heads.chosen).fit(kept.assign(source=alone), labels)
    np.testing.assert_array_equal(direction.logits(kept)[0], z)


def test_ties_of_extra_rows_are_left_out():
    X, y = table()
    decided = y != 2
    without = model(n_jobs=1).fit(X[decided], y[decided])
    assert model(n_jobs=1).fit(X, y).dump() == without.dump()


@pytest.mark.parametrize(
    ("form", "labels", "words"),
    [
        ("direction", [0, 1, 2, 2], "form 'direction' knows no ties. Got 2 .tie. 2 times. Leave"),
        ("direction", [0, 0, 0, 0], r"both 0 \(A preferred\) and 1 .* Got no 1 instead\.$"),
        ("heads", [0, 1, 0, 1], "Got no 2 instead. Where votes know no ties, the form is 'direc"),
        ("heads", [0, 2, 0, 2], r"Got no 1 instead\.$"),
    ],
)
def test_labels_that_do_not_go_with_a_form(form, labels, words):
    X = pd.DataFrame({"f__gap_diff": [1.0, 2.0, 3.0, 4.0]}, dtype=np.float32)
    X = X.assign(group=list("abcd"), source="plain", characters=1.0)
    with pytest.raises(ValueError, match=words):
        PreferenceModel(MEMBERS, form=form).fit(X, labels)


def test_members_of_a_tie_are_refused():
    with pytest.raises(
        ValueError, match=r"The tie of .* form 'direction', which has no such head\."
    ):
        model(tie=["linear"]).fit(*table())


def test_probabilities_of_two_classes():
    z = np.array([0.0, np.log(3.0), -np.log(3.0), 1e9])
    p = probabilities(z, None)
    np.testing.assert_allclose(p[:3], [[0.5, 0.5], [0.75, 0.25], [0.25, 0.75]], rtol=1e-15)
    np.testing.assert_array_equal(probabilities(-z, None), p[:, ::-1])
    assert 0.0 < p.min() < p.max() < 1.0


def test_no_tie_logit_is_averaged_where_no_part_answers_for_it():
    (head,) = FORMS["direction"]
    part = PreferenceModel(MEMBERS, form="direction")._parts()[0]
    logits = head.logits(np.array([3.0]), np.array([1.0]))
    z, t = average([(part, logits), (part, {"z": np.array([2.0])})])
    assert (z.tolist(), t) == ([1.5], None)


def test_a_slope_is_all_that_is_calibrated():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=4000)
    y = np.where(rng.uniform(size=4000) < expit(truth), 0, 1).astype(np.int8)
    length, fold = rng.uniform(1, 1000, 4000), (np.arange(4000) % 4).astype(np.int8)
    found = Calibration.fit(truth / 2, None, y, length, fold)
    (slope,) = found.direction_slope
    assert slope == pytest.approx(2.0, abs=0.15)
    assert found == Calibration(direction_slope=(slope,))
    z, t = found(np.array([1.0]), None, np.array([5.0]))
    assert (z.tolist(), t) == ([slope], None)


def test_slopes_differ_by_length_where_that_holds():
    rng = np.random.default_rng(0)
    truth, length = rng.normal(size=6000), rng.uniform(1, 900, 6000)
    y = np.where(rng.uniform(size=6000) < expit(truth), 0, 1).astype(np.int8)
    z, fold = np.where(length > 600, truth, 4.0 * truth), (np.arange(6000) % 4).astype(np.int8)
    found = Calibration.fit(z, None, y, length, fold)
    assert found.direction_slope[0] < 0.5 < 0.8 < found.direction_slope[-1]


# Measures.

Y = np.array([0, 1, 0, 1])
P = np.array([[0.8, 0.2], [0.4, 0.6], [0.5, 0.5], [0.9, 0.1]])


def test_log_loss_of_two_classes_by_hand():
    by_hand = -(np.log(0.8) + np.log(0.6) + np.log(0.5) + np.log(0.1)) / 4
    found = evaluate(Y, P, np.arange(4), baselines={"even": np.full((4, 2), 0.5)}, n_bootstrap=9)
    assert found["metrics"]["log_loss"]["value"] == pytest.approx(by_hand, rel=1e-15)
    even = found["baselines"]["even"]
    assert even["metrics"]["log_loss"]["value"] == pytest.approx(np.log(2.0), rel=1e-15)
    assert even["difference"]["log_loss"]["value"] == pytest.approx(by_hand - np.log(2.0))
    assert found["metrics"]["direction_log_loss"]["value"] == pytest.approx(by_hand)


def test_measures_of_two_classes_are_scikit_learns():
    of = {name: float(METRICS[name].function(Y, P)) for name in METRICS}
    assert of["brier"] == pytest.approx(2 * sklearn.metrics.brier_score_loss(Y == 0, P[:, 0]))
    assert of["direction_auc"] == pytest.approx(sklearn.metrics.roc_auc_score(Y == 0, P[:, 0]))
    assert of["f1_macro"] == pytest.approx(
        sklearn.metrics.f1_score(Y, P.argmax(axis=1), average="macro")
    )
    undefined = {name for name, value in of.items() if np.isnan(value)}
    assert undefined == {"log_loss_tie", "precision_tie", "recall_tie", "f1_tie", "tie_auc"}


def test_measures_of_resamples_have_their_shape():
    weight = np.ones((3, 4))
    for name, metric in METRICS.items():
        assert np.shape(metric.function(Y, P, weight)) == (3,), name


def test_reliability_and_slices_have_no_tie():
    assert reliability(Y, P)["tie"] == []
    (part,) = by_slice(Y, P, np.zeros(4, dtype=int))
    assert (part["tie_observed"], part["tie_predicted"]) == (0.0, 0.0)


def test_the_swap_error_of_two_classes():
    assert swap_error(P, P[:, ::-1]) == 0.0
    assert swap_error(P, P) == pytest.approx(0.8)


def test_baselines_give_two_columns():
    X, y = np.linspace(-1, 1, 40)[:, None], (np.arange(40) < 25).astype(np.int8)
    for name, baseline in BASELINES.items():
        p = clone(baseline).fit(X, y).predict_proba(X)
        assert p.shape == (40, 2), name
    turned = clone(BASELINES["length alone"]).fit(X, y)
    np.testing.assert_allclose(
        turned.predict_proba(-X), turned.predict_proba(X)[:, ::-1], atol=1e-6
    )
