"""Who wrote an answer, from texts whose authors have habits, and votes from known strengths."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors import numpy as safetensors
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_info, threadpool_limits

from data.battles import make_battles, swap_battles
from features.families.fingerprint import FingerprintFeatures, style
from features.layout import texts_of, to_polars
from features.ngram.counting import CountStore
from features.sides import Swap
from features.votes import authors
from features.votes.authors import Classifier, Discriminant, Scale, Sums, identify
from features.votes.bradley_terry import Ratings, head_to_head, strengths

HABITS = {
    "ant": ("Certainly, here it is", 1.5),
    "bee": ("Well, honestly", 0.5),
    "cat": ("As an assistant", -0.5),
    "dog": ("lol", -1.5),
}
NAMES = list(HABITS)
WORDS = ["time", "year", "people", "way", "day", "man", "thing", "life", "child", "world", "state"]


def invent(n_battles, seed=0):
    """Battles whose answers betray their authors, and votes that follow the authors' strengths."""
    rng = np.random.default_rng(seed)
    pairs = [rng.choice(4, 2, replace=False) for _ in range(n_battles)]
    names = np.array(NAMES)[np.array(pairs)]

    def answer(name):
        return f"{HABITS[name][0]} {' '.join(rng.choice(WORDS, 12))}."

    battles = make_battles(
        [f"Question {number // 2}?" for number in range(n_battles)],
        [answer(name) for name in names[:, 0]],
        [answer(name) for name in names[:, 1]],
        model_a=names[:, 0].tolist(),
        model_b=names[:, 1].tolist(),
    )
    strength = np.array([HABITS[name][1] for name in NAMES])[np.array(pairs)]
    wins = rng.random(n_battles) < 1 / (1 + np.exp(strength[:, 1] - strength[:, 0]))
    y = np.where(rng.random(n_battles) < 0.2, 2, np.where(wins, 0, 1)).astype(np.int8)
    return battles, y


def direction_auc(columns, y):
    decided = y < 2
    return roc_auc_score(y[decided] == 0, columns["fingerprint__strength_diff"][decided])


def without_names(battles):
    return battles.assign(
        model_a=pd.array([None] * len(battles), dtype=battles["model_a"].dtype),
        model_b=pd.array([None] * len(battles), dtype=battles["model_b"].dtype),
    )


@pytest.fixture(scope="module")
def training():
    return invent(400)


@pytest.fixture(scope="module")
def fitted(training):
    family = FingerprintFeatures()
    return family, family.fit_transform(*training)


class TestStrengths:
    def battles(self, n_battles=40_000):
        rng = np.random.default_rng(1)
        known = np.array([1.0, 0.3, -0.2, -1.1])
        first, second = rng.integers(0, 4, (2, n_battles))
        points = rng.random(n_battles) < 1 / (1 + np.exp(known[second] - known[first]))
        return known, first, second, points.astype(float)

    def test_are_those_that_made_the_votes(self):
        known, *battles = self.battles()
        np.testing.assert_allclose(strengths(*battles, 4), known, atol=0.06)

    def test_solve_the_equation_of_the_penalised_likelihood(self):
        _, first, second, points = self.battles(300)
        found = strengths(first, second, points, 4)
        gain = points - 1 / (1 + np.exp(found[second] - found[first]))
        gradient = np.bincount(first, gain, 4) - np.bincount(second, gain, 4)
        np.testing.assert_allclose(gradient, found, atol=1e-8)  # the ridge is 1

    def test_a_tie_is_half_a_win_of_each(self):
        first, second = np.array([0, 0]), np.array([1, 1])
        ties = strengths(first, second, np.array([0.5, 0.5]), 2)
        np.testing.assert_allclose(ties, strengths(first, second, np.array([1.0, 0.0]), 2))
        np.testing.assert_allclose(ties, 0, atol=1e-12)

    def test_who_always_wins_has_a_finite_strength(self):
        found = strengths(np.zeros(500, int), np.ones(500, int), np.ones(500), 3)
        assert 2 < found[0] < 5
        np.testing.assert_allclose(found, [found[0], -found[0], 0.0], atol=1e-12)

    def test_without_battles_are_zero(self):
        none = np.empty(0, dtype=np.intp)
        assert strengths(none, none, np.empty(0), 2).tolist() == [0, 0]


