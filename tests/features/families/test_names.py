"""What is known of models that are named: from votes whose strengths and ties are known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from data.battles import make_battles, swap_battles
from data.soft import soft_votes
from features.families.names import NamesFeatures, names_of
from features.sides import Swap

STRENGTH = {"ant": 1.5, "bee": 0.5, "cat": -0.5, "dog": -1.5}
TIES = {"ant": 0.1, "bee": 0.5, "cat": 0.1, "dog": 0.5}
MODELS = list(STRENGTH)
ONLY = "names__"


def invent(n_battles, seed=0):
    """Battles of the same texts, whose votes follow the models' strengths and habits of ties."""
    rng = np.random.default_rng(seed)
    names = np.array([rng.choice(MODELS, 2, replace=False) for _ in range(n_battles)])
    a, b = (np.array([STRENGTH[name] for name in names[:, side]]) for side in (0, 1))
    tie = sum(np.array([TIES[name] for name in names[:, side]]) for side in (0, 1)) / 2
    wins = rng.random(n_battles) < 1 / (1 + np.exp(b - a))
    y = np.where(rng.random(n_battles) < tie, 2, np.where(wins, 0, 1)).astype(np.int8)
    battles = make_battles(
        [f"Question {number // 2}?" for number in range(n_battles)],
        ["Yes."] * n_battles,
        ["No."] * n_battles,
        model_a=names[:, 0].tolist(),
        model_b=names[:, 1].tolist(),
    )
    return battles, y


def short(columns):
    return columns.rename(columns=lambda name: name.removeprefix(ONLY))


def known(of):
    """How many of both models are known."""
    return of["known_a"] + of["known_b"]


def without_names(battles):
    return battles.assign(model_a=None, model_b=None)


@pytest.fixture(scope="module")
def training():
    return invent(1200)


@pytest.fixture(scope="module")
def fitted(training):
    family = NamesFeatures()
    return family, family.fit_transform(*training)


class TestLearned:
    def test_strengths_and_ties_are_those_that_made_the_votes(self, training, fitted):
        one = make_battles(["?"] * 4, [""] * 4, [""] * 4, model_a=MODELS, model_b=MODELS[::-1])
        battles, y = training
        decided = short(NamesFeatures().fit(battles[y < 2], y[y < 2]).transform(one))
        np.testing.assert_allclose(decided["strength_a"], list(STRENGTH.values()), atol=0.3)
        of = short(fitted[0].transform(one))
        assert of["strength_a"].is_monotonic_decreasing
        assert of["strength_a"].iloc[0] < decided["strength_a"].iloc[0] - 0.2  # ties are half a win
        shares = [(own + (sum(TIES.values()) - own) / 3) / 2 for own in TIES.values()]
        np.testing.assert_allclose(of["tie_rate_a"], shares, atol=0.05)
        assert of["strength_diff"].iloc[0] == of["strength_a"].iloc[0] - of["strength_a"].iloc[3]
        assert (of["head_to_head_diff"].iloc[:2] > 0).all()
        assert (of[["known_a", "known_b"]] == 1).all(axis=None)
        games = (training[0][["model_a", "model_b"]] == "ant").to_numpy().sum()
        assert of["games_a"].iloc[0] == pytest.approx(np.log1p(games))

    def test_the_report_says_what_the_strengths_say_out_of_fold(self, training, fitted):
        report = fitted[0].report()
        assert (report["models"], report["battles"]) == (4, 1200)
        of, y = short(fitted[1]), training[1]
        rows = known(of).eq(2).to_numpy() & (y < 2)
        auc = roc_auc_score(y[rows] == 0, of["strength_diff"][rows])
        assert report["direction_auc"] == report["direction_auc_plain"] == round(auc, 4) > 0.8

    def test_extra_rows_teach_strengths_and_never_ties(self, training):
        battles, y = training
        half = np.arange(len(y)) % 2 == 0
        mixed = battles.assign(source=np.where(half, "plain", "extra"))
        whole = short(NamesFeatures().fit(mixed, y).transform(battles))
        alone = short(NamesFeatures().fit(mixed[half], y[half]).transform(battles))
        np.testing.assert_array_equal(whole["tie_rate_a"], alone["tie_rate_a"])
        assert not np.allclose(whole["strength_a"], alone["strength_a"], atol=0.01)
        flipped = np.where(half, y, np.where(y == 2, 2, 1 - y))
        weight = np.where(half, 1.0, 0.0)
        none = short(NamesFeatures().fit(mixed, flipped, sample_weight=weight).transform(battles))
        np.testing.assert_allclose(none["strength_a"], alone["strength_a"], atol=1e-9)

    def test_what_length_is_worth_is_not_put_down_to_the_models(self):
        battles, _ = invent(1200)
        rng = np.random.default_rng(1)
        names = [battles[name].to_numpy(dtype=object) for name in ("model_a", "model_b")]
        a, b = ((of == "ant") | (rng.random(1200) < 0.2) for of in names)
        texts = [[["So it is. " * (9 if long else 1)] for long in of] for of in (a, b)]
        longer = battles.assign(response_a=texts[0], response_b=texts[1])
        y = (rng.random(1200) > 1 / (1 + np.exp(2.0 * (b.astype(float) - a)))).astype(np.int8)
        of = short(NamesFeatures().fit(longer, y).transform(longer))[names[0] == "ant"]
        assert of["strength_a"].iloc[0] > 0.8
        assert abs(of["adjusted_a"].iloc[0]) < 0.4


