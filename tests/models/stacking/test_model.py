"""The stack as an estimator: known truths, no peeking, exact symmetry, and plain words."""

import json

import numpy as np
import pytest
from sklearn.base import clone

from models.heads import probabilities, swapped_labels
from models.measures.metrics import log_loss
from models.stacking.candidates import CANDIDATES
from models.stacking.members import DIRECTION, TIED, Member, StackError
from models.stacking.model import StackingModel
from tests.models.stacking.worlds import blurred, swapped, table, truth, world

PLAIN = ("best", "mean", "greedy", "logistic")


@pytest.fixture(scope="module")
def fitted():
    X, y = world(n=900)
    return X, y, StackingModel().fit(X, y)


@pytest.fixture(scope="module")
def trees():
    """A stack that trees answer: no other candidate that could blend takes part in the choice."""
    X, y = world(n=1500, sizes=(0.5, 0.5))
    X["characters"] = np.where(y == 2, 5000, 100)
    model = StackingModel(candidates=("best", "trees")).fit(X, y)
    assert set(model.stack_.candidates.values()) == {"trees"}
    return X, y, model


def test_better_than_each_member(fitted):
    X, y, model = fitted
    stack = log_loss(y, model.out_of_fold_)
    alone = [
        StackingModel().fit(X.drop(columns=others), y)
        for name in model.members_
        for others in [[n + end for n in model.members_ if n != name for end in (DIRECTION, TIED)]]
    ]
    assert stack < min(log_loss(y, one.out_of_fold_) for one in alone) - 0.002


def test_probabilities_add_up_to_one(fitted):
    X, _, model = fitted
    for p in (model.out_of_fold_, model.predict_proba(X)):
        np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
        assert p.min() > 0.0
    assert model.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X).argmax(axis=1))


def test_weights_and_what_is_told(fitted):
    _, _, model = fitted
    for shares in model.weights().values():
        assert list(shares) == ["m0", "m1", "m2"]
        np.testing.assert_allclose(sum(shares.values()), 1.0, rtol=1e-12)
        assert min(shares.values()) >= 0.0
    told = json.loads(json.dumps(model.told()))
    assert [part["fold"] for part in told["folds"]] == [0, 1, 2]
    assert {
        name: told["final"][name]["weights"] for name in ("direction", "tie")
    } == model.weights()
    for part in (*told["folds"], told["final"]):
        for head in ("direction", "tie"):
            assert part[head]["candidate"] in part[head]["losses"]
        assert "direction_slope" in part["calibration"]


@pytest.mark.parametrize("which", ["fitted", "trees"])
def test_swapped_answers_have_swapped_probabilities(which, request):
    X, y, model = request.getfixturevalue(which)
    Z, _ = swapped(X, y)
    np.testing.assert_array_equal(model.predict_proba(Z), model.predict_proba(X)[:, [1, 0, 2]])


@pytest.mark.parametrize("which", ["fitted", "trees"])
def test_fitted_on_swapped_battles_it_is_the_same_stack(which, request):
    X, y, model = request.getfixturevalue(which)
    turned = np.random.default_rng(0).uniform(size=len(X)) < 0.5
    Z = X.copy()
    columns = [column for column in X.columns if column.endswith(DIRECTION)]
    Z[columns] = np.where(turned[:, None], -X[columns], X[columns])
    other = clone(model).fit(Z, np.where(turned, swapped_labels(y), y))
    expected = np.where(turned[:, None], model.out_of_fold_[:, [1, 0, 2]], model.out_of_fold_)
    np.testing.assert_array_equal(other.out_of_fold_, expected)
    assert other.dump() == model.dump()


@pytest.mark.parametrize("which", ["fitted", "trees"])
def test_a_row_is_predicted_as_if_alone(which, request):
    X, _, model = request.getfixturevalue(which)
    whole = model.predict_proba(X)
    few = X.sample(frac=1.0, random_state=0).iloc[:40]
    np.testing.assert_allclose(model.predict_proba(few), whole[few.index], rtol=0, atol=1e-12)
    for row in few.index[:5]:
        alone = model.predict_proba(X.loc[[row], ::-1].drop(columns=["group", "fold"]))
        np.testing.assert_allclose(alone[0], whole[row], rtol=0, atol=1e-12)