class TestHeadToHead:
    def test_is_antisymmetric_bitwise(self):
        rng = np.random.default_rng(0)
        first, second = rng.integers(0, 9, (2, 300))
        table = head_to_head(first, second, rng.choice([0, 0.5, 1], 300), rng.normal(size=9))
        np.testing.assert_array_equal(table, -table.T)
        assert np.abs(table).max() < 0.5

    def test_leans_on_the_strengths_where_battles_are_few(self):
        strength, prior = np.array([1.0, -1.0]), 1 / (1 + np.exp(-2)) - 0.5
        none = np.empty(0, dtype=np.intp)
        assert head_to_head(none, none, np.empty(0), strength)[0, 1] == pytest.approx(prior)
        lost = [np.full(1950, 1), np.full(1950, 0), np.ones(1950)]
        found = head_to_head(*lost, strength)[0, 1]
        assert found == pytest.approx((50 * prior - 1950 * 0.5) / 2000)

    def test_expected_points_change_sign_bitwise_and_stand_alone(self):
        rng = np.random.default_rng(0)
        table = rng.normal(size=(7, 7))
        ratings = Ratings(np.zeros(7), table - table.T)
        first, second = rng.dirichlet(np.ones(7), (2, 50))
        points = ratings.expected_points(first, second)
        np.testing.assert_array_equal(points, -ratings.expected_points(second, first))
        expected = np.einsum("ik,kl,il->i", first, table - table.T, second)
        np.testing.assert_allclose(points, expected, atol=1e-12)
        np.testing.assert_array_equal(points[3:4], ratings.expected_points(first[3:4], second[3:4]))

    def test_unknown_models_are_left_out(self):
        first, second = np.array([0, -1, 0]), np.array([1, 1, -1])
        ratings = Ratings.of(first, second, np.array([1.0, 0.0, 0.0]), 2)
        only = Ratings.of(first[:1], second[:1], np.ones(1), 2)
        np.testing.assert_array_equal(ratings.strength, only.strength)
        difference = ratings.difference(first, second)
        assert difference[0] == ratings.strength[0] - ratings.strength[1]
        assert np.isnan(difference[1:]).all()