class TestOutOfFold:
    @pytest.mark.parametrize("changed", ["votes", "names"])
    def test_a_prompts_votes_do_not_reach_its_own_columns(self, training, fitted, changed):
        battles, y = training
        own = (battles["group"] == battles["group"].iloc[10]).to_numpy()
        assert own.sum() == 2
        other, votes = battles.copy(), y.copy()
        if changed == "votes":
            votes[own] = np.where(y[own] == 0, 1, 0)
        else:
            met = battles.loc[own, ["model_a", "model_b"]].to_numpy().tolist()
            names = [next(name for name in MODELS if name not in pair) for pair in met]
            other.loc[own, "model_b"] = names
        columns = NamesFeatures().fit_transform(other, votes)
        stay = [name for name in columns if changed == "votes" or name.endswith("_a")]
        pd.testing.assert_frame_equal(columns.loc[own, stay], fitted[1].loc[own, stay])
        strength = f"{ONLY}strength_a"
        assert (columns[strength][~own] != fitted[1][strength][~own]).any()

    def test_it_is_not_what_the_full_fit_gives(self, training, fitted):
        kept = known(short(fitted[1])) == 2
        full = fitted[0].transform(training[0])
        assert not np.allclose(fitted[1][kept], full[kept], atol=1e-3)
        np.testing.assert_allclose(fitted[1][kept], full[kept], atol=0.8)

    def test_swapping_all_battles_swaps_the_columns(self, training, fitted):
        """The names that training rows lose are of the battle, whatever side they stand on."""
        battles, y = training
        swap = Swap(fitted[0].get_feature_names_out())
        mirrored = np.array([1, 0, 2], dtype=np.int8)[y]
        columns = NamesFeatures().fit_transform(swap_battles(battles), mirrored)
        np.testing.assert_allclose(columns, swap(fitted[1].to_numpy()), atol=1e-5)


@pytest.fixture(scope="module")
def quarters():
    """Battles, and the votes of four people on each: of long answers they agree more often."""
    rng = np.random.default_rng(3)
    battles, _ = invent(300)
    words = rng.integers(1, 30, 300)
    likely = np.where(words[:, None] > 15, [[0.9, 0.05, 0.05]], [[0.0, 0.5, 0.5]])
    longer = battles.assign(response_a=[["Word. " * number] for number in words])
    return longer, rng.multinomial(4, likely)