@pytest.mark.parametrize("which", ["fitted", "trees"])
def test_comes_back_from_its_files(which, request):
    X, _, model = request.getfixturevalue(which)
    files = model.dump()
    assert all(isinstance(content, bytes) for content in files.values())
    other = StackingModel().load(files)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    assert other.weights() == model.weights()
    assert other.dump() == files


def test_labels_of_a_fold_are_not_seen_by_its_predictions(fitted):
    X, y, model = fitted
    held = (X["fold"] == 1).to_numpy()
    other = clone(model).fit(X, np.where(held, (y + 1) % 3, y).astype(np.int8))
    np.testing.assert_array_equal(other.out_of_fold_[held], model.out_of_fold_[held])
    assert (other.out_of_fold_[~held] != model.out_of_fold_[~held]).mean() > 0.9


def test_logits_of_a_fold_are_not_seen_by_the_choice_for_it(fitted):
    X, y, model = fitted
    Z = X.copy()
    Z.loc[X["fold"] == 1, ["m0__z_diff", "m0__t_pair"]] *= -3.0
    other = clone(model).fit(Z, y)
    assert other.told()["folds"][1] == model.told()["folds"][1]
    assert other.told()["folds"][0] != model.told()["folds"][0]


def test_the_input_stays_as_it_is():
    X, y = world(n=300)
    before, labels = X.copy(), y.copy()
    StackingModel(candidates=("best", "logistic")).fit(X, y).predict_proba(X)
    assert X.equals(before)
    assert (y == labels).all()


@pytest.mark.parametrize("candidates", [tuple(CANDIDATES), *[(name,) for name in PLAIN]])
def test_copies_of_a_member_equal_the_member(candidates):
    z, t, y = truth(600)
    X = table([Member("one", z, t), Member("two", z, t)])
    model = StackingModel(candidates=candidates, calibrate=False).fit(X, y)
    for p in (model.out_of_fold_, model.predict_proba(X)):
        np.testing.assert_allclose(p, probabilities(z, t), rtol=0, atol=1e-9)


@pytest.mark.parametrize("calibrate", [True, False])
def test_noise_has_hardly_a_weight(calibrate):
    """Over fewer battles and seeds than the slow test: a guard against the grossest faults."""
    weights = []
    for seed in range(4):
        z, t, y = truth(1000, seed)
        rng = np.random.default_rng(seed + 5000)
        noise = Member("noise", *rng.normal(size=(2, 1000)))
        X = table([Member("good", z, t), noise], seed=seed)
        model = StackingModel(calibrate=calibrate, candidates=PLAIN, seed=seed).fit(X, y)
        weights += [share["noise"] for share in model.weights().values()]
    assert np.mean(weights) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("calibrate", [True, False])
def test_noise_has_less_than_a_fiftieth_of_the_weight(calibrate):
    weights = {"direction": [], "tie": []}
    for seed in range(20):
        z, t, y = truth(5000, seed)
        rng = np.random.default_rng(seed + 5000)
        noise = Member("noise", *rng.normal(size=(2, 5000)))
        X = table([Member("good", z, t), noise], seed=seed)
        model = StackingModel(calibrate=calibrate, seed=seed).fit(X, y)
        for head, share in model.weights().items():
            weights[head].append(share["noise"])
    assert {head: float(np.mean(found)) for head, found in weights.items()} == pytest.approx(
        {"direction": 0.0, "tie": 0.0}, abs=0.02
    )


def prior_and_stack(X, y):
    """Log loss of each row by the shares of the classes, and by the stack."""
    shares = np.bincount(y) / len(y)
    p = StackingModel().fit(X, y).out_of_fold_
    return -np.log(shares[y]), -np.log(p[np.arange(len(y)), y])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_of_permuted_labels_it_knows_nothing_and_does_not_pretend_to(seed):
    X, y = world(n=900, seed=seed)
    prior, stack = prior_and_stack(X, np.random.default_rng(seed).permutation(y))
    gain = prior - stack
    assert abs(gain.mean()) < 3 * gain.std() / 30 + 1e-9
    assert gain.mean() > -0.01