class TestClassifier:
    def sample(self, n_answers=600, seed=0):
        rng = np.random.default_rng(seed)
        author = rng.integers(0, 3, n_answers)
        X = rng.normal(size=(n_answers, 5)) * [1, 2, 1, 1, 1] + np.eye(3, 5)[author] * 2 + 4
        return (
            csr_matrix(X.astype(np.float32)),
            author,
            rng.integers(0, 5, n_answers).astype("int8"),
        )

    def test_discriminant_is_its_formula(self):
        X, author, _ = self.sample()
        scale = Scale.of(X)
        sums = Sums.of(X, author, 3, scale, range(600))
        found = Classifier.of(Discriminant.of(sums, 2.0), scale, 0.7).probabilities(X)
        dense = X.toarray().astype(float)
        values = (dense - dense.mean(axis=0)) / dense.std(axis=0)
        counts = np.bincount(author)
        means = np.stack([values[author == c].sum(axis=0) for c in range(3)]) / (
            counts[:, None] + authors.PULL
        )
        inverse = np.linalg.inv(values.T @ values / 600 + 2.0 * np.eye(5))
        scores = values @ inverse @ means.T - np.diag(means @ inverse @ means.T) / 2
        expected = counts / 600 * np.exp(0.7 * scores)
        expected /= expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_is_calibrated_by_the_temperature(self):
        X, author, fold = self.sample(3000)
        found = identify(X, author, fold, 3, 5, 2.0)
        confidence = found.probabilities.max(axis=1).mean()
        right = (found.probabilities.argmax(axis=1) == author).mean()
        assert right > 0.75
        assert confidence == pytest.approx(right, abs=0.04)

    def test_a_fold_learns_nothing_from_its_own_authors(self):
        X, author, fold = self.sample()
        before = identify(X, author, fold, 3, 5, 2.0).probabilities
        other = np.where(fold == 2, (author + 1) % 3, author)
        after = identify(X, other, fold, 3, 5, 2.0).probabilities
        np.testing.assert_array_equal(before[fold == 2], after[fold == 2])
        assert (before[fold != 2] != after[fold != 2]).any(axis=1).all()

    def test_a_weight_counts_as_so_many_answers(self):
        X, author, _ = self.sample(200)
        scale, twice = Scale.of(X), np.repeat(np.arange(200), 2)
        weight = np.where(np.arange(200) < 80, 2.0, 1.0)
        rows = [row for row in twice[::2] for _ in range(int(weight[row]))]
        found = Sums.of(X, author, 3, scale, range(200), weight)
        expected = Sums.of(X, author, 3, scale, rows)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)
        values = scale.dense(X[rows]).astype(float)
        np.testing.assert_allclose(expected.products, np.triu(values.T @ values), atol=1e-2)

    @pytest.mark.parametrize("n_folds", [4, 5])
    def test_every_folds_temperature_is_judged_on_another_fold(self, n_folds, monkeypatch):
        """And by a classifier that has seen neither."""
        X, author, _ = self.sample()
        fold, fitted, judged = (np.arange(600) % n_folds).astype(np.int8), [], {}
        without, losses = authors._without, Discriminant.losses

        def spy(sums, folds):
            fitted.append(tuple(folds))
            return without(sums, folds)

        def judge(self, values, author):
            judged.setdefault(fitted[-1], []).append(len(author))
            return losses(self, values, author)

        monkeypatch.setattr(authors, "_without", spy)
        monkeypatch.setattr(Discriminant, "losses", judge)
        identify(X, author, fold, 3, n_folds, 2.0)
        pairs = {4: {(0, 1): 2, (2, 3): 2}, 5: {(0, 1): 2, (2, 3): 2, (0, 4): 1}}[n_folds]
        assert {pair: len(found) for pair, found in judged.items()} == pairs
        assert len(fitted) == len(pairs) + n_folds + 1

    def test_rare_authors_are_never_guessed(self):
        X, author, fold = self.sample()
        author[:9] = 3  # one below the least
        probabilities = identify(X, author, fold, 4, 5, 2.0).probabilities
        assert (probabilities[:, 3] == 0).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)

    def test_too_few_answers_give_shares(self):
        X, _, fold = self.sample(20)
        author = np.where(np.arange(20) < 14, np.arange(20) % 2, -1)  # 7 answers of each
        author[0] = 1
        probabilities = identify(X, author, fold, 2, 5, 2.0).classifier.probabilities(X)
        np.testing.assert_allclose(probabilities, np.tile([7 / 16, 9 / 16], (20, 1)))

    def test_a_trait_that_never_varies_tells_nothing(self):
        X, *_ = self.sample(50)
        X = csr_matrix(np.hstack([X.toarray(), np.full((50, 1), 0.1, np.float32)]))
        scale = Scale.of(X)
        assert scale.width[5] == 1
        np.testing.assert_allclose(scale.dense(X)[:, 5], 0, atol=1e-6)


