"""The preference model: exact symmetry, who learns from what, and what inner folds choose."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone

from features.sides import Swap
from models.calibration import Calibration
from models.choice import Chosen
from models.learners.lightgbm import LightGBMLearner
from models.learners.linear import LinearLearner
from models.learners.xgboost import XGBoostLearner
from models.preference import PASSED_THROUGH, PreferenceModel

BOOSTED, LINEAR = ("lightgbm", LightGBMLearner(max_rounds=15)), ("linear", LinearLearner())
THIRD = ("xgboost", XGBoostLearner(max_rounds=10))
MEMBERS = {
    "lightgbm": [BOOSTED],
    "xgboost": [THIRD],
    "linear": [LINEAR],
    "both": [BOOSTED, LINEAR],
    "all": [BOOSTED, THIRD, LINEAR],
}
COLUMNS = ["f__row_pair", "f__gap_diff", "f__size_a", "f__size_b"]
TWO_FORMS = ("heads", "multiclass")


def table(n=240, n_extra=60, seed=0):
    """Columns and labels: the gap decides; every third prompt stands twice, extra rows share some.

    The first column holds the row's number, so that a learner can tell which rows it was given.
    """
    rng = np.random.default_rng(seed)
    total = n + n_extra
    values = np.column_stack([np.arange(total), rng.normal([0, 3, 3], size=(total, 3))])
    gap = values[:, 1]
    first = rng.uniform(size=total) < 1 / (1 + np.exp(-2 * gap))
    tie = rng.uniform(size=total) < np.where(np.abs(gap) < 0.5, 0.5, 0.15)
    y = np.where(tie, 2, np.where(first, 0, 1)).astype(np.int8)
    group = [f"g{row - row % 3 % 2}" for row in range(n)] + [
        f"g{3 * row}" for row in range(n_extra)
    ]
    X = pd.DataFrame(values.astype(np.float32), columns=COLUMNS)
    source, length = ["plain"] * n + ["extra"] * n_extra, rng.uniform(1, 1000, size=total)
    return X.assign(group=group, source=source, characters=length), y


class FakeModel:
    """Answers a row by the scores it was told of it, and others with a number made of the row."""

    suffix = ".json"
    device = "cpu"

    def __init__(self, known, losses, n_classes):
        self.known, self.losses, self.n_classes = known, losses, n_classes

    def raw(self, X, complexity=None):
        scores = np.array([self.known.get(key(row), noise(row)) for row in X])
        return scores if self.n_classes == 2 else np.column_stack([scores, -scores, scores / 2])


def key(row):
    return (int(row[0]), float(row[1]))


def noise(row):
    """A score that knows nothing of the labels, and differs in the two orders."""
    return 4.0 * np.sign(row[1]) * np.sin(1000.0 * row[0] + 1.0) + np.sin(row[0])


class Recorder(BaseEstimator):
    """Learns nothing or, as a memoriser, its rows by heart; writes down what it is given.

    `best` says at which complexity the watched loss is least, in the order of the fits of a head.
    """

    model = FakeModel
    seeded = False

    def __init__(self, best=None, memorise=False):
        self.best = best
        self.memorise = memorise
        self.calls = []

    def trains_on(self, device):
        return "cpu"

    def fit(self, sample, setting, *, complexity=None, watch=None):
        earlier = sum(call["setting"].head == setting.head for call in self.calls)
        losses = [1.0] * 9
        if watch is not None:
            losses[(self.best or [1] * 99)[earlier] - 1] = 0.5
        self.calls.append(
            {"sample": sample, "setting": setting, "complexity": complexity, "watch": watch}
        )
        scores = np.where(sample.target == 1, 9.0, -9.0)
        known = dict(zip(map(key, sample.both()), scores, strict=True)) if self.memorise else {}
        return FakeModel(known, losses if watch is not None else [], setting.n_classes)


def recorded(X, y, **options):
    recorder = Recorder()
    PreferenceModel([("r", recorder)], n_jobs=1, **options).fit(X, y)
    return recorder.calls


def rows_of(X):
    return X[:, 0].astype(int)


def by_head(calls, name, *, watched):
    return [
        call
        for call in calls
        if call["setting"].head == name and (call["watch"] is not None) == watched
    ]


def fitted(members="both", form="heads", **options):
    X, y = table()
    return PreferenceModel(MEMBERS[members], form=form, inner_folds=2, **options).fit(X, y)


every_model = pytest.mark.parametrize(
    ("members", "form"), [(members, form) for members in MEMBERS for form in TWO_FORMS]
)


@pytest.fixture(scope="module")
def real(battles, columns):
    """Models on the feature columns of generated battles, one for each kind."""
    return {
        (members, form): PreferenceModel(MEMBERS[members], form=form, inner_folds=2).fit(
            columns, battles[1]
        )
        for members in MEMBERS
        for form in TWO_FORMS
    }


@every_model
def test_a_swap_changes_the_places_bit_for_bit(members, form, real, columns, swapped):
    model = real[members, form]
    p = model.predict_proba(columns)
    np.testing.assert_array_equal(model.predict_proba(swapped(columns)), p[:, [1, 0, 2]])
    assert np.abs(p[:, 0] - p[:, 1]).max() > 0.1


@every_model
def test_a_swap_turns_z_round_and_leaves_t_before_calibration(
    members, form, real, columns, swapped
):
    """A calibration that silences the ties would hide a tie part that knows left from right."""
    model = real[members, form]
    z, t = model.logits(columns, calibrated=False)
    z_swapped, t_swapped = model.logits(swapped(columns), calibrated=False)
    np.testing.assert_array_equal(z_swapped, -z)
    np.testing.assert_array_equal(t_swapped, t)
    assert z.std() > 0.01
    assert t.std() > 0.001


@every_model
def test_dump_and_load_give_the_same_bit_for_bit(members, form, real, columns, swapped):
    model = real[members, form]
    files = model.dump()
    loaded = clone(model).load(files)
    p = model.predict_proba(columns)
    np.testing.assert_array_equal(loaded.predict_proba(columns), p)
    np.testing.assert_array_equal(loaded.predict_proba(swapped(columns)), p[:, [1, 0, 2]])
    assert loaded.dump() == files
    assert loaded.feature_names_in_.tolist() == model.feature_names_in_.tolist()
    assert loaded.chosen_ == model.chosen_


@every_model
def test_probabilities_lie_inside_and_add_up(members, form, real, columns):
    p = real[members, form].predict_proba(columns)
    assert p.dtype == np.float64
    assert p.shape == (len(columns), 3)
    assert p.min() > 0.0
    assert p.max() < 1.0
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0, atol=4e-16)


@every_model
def test_a_battle_does_not_depend_on_its_batch(members, form, real, columns):
    model, some = real[members, form], columns.iloc[:40]
    whole = model.predict_proba(some)
    for size in (1, 7):
        parts = [
            model.predict_proba(some.iloc[start : start + size]) for start in range(0, 40, size)
        ]
        np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-12)
    turned = model.predict_proba(some.iloc[::-1])[::-1]
    np.testing.assert_allclose(turned, whole, rtol=0, atol=1e-12)


def test_group_and_source_are_no_features(real, columns):
    model = real["both", "heads"]
    assert model.n_features_in_ == columns.shape[1] - len(PASSED_THROUGH)
    assert not set(PASSED_THROUGH) & set(model.feature_names_in_)
    assert {"group", "source"} <= set(PASSED_THROUGH)
    others = columns.assign(group="another", source="extra")
    np.testing.assert_array_equal(model.predict_proba(others), model.predict_proba(columns))


def test_columns_are_found_by_name(real, columns):
    model = real["both", "heads"]
    turned = columns[columns.columns[::-1]]
    np.testing.assert_array_equal(model.predict_proba(turned), model.predict_proba(columns))


def test_the_likeliest_class_is_predicted(real, columns):
    model = real["both", "heads"]
    p = model.predict_proba(columns)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict(columns).tolist() == p.argmax(axis=1).tolist()


def test_fit_again_gives_the_same_whatever_the_number_of_jobs():
    one, two, other = (fitted(n_jobs=1), fitted(n_jobs=2), fitted(n_jobs=1, seed=1))
    assert one.dump() == two.dump()
    assert one.dump() != other.dump()


def test_logits_are_means_over_the_members():
    X, _ = table()
    members = {
        name: fitted(name, calibrate=False).logits(X) for name in ("lightgbm", "linear", "both")
    }
    for place in (0, 1):
        mean = (members["lightgbm"][place] + members["linear"][place]) / 2
        np.testing.assert_allclose(members["both"][place], mean, rtol=1e-12, atol=1e-15)


# Who learns from what.


def test_each_row_stands_there_in_both_orders():
    X, y = table()
    for form in TWO_FORMS:
        for call in recorded(X, y, inner_folds=2, form=form):
            sample, both = call["sample"], call["sample"].both()
            half = len(both) // 2
            np.testing.assert_array_equal(both[half:], Swap(COLUMNS)(both[:half]))
            rows = rows_of(both[:half])
            labels = {"direction": (y == 0), "tie": (y == 2), "multiclass": y}
            mirror = {"direction": (y == 1), "tie": (y == 2), "multiclass": np.array([1, 0, 2])[y]}
            head = call["setting"].head
            assert sample.target[:half].tolist() == labels[head][rows].astype(int).tolist()
            assert sample.target[half:].tolist() == mirror[head][rows].astype(int).tolist()


def test_the_last_fit_takes_decided_rows_for_the_direction_and_plain_ones_for_the_tie():
    X, y = table()
    calls = recorded(X, y, inner_folds=2)
    (direction,) = by_head(calls, "direction", watched=False)
    (tie,) = by_head(calls, "tie", watched=False)
    assert sorted(rows_of(direction["sample"].both())) == sorted([*np.flatnonzero(y != 2)] * 2)
    assert sorted(rows_of(tie["sample"].both())) == sorted([*range(240)] * 2)
    (three,) = by_head(
        recorded(X, y, inner_folds=2, form="multiclass"), "multiclass", watched=False
    )
    assert sorted(rows_of(three["sample"].both())) == sorted([*range(300)] * 2)


@pytest.mark.parametrize("form", TWO_FORMS)
def test_a_prompt_stays_on_one_side_of_every_inner_split(form):
    X, y = table()
    calls = [call for call in recorded(X, y, inner_folds=3, form=form) if call["watch"] is not None]
    group = X["group"].to_numpy()
    for call in calls:
        trained, watched = rows_of(call["sample"].both()), rows_of(call["watch"].both())
        assert not set(group[trained]) & set(group[watched])
    assert len(calls) == 3 * (2 if form == "heads" else 1)


@pytest.mark.parametrize("form", TWO_FORMS)
def test_rows_that_judge_are_watched_each_once_in_both_orders(form):
    """Plain rows, and of the direction the extra ones that are decided."""
    X, y = table()
    calls = recorded(X, y, inner_folds=3, form=form)
    watched = {"direction": np.flatnonzero(y != 2), "tie": range(240)}
    for name in ("direction", "tie") if form == "heads" else ("multiclass",):
        seen = []
        for call in by_head(calls, name, watched=True):
            half = len(call["watch"].both()) // 2
            np.testing.assert_array_equal(
                call["watch"].both()[half:], Swap(COLUMNS)(call["watch"].both()[:half])
            )
            seen += rows_of(call["watch"].both()[:half]).tolist()
        assert sorted(seen) == list(watched.get(name, range(240)))


def test_the_watched_loss_is_that_of_the_symmetric_logits_weighted_as_the_rows_are():
    X, y = table()
    calls = recorded(X, y, inner_folds=2, extra_weight=0.25)
    call = by_head(calls, "direction", watched=True)[0]
    rows = rows_of(call["watch"].both())
    half = len(rows) // 2
    raw = np.random.default_rng(0).normal(size=len(rows))
    z = (raw[:half] - raw[half:]) / 2
    losses = np.log1p(np.exp(np.where(y[rows[:half]] == 0, -z, z)))
    expected = np.average(losses, weights=np.where(rows[:half] < 240, 1.0, 0.25))
    assert expected != pytest.approx(losses.mean(), rel=1e-3)
    assert call["watch"].loss(raw) == pytest.approx(expected, rel=1e-12)


def test_labels_of_extra_ties_do_not_reach_the_tie_logits():
    X, y = table()
    turned = y.copy()
    turned[240:][y[240:] == 2] = 0
    assert (turned != y).sum() > 5
    for form in TWO_FORMS:
        t = [
            PreferenceModel([BOOSTED, LINEAR], form=form, inner_folds=2)
            .fit(X, labels)
            .logits(X, calibrated=False)[1]
            for labels in (y, turned)
        ]
        assert np.array_equal(*t) == (form == "heads")


def test_extra_rows_reach_the_direction():
    X, y = table()
    turned = y.copy()
    turned[240:] = np.array([1, 0, 2])[y[240:]]
    z, t = ([fitted_on(X, labels)[place] for labels in (y, turned)] for place in (0, 1))
    assert not np.array_equal(*z)
    assert np.array_equal(*t)


def fitted_on(X, y, **options):
    model = PreferenceModel([BOOSTED, LINEAR], inner_folds=2, **options).fit(X, y)
    return model.logits(X, calibrated=False)


@pytest.mark.parametrize("form", TWO_FORMS)
def test_extra_weight_zero_leaves_the_extra_rows_out(form):
    X, y = table()
    without, zero, one = (
        PreferenceModel([BOOSTED, LINEAR], form=form, inner_folds=2, extra_weight=weight)
        .fit(X[:rows], y[:rows])
        .predict_proba(X)
        for rows, weight in ((240, 1.0), (300, 0.0), (300, 1.0))
    )
    np.testing.assert_array_equal(zero, without)
    assert not np.allclose(one, without)


def test_extra_weight_is_the_weight_of_extra_rows():
    X, y = table()
    call = by_head(recorded(X, y, inner_folds=2, extra_weight=0.25), "direction", watched=False)[0]
    rows, weight = rows_of(call["sample"].both()), call["sample"].weight
    assert set(weight[rows < 240]) == {1.0}
    assert set(weight[rows >= 240]) == {0.25}


# What inner folds choose.


def test_complexity_is_the_median_over_the_inner_folds():
    X, y = table()
    recorder = Recorder(best=[2, 8, 3])
    model = PreferenceModel([("r", recorder)], inner_folds=3, n_jobs=1).fit(X, y)
    assert model.chosen_.complexity == {"r_direction": 3, "r_tie": 3}
    for head in ("direction", "tie"):
        inner, last = (by_head(recorder.calls, head, watched=watched) for watched in (True, False))
        assert [call["complexity"] for call in inner] == [None] * 3
        assert [call["complexity"] for call in last] == [3]


def test_inner_loss_is_the_mean_at_the_chosen_complexity():
    X, y = table()
    model = PreferenceModel([("r", Recorder(best=[2, 8, 3]))], inner_folds=3, n_jobs=1).fit(X, y)
    assert model.chosen_.inner_loss["r_direction"] == pytest.approx((1.0 + 1.0 + 0.5) / 3)


def test_a_memoriser_does_not_look_good_to_the_calibration():
    """It knows each row it has seen; on unseen ones its scores say nothing."""
    X, y = table(n=600, n_extra=0)
    model = PreferenceModel([("r", Recorder(memorise=True))], inner_folds=2, n_jobs=1).fit(X, y)
    raw, calibrated = model.logits(X, calibrated=False)[0], model.logits(X)[0]
    decided = y != 2
    assert (np.sign(raw[decided]) == np.where(y[decided] == 0, 1, -1)).all()
    assert np.abs(calibrated).max() < 0.15 * np.abs(raw).max()


def test_calibration_is_left_out_where_it_is_not_wanted():
    X, _ = table()
    plain, calibrated = fitted(calibrate=False), fitted(calibrate=True)
    np.testing.assert_array_equal(plain.logits(X), plain.logits(X, calibrated=False))
    assert not np.allclose(calibrated.logits(X)[0], calibrated.logits(X, calibrated=False)[0])
    np.testing.assert_array_equal(plain.logits(X), calibrated.logits(X, calibrated=False))


def test_extra_rows_do_not_calibrate():
    """All extra rows turned round: a memoriser sees no difference on plain rows out of fold."""
    X, y = table(n=300, n_extra=300)
    X["group"] = [f"g{row}" for row in range(600)]  # no prompt twice: all else stays the same
    turned = y.copy()
    turned[300:] = np.array([1, 0, 2])[y[300:]]
    models = [
        PreferenceModel([("r", Recorder())], inner_folds=2, n_jobs=1).fit(X, labels)
        for labels in (y, turned)
    ]
    np.testing.assert_array_equal(models[0].logits(X), models[1].logits(X))


def test_importance_is_a_share_for_each_part():
    shares = fitted().importance()
    assert shares.index.tolist() == COLUMNS
    assert sorted(shares.columns) == sorted(
        f"{member}_{head}" for member in ("lightgbm", "linear") for head in ("direction", "tie")
    )
    np.testing.assert_allclose(shares.sum(), 1.0)
    assert shares["linear_direction"].idxmax() == "f__gap_diff"


def test_files_are_no_pickles():
    files = fitted().dump()
    assert set(files) >= {"lightgbm_direction.txt", "linear_tie.json"}
    for name, content in files.items():
        assert content.decode("utf-8")  # text of some kind
        assert not name.endswith((".pkl", ".joblib"))


def test_column_names_that_boosters_refuse_are_fine():
    X, y = table()
    odd = X.rename(columns={"f__gap_diff": 'f__gap[<"{>]}: ,é_diff'})
    p = PreferenceModel(MEMBERS["both"], inner_folds=2).fit(odd, y).predict_proba(odd)
    np.testing.assert_array_equal(p, fitted().predict_proba(X))


# The scikit-learn contract.


def test_clones_and_pickles():
    X, _ = table()
    model = fitted()
    twin = clone(model)
    assert not hasattr(twin, "models_")
    assert twin.get_params(deep=False).keys() == model.get_params(deep=False).keys()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_parameters_come_back():
    options = {"form": "multiclass", "inner_folds": 3, "extra_weight": 0.5, "seed": 4, "n_jobs": 1}
    model = PreferenceModel([LINEAR]).set_params(**options)
    assert options.items() <= model.get_params().items()


def test_fit_leaves_its_input_as_it_is():
    X, y = table()
    before, labels = X.copy(deep=True), y.copy()
    PreferenceModel([LINEAR], inner_folds=2).fit(X, y)
    pd.testing.assert_frame_equal(X, before)
    np.testing.assert_array_equal(y, labels)


def test_an_unknown_form_is_refused():
    X, y = table()
    with pytest.raises(ValueError, match=r"form of PreferenceModel.*heads, multiclass.*'other'"):
        PreferenceModel([LINEAR], form="other").fit(X, y)


def test_a_class_without_a_plain_row_is_refused():
    """Extra ties do not count: no tie part may learn from them."""
    X, y = table()
    y[:240][y[:240] == 2] = 0
    assert (y[240:] == 2).any()
    with pytest.raises(ValueError, match=r"2 \(tie\) among the plain rows.*no 2"):
        PreferenceModel([LINEAR]).fit(X, y)


def test_one_prompt_for_all_battles_is_refused_with_the_way_out():
    X, y = table()
    with pytest.raises(ValueError, match="Give more battles, or more distinct prompts"):
        PreferenceModel([LINEAR]).fit(X.assign(group="same"), y)


def test_a_bag_averages_over_seeds_and_then_over_members(columns, battles):
    """The copies of a member share its weight; a member without a seed has one copy."""
    y = battles[1]
    members = [("trees", LightGBMLearner(max_rounds=10)), ("linear", LinearLearner())]

    bag = PreferenceModel(members, inner_folds=2, calibrate=False, bag=2).fit(columns, y)
    assert {name for name in bag.models_ if name[-1].isdigit()} == {
        "trees_direction_1",
        "trees_tie_1",
    }
    X = columns[bag.feature_names_in_].to_numpy(np.float32)
    swapped = Swap(list(bag.feature_names_in_))(X)

    def z(name):
        return (bag.models_[name].raw(X) - bag.models_[name].raw(swapped)) / 2

    copies = z("trees_direction"), z("trees_direction_1")
    assert not np.array_equal(*copies)
    expected = (sum(copies) / 2 + z("linear_direction")) / 2
    np.testing.assert_allclose(bag.logits(columns)[0], expected, rtol=1e-12)


def test_copies_of_a_bag_learn_from_the_same_rows():
    """So that what a library makes of them is made once for each head and fold."""
    X, y = table()
    recorder = Recorder()
    recorder.seeded = True
    PreferenceModel([("r", recorder)], inner_folds=2, bag=3, n_jobs=1).fit(X, y)
    samples = {id(call["sample"]) for call in recorder.calls}
    assert len(recorder.calls) == 3 * 2 * (2 + 1)
    assert len(samples) == 2 * (2 + 1)


# What is chosen elsewhere, and members of one head.


def test_what_is_chosen_elsewhere_is_taken_and_no_inner_folds_are_cut():
    X, y = table()
    chosen = Chosen(
        {"r_direction": 4, "r_tie": 2}, {}, Calibration((0.5,), (2.0,), (-0.1,), (0.3,))
    )
    recorder = Recorder(best=[1, 1])
    model = PreferenceModel([("r", recorder)], n_jobs=1, chosen=chosen).fit(X, y)
    assert [(call["complexity"], call["watch"]) for call in recorder.calls] == [
        (4, None),
        (2, None),
    ]
    assert model.chosen_ == chosen
    raw, calibrated = model.logits(X, calibrated=False), model.logits(X)
    np.testing.assert_allclose(calibrated[0], 0.5 * raw[0])
    np.testing.assert_allclose(calibrated[1], 2.0 * raw[1] - 0.1 * np.abs(calibrated[0]) + 0.3)


def test_what_is_chosen_must_be_known_of_each_part():
    X, y = table()
    chosen = Chosen({"linear_direction": 1}, {}, Calibration())
    with pytest.raises(
        ValueError, match=r"chosen .* a complexity for linear_tie\. Got one for lin"
    ):
        PreferenceModel([LINEAR], chosen=chosen).fit(X, y)


def test_a_head_has_the_members_that_are_named_for_it():
    X, y = table()
    members = [BOOSTED, LINEAR]
    model = PreferenceModel(members, tie=["linear"], inner_folds=2).fit(X, y)
    both = PreferenceModel(members, inner_folds=2).fit(X, y)
    linear = PreferenceModel([LINEAR], inner_folds=2).fit(X, y)
    assert set(model.models_) == {f"{BOOSTED[0]}_direction", "linear_direction", "linear_tie"}
    (z, t), (of_both, _), (_, alone) = (
        each.logits(X, calibrated=False) for each in (model, both, linear)
    )
    np.testing.assert_array_equal(z, of_both)
    np.testing.assert_array_equal(t, alone)
    loaded = clone(model).load(model.dump())
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tie": ["nobody"]}, r"tie of PreferenceModel must name some of its members, .*nobody"),
        ({"direction": []}, r"direction of PreferenceModel must name some of its members"),
        ({"tie": ["linear"], "form": "multiclass"}, r"direction and tie .* must be None with"),
    ],
)
def test_wrong_members_of_a_head_are_refused(options, words):
    X, y = table()
    with pytest.raises(ValueError, match=words):
        PreferenceModel([LINEAR], inner_folds=2, **options).fit(X, y)