class TestSoftLabels:
    """A battle's rows are its votes, by their shares."""

    def test_are_as_whole_votes_of_that_weight(self, quarters):
        battles, counts = quarters
        frame, y = soft_votes(battles, counts / 4)
        assert len(frame) < 4 * 300
        soft, voted = NamesFeatures(), NamesFeatures()
        columns = soft.fit_transform(frame, y, sample_weight=frame["share"])
        rows = np.repeat(np.arange(len(y)), (4 * frame["share"]).astype(int))
        whole = frame.drop(columns="share").iloc[rows]
        expected = voted.fit_transform(whole, y[rows], sample_weight=np.full(len(rows), 0.25))
        np.testing.assert_allclose(columns.to_numpy()[rows], expected, rtol=1e-5, atol=1e-6)
        assert voted.report()["battles"] == 4 * 300
        assert soft.report() == {**voted.report(), "battles": 300}

    def test_how_many_rows_a_battle_has_does_not_reach_its_own_columns(self, quarters):
        battles, counts = quarters
        own = (battles["group"] == battles["group"].iloc[10]).to_numpy()
        first = []
        for votes in ([4, 0, 0], [1, 1, 2]):
            frame, y = soft_votes(battles, np.where(own[:, None], votes, counts) / 4)
            columns = NamesFeatures().fit_transform(frame, y, sample_weight=frame["share"])
            its = frame["group"] == battles["group"].iloc[10]
            assert its.sum() == 2 * np.count_nonzero(votes)
            first.append(columns[its.to_numpy()].iloc[[0, -1]])
        np.testing.assert_allclose(*first, rtol=1e-6)


class TestVotesWithoutTies:
    @pytest.mark.parametrize("extra", [False, True])
    def test_there_is_no_share_of_ties(self, training, fitted, extra):
        """Extra rows may tie: they never teach how often battles do."""
        battles, y = training
        source = np.where(y == 2, "extra", "plain")
        rows = (y < 2) | extra
        family = NamesFeatures()
        columns = family.fit_transform(battles.assign(source=source)[rows], y[rows])
        names = [name for name in fitted[0].get_feature_names_out() if "tie_rate" not in name]
        assert len(names) == len(fitted[1].columns) - 3
        loaded = NamesFeatures().load(family.dump())
        for of in (columns, family.transform(battles), loaded.transform(battles)):
            assert of.columns.tolist() == names
        assert list(family.describe()) == names
        assert family.report()["battles"] == rows.sum()

    def test_one_tie_is_of_no_fold_but_one(self, training):
        """The columns are the same in all, whatever the rest of a fold knows."""
        battles, y = training
        one = np.where((y == 2) & (np.arange(len(y)) != np.flatnonzero(y == 2)[0]), 0, y)
        rates = NamesFeatures().fit_transform(battles, one)[f"{ONLY}tie_rate_a"]
        assert 0 < (rates == 0).mean() < 0.5


class TestLost:
    def test_a_quarter_of_the_rows_lose_names_by_their_prompt(self, training, fitted):
        names = known(short(fitted[1]))
        shares = names.value_counts(normalize=True)
        assert abs(shares[2.0] - 0.75) < 0.05
        assert abs(shares[1.0] - 0.125) < 0.04
        by_prompt = names.groupby(training[0]["group"].astype(str))
        assert ((by_prompt.max() < 2) == (by_prompt.min() < 2)).all()
        alone = [fitted[1][f"{ONLY}known_{side}"][names == 1].mean() for side in "ab"]
        assert min(alone) > 0.3

    def test_their_votes_teach_strengths_all_the_same(self, training, fitted):
        none = NamesFeatures(lost=0.0)
        columns = none.fit_transform(*training)
        assert (known(short(columns)) == 2).all()
        pd.testing.assert_frame_equal(none.transform(training[0]), fitted[0].transform(training[0]))

    @pytest.mark.parametrize(("lost", "words"), [(1.0, "less than 1"), (-0.1, "equal to 0")])
    def test_shares_out_of_range_are_refused(self, training, lost, words):
        with pytest.raises(ValueError, match=rf"The lost of NamesFeatures must .*{words}"):
            NamesFeatures(lost=lost).fit(*training)