class TestFit:
    def test_knows_the_authors_and_their_strengths(self, training, fitted):
        family, columns = fitted
        report = family.report()
        assert report["models"] == report["models_told_apart"] == 4
        assert report["answers"] == 800
        assert report["accuracy"] > 0.9
        assert report["direction_auc_true_names"] > 0.7
        assert report["direction_auc"] > report["direction_auc_true_names"] - 0.03
        assert report["direction_auc"] == pytest.approx(
            direction_auc(columns, training[1]),
            abs=1e-3,  # of float32, some of which are equal
        )
        assert json.loads(json.dumps(report)) == report

    def test_works_on_other_battles_without_names(self, fitted):
        family, _ = fitted
        battles, y = invent(300, seed=5)
        columns = family.transform(without_names(battles))
        assert direction_auc(columns, y) > 0.7
        pd.testing.assert_frame_equal(columns, family.transform(battles))

    def test_votes_without_reason_give_nothing(self):
        # With forty models of twenty answers each, strengths that had seen a row's own vote would
        # give an AUC of 0.65 and more.
        rng = np.random.default_rng(3)
        aucs = []
        for _ in range(3):
            names = np.array([f"m{number}m" for number in range(40)])
            a, b = rng.permutation(np.repeat(names, 20)).reshape(2, 400).tolist()
            battles = make_battles(
                [f"Question {number}?" for number in range(400)],
                [f"{name} says {number}." for number, name in enumerate(a)],
                [f"{name} says {number} so." for number, name in enumerate(b)],
                model_a=a,
                model_b=b,
            )
            y = rng.choice([0, 1, 2], 400)
            family = FingerprintFeatures(min_df=5)
            aucs.append(direction_auc(family.fit_transform(battles, y), y))
            assert family.report()["accuracy"] > 0.9
        assert np.mean(aucs) < 0.55

    @pytest.mark.parametrize("changed", ["votes", "names"])
    def test_a_group_does_not_see_itself(self, training, fitted, changed):
        battles, y = training
        own = (battles["group"] == battles["group"].iloc[10]).to_numpy()
        assert own.sum() == 2
        other, votes = battles.copy(), y.copy()
        if changed == "votes":
            votes[own] = np.where(y[own] == 0, 1, 0)
        else:
            other = battles.where(~pd.Series(own), swap_battles(battles))
            other[["response_a", "response_b"]] = battles[["response_a", "response_b"]]
        columns = FingerprintFeatures().fit_transform(other, votes)
        pd.testing.assert_frame_equal(columns[own], fitted[1][own])
        strength = "fingerprint__strength_diff"
        assert (columns[strength][~own] != fitted[1][strength][~own]).any()

    def test_out_of_fold_is_not_what_the_full_fit_gives(self, training, fitted):
        family, columns = fitted
        assert not np.allclose(columns, family.transform(training[0]))

    def test_swapping_all_battles_swaps_the_columns(self, training, fitted):
        battles, y = training
        swap = Swap(fitted[0].get_feature_names_out())
        mirrored = np.array([1, 0, 2], dtype=np.int8)[y]
        columns = FingerprintFeatures().fit_transform(swap_battles(battles), mirrored)
        np.testing.assert_allclose(columns, swap(fitted[1].to_numpy()), atol=2e-4)

    def test_columns_are_what_their_names_say(self, training, fitted):
        columns = fitted[1].rename(columns=lambda name: name.removeprefix("fingerprint__"))
        assert columns["confidence_a"].between(0.25, 1).all()
        assert columns["entropy_b"].between(0, np.log(4) + 1e-6).all()
        strong = columns["strength_a"][training[0]["model_a"] == "ant"].mean()
        weak = columns["strength_a"][training[0]["model_a"] == "dog"].mean()
        assert strong - weak > 1.5
        agreement = columns["head_to_head_diff"].corr(columns["strength_diff"])
        assert agreement > 0.95
        assert (columns["same_pair"] < 0.5).mean() > 0.9

    def test_votes_of_extra_rows_teach_strengths(self, training):
        battles, y = training
        extra = battles.assign(source=["extra"] * len(battles))
        report = FingerprintFeatures().fit(extra, y).report()
        assert report["direction_auc"] > 0.7
        assert report["direction_auc_plain"] is None

    def test_threads_and_a_store_change_nothing(self, training, fitted):
        battles, y = training
        store = CountStore(texts_of(to_polars(battles)).distinct)
        others = 1 if max(pool["num_threads"] for pool in threadpool_info()) > 1 else 2
        with threadpool_limits(limits=others):
            columns = FingerprintFeatures().use(store).fit_transform(battles, y)
        pd.testing.assert_frame_equal(columns, fitted[1])