def test_of_flipped_labels_it_learns_the_tie_alone():
    z, t, y = truth(1500)
    rng = np.random.default_rng(50)
    X = table([blurred(z, 0 * t, 0.5, rng, name) for name in ("one", "two")])
    prior, stack = prior_and_stack(X, swapped_labels(y))
    assert abs((prior - stack).mean()) < 0.01


def test_inexact_logits_leave_out_what_jumps(trees):
    X, y, _ = trees
    other = StackingModel(candidates=("best", "trees"), inexact=True).fit(X, y)
    assert set(other.stack_.candidates.values()) == {"best"}
    assert list(other.told()["final"]["tie"]["losses"]) == ["best"]


def test_one_member_is_passed_through():
    z, t, y = truth(600)
    X = table([Member("only", z, t)])
    plain = StackingModel(calibrate=False).fit(X, y)
    np.testing.assert_array_equal(plain.out_of_fold_, probabilities(z, t))
    assert plain.weights() == {"direction": {"only": 1.0}, "tie": {"only": 1.0}}


def test_silence_of_all_members_leaves_the_prior():
    _, _, y = truth(600)
    X = table([Member(name, np.zeros(600), np.full(600, -3.0)) for name in ("one", "two")])
    model = StackingModel().fit(X, y)
    p = model.predict_proba(X)
    np.testing.assert_array_equal(p[:, 0], p[:, 1])
    np.testing.assert_allclose(p[:, 2], np.mean(y == 2), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda X: X.assign(fold=X["fold"] % 2), "at least 3 folds.* Found 2"),
        (lambda X: X.drop(columns="fold"), "lacks the column fold"),
        (lambda X: X.drop(columns="group"), "lacks the column group"),
        (lambda X: X.drop(columns="turns"), "lacks the column turns"),
        (lambda X: X.iloc[:-1], "the table has 59 rows and y has 60"),
        (lambda X: X.assign(m0__z_diff=np.nan), "row 1, column m0__z_diff: expected a finite"),
    ],
)
def test_what_cannot_be_fitted_is_said(change, words):
    X, y = world(n=60)
    with pytest.raises(StackError, match=words):
        StackingModel().fit(change(X), y)


def test_each_fold_needs_all_classes():
    X, y = world(n=60)
    y = np.where((X["fold"] == 2) & (y == 2), 0, y)
    with pytest.raises(StackError, match=r"fold 2: expected battles of all three .* of class tie"):
        StackingModel().fit(X, y)


def test_labels_are_of_three_classes():
    X, y = world(n=60)
    with pytest.raises(StackError, match=r"y must hold 0 .A., 1 .B. and 2 .tie. only. Got 3"):
        StackingModel().fit(X, np.where(np.arange(60) == 7, 3, y))


@pytest.mark.parametrize("candidates", [(), ("best", "worst")])
def test_candidates_must_be_known(candidates):
    with pytest.raises(
        ValueError, match="candidates of StackingModel must be some of greedy, mean"
    ):
        StackingModel(candidates=candidates).fit(*world(n=60))


@pytest.mark.parametrize("inexact", [True, False])
def test_trees_cannot_be_the_only_candidate(inexact):
    model = StackingModel(candidates=("trees",), inexact=inexact)
    with pytest.raises(ValueError, match="must hold one that can blend any members"):
        model.fit(*world(n=60))


def test_predictions_need_the_members_that_it_was_fitted_on(fitted):
    X, _, model = fitted
    with pytest.raises(StackError, match=r"lacks the column m1__z_diff.*: m0, m1, m2"):
        model.predict_proba(X.drop(columns="m1__z_diff"))


def test_the_order_of_the_rows_does_not_matter():
    X, y = world(n=900)
    order = np.random.default_rng(0).permutation(len(y))
    model = StackingModel(inexact=True).fit(X, y)
    other = StackingModel(inexact=True).fit(X.iloc[order], y[order])
    np.testing.assert_allclose(other.out_of_fold_, model.out_of_fold_[order], atol=1e-6)
    np.testing.assert_allclose(other.predict_proba(X), model.predict_proba(X), atol=1e-6)