class TestNames:
    def test_a_row_without_is_that_of_unknown_models(self, training, fitted):
        battles = training[0].iloc[:30]
        expected = fitted[0].transform(without_names(battles))
        strange = battles.assign(model_a="ANT", model_b="ant ")  # matched as they stand
        bare = battles[["prompt", "response_a", "response_b"]]
        for other in (strange, bare, battles.assign(model_a="", model_b=float("nan"))):
            pd.testing.assert_frame_equal(fitted[0].transform(other), expected)
        of = short(expected)
        assert (of.filter(regex="(strength|adjusted|known|games)_[ab]") == 0).all(axis=None)
        assert of.filter(regex="_diff").isna().all(axis=None)
        np.testing.assert_allclose(of["tie_rate_a"], (training[1] == 2).mean(), atol=1e-6)

    def test_one_known_name_is_of_use(self, training, fitted):
        battles = training[0].iloc[:30].assign(model_a="ant", model_b="new")
        of = short(fitted[0].transform(battles))
        assert (of["known_a"] == 1).all()
        assert (of["known_b"] == 0).all()
        assert (of["strength_diff"] == of["strength_a"]).all()
        assert of["head_to_head_diff"].isna().all()

    @pytest.mark.parametrize("none", ["both", "columns", "one"])
    def test_without_pairs_of_names_there_are_no_columns(self, training, none):
        battles, y = training
        battles = {
            "both": without_names(battles),
            "columns": battles.drop(columns=["model_a", "model_b"]),
            "one": battles.assign(model_b=None),
        }[none]
        family = NamesFeatures()
        assert family.fit_transform(battles, y).shape == (len(y), 0)
        assert family.transform(training[0]).shape == (len(y), 0)
        assert family.describe() == {}
        assert family.report() == {"models": 0, "left_out": "no training row names two models"}
        assert NamesFeatures().load(family.dump()).transform(battles).shape == (len(y), 0)

    def test_rows_of_one_name_teach_nothing(self, training):
        battles, y = training
        some = np.arange(len(y)) % 8 == 0
        partly = battles.assign(model_b=battles["model_b"].where(~some, None))
        family = NamesFeatures().fit(partly, y)
        assert family.report()["battles"] == (~some).sum()
        flipped = np.where(some & (y < 2), 1 - y, y)
        pd.testing.assert_frame_equal(
            NamesFeatures().fit(partly, flipped).transform(battles), family.transform(battles)
        )

    def test_are_read_from_frames_of_any_kind(self):
        frame = pd.DataFrame({"model_a": ["m", None, "", float("nan")], "model_b": [pd.NA] * 4})
        assert [names.tolist() for names in names_of(frame)] == [
            ["m", None, None, None],
            [None] * 4,
        ]

    @pytest.mark.parametrize("n_battles", [1, 2, 12])
    def test_few_rows(self, n_battles):
        family = NamesFeatures()
        for columns in (family.fit_transform(*invent(n_battles)), family.transform(invent(20)[0])):
            assert np.isfinite(columns.filter(regex="_[ab]$")).all(axis=None)
            assert not np.isinf(columns).any(axis=None)


class TestKept:
    def test_loaded_gives_the_same(self, training, fitted):
        family, _ = fitted
        files = family.dump()
        assert {name.rpartition(".")[2] for name in files} == {"json", "safetensors"}
        loaded = clone(family).load(files)
        pd.testing.assert_frame_equal(
            loaded.transform(training[0]), family.transform(training[0]), check_exact=True
        )
        assert loaded.report() == family.report()
        assert loaded.dump() == files

    def test_swap_is_exact(self, training, fitted):
        swap = Swap(fitted[0].get_feature_names_out())
        swapped = fitted[0].transform(swap_battles(training[0])).to_numpy()
        np.testing.assert_array_equal(swapped, swap(fitted[0].transform(training[0]).to_numpy()))