class TestNames:
    def test_without_any_there_are_no_columns(self, training):
        battles, y = training
        family = FingerprintFeatures()
        columns = family.fit_transform(without_names(battles), y)
        assert columns.shape == (len(battles), 0)
        assert family.transform(battles).index.equals(battles.index)
        assert family.transform(battles).shape[1] == 0
        assert family.describe() == {}
        assert family.report() == {"models": 0, "left_out": "no training row names a model"}
        loaded = FingerprintFeatures().load(family.dump())
        assert loaded.transform(battles).shape == (len(battles), 0)

    def test_without_the_columns_there_are_none_either(self, training):
        battles, y = training
        nameless = battles.drop(columns=["model_a", "model_b"])
        assert FingerprintFeatures().fit_transform(nameless, y).shape[1] == 0

    def test_rows_without_get_values_and_teach_nothing(self, training):
        battles, y = training
        some = np.arange(len(battles)) % 8 == 0
        nameless = battles.where(~pd.Series(some), without_names(battles))
        family = FingerprintFeatures()
        columns = family.fit_transform(nameless, y)
        assert family.report()["answers"] == 700
        assert columns.notna().all(axis=None)
        flipped = np.where(some, (y + 1) % 3, y)
        again = FingerprintFeatures().fit_transform(nameless, flipped)
        pd.testing.assert_frame_equal(again, columns)

    def test_a_rare_model_is_not_told_apart(self, training):
        battles, y = training
        names = battles["model_a"].copy()
        names.iloc[:3] = "rare"
        family = FingerprintFeatures().fit(battles.assign(model_a=names), y)
        assert family.learned_.models == list(NAMES)
        assert family.report()["answers"] == 2 * len(battles) - 3

    def test_one_model_alone(self, training):
        battles, y = training
        alone = battles.assign(model_a=["one"] * len(battles), model_b=["one"] * len(battles))
        columns = FingerprintFeatures().fit_transform(alone, y)
        assert (columns["fingerprint__confidence_a"] == 1).all()
        assert (columns["fingerprint__strength_diff"] == 0).all()
        assert (columns["fingerprint__same_pair"] == 1).all()

    @pytest.mark.parametrize("n_battles", [1, 2, 20])
    def test_few_rows(self, n_battles):
        battles, y = invent(n_battles)
        family = FingerprintFeatures()
        assert np.isfinite(family.fit_transform(battles, y)).all(axis=None)
        assert np.isfinite(family.transform(invent(30)[0])).all(axis=None)


class TestKept:
    def test_loaded_gives_the_same(self, training, fitted):
        family, _ = fitted
        files = family.dump()
        assert {name.rpartition(".")[2] for name in files} == {"json", "safetensors"}
        arrays = safetensors.load(files["fingerprint.safetensors"])
        assert arrays["ratings.table"].shape == (4, 4)
        loaded = clone(family).load(files)
        pd.testing.assert_frame_equal(
            loaded.transform(training[0]), family.transform(training[0]), check_exact=True
        )
        assert loaded.report() == family.report()
        assert loaded.dump() == files
        assert loaded.describe() == family.describe()

    def test_fitted_twice_is_the_same(self, training, fitted):
        again = FingerprintFeatures().fit(*training)
        assert again.dump() == fitted[0].dump()

    def test_a_row_does_not_depend_on_its_neighbours(self, training, fitted):
        family, _ = fitted
        columns = family.transform(training[0])
        one = pd.concat([family.transform(training[0].iloc[[row]]) for row in range(5)])
        pd.testing.assert_frame_equal(one, columns.iloc[:5], check_exact=True)

    def test_swap_is_exact(self, training, fitted):
        family, _ = fitted
        swap = Swap(family.get_feature_names_out())
        swapped = family.transform(swap_battles(training[0])).to_numpy()
        np.testing.assert_array_equal(swapped, swap(family.transform(training[0]).to_numpy()))


class TestParameters:
    @pytest.mark.parametrize(("name", "value"), [("words", -1), ("openings", -2), ("min_df", 0)])
    def test_out_of_range_are_refused(self, training, name, value):
        family = FingerprintFeatures(**{name: value})
        with pytest.raises(ValueError, match=f"The {name} of FingerprintFeatures must be greater"):
            family.fit(*training)

    def test_without_n_grams_style_is_left(self, training):
        family = FingerprintFeatures(words=0, characters=0, openings=0).fit(*training)
        traits = style(to_polars(training[0])).shape[1] // 2
        assert family.learned_.classifier.weights.shape == (traits, 4)
        assert family.report()["accuracy"] > 0.5

    def test_limits_hold(self, training):
        family = FingerprintFeatures(words=5, characters=6, openings=7).fit(*training)
        sizes = {name: len(grams) for name, grams in family.learned_.grams.items()}
        assert sizes == {"words": 5, "characters": 6, "openings": 7}
