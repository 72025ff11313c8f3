"""Every family of features under every check that all of them must pass.

The families are those of `FAMILIES`: one that is added there is checked here without a word more.
Families that learn get labels, and are excused only from what makes no sense for them.
"""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import FeatureUnion

from data.battles import concat_battles, make_battles, read_training, swap_battles
from features import FAMILIES, Statistic, StatisticsFamily
from features.sides import SIDES, Swap
from features.text.formulas import words
from tests.missing import MISSING

ROOT = Path(__file__).parents[2]
FIT_ROWS = 300

ODD_TEXTS = (
    [],
    [None],
    [""],
    [None, None],
    ["", None, "x"],
    [" \n\t\r\n\u3000"],
    ["a"],
    ["1"],
    ["."],
    ["*"],
    ["`"],
    ["#"],
    ["\n"],
    ["\ufffd"],
    ["\x00\x1b[0m"],
    ["日"],
    ["👩‍👩‍👧‍👦🏽"],
    ["مرحبا بالعالم", "\u202eabc\u202c"],
    ["e\u0301\u0327" * 20],
    ["```py\nopen fence\n- **a", "# H\n```\n1. b**"],
    ["| a | b |\r\n|---|---|\r\n| $$x$$ | `y` |"],
    ["I'm sorry, but I can't do that.", "Sure! Here's a list:\n\n- one\n- two", ""],
)
FAST = settings(max_examples=12, deadline=None, derandomize=True)
PIECES = st.sampled_from(
    (
        "**", "__", "# ", "- ", "1. ", "```", "`", "\n", "\r\n", " ", "| a |", "[x](http://y.z)",
        "$$", "I cannot", "Sure!", "hello world",
    "٥٠٠ words",
    "1,000 words", "مرحبا", "日本語", "Привет", "👍🏽", "e\u0301",
        "\u200d", "?!",
    )
)  # fmt: skip
TURN = st.none() | st.text(max_size=30) | st.lists(PIECES, max_size=12).map("".join)
TURNS = st.lists(TURN, max_size=3)
BATTLES = st.lists(st.tuples(TURNS, TURNS, TURNS), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def training():
    read = read_training(ROOT / "data" / "sample" / "train.csv")
    return read.battles.iloc[:FIT_ROWS], read.y[:FIT_ROWS]


@pytest.fixture(scope="module")
def battles(training):
    """Sixty ordinary battles, then odd ones: each odd text as prompt, as A and as B."""
    n = len(ODD_TEXTS)
    odd = make_battles(
        ODD_TEXTS,
        [ODD_TEXTS[(3 * i + 1) % n] for i in range(n)],
        [ODD_TEXTS[(5 * i + 2) % n] for i in range(n)],
    )
    return concat_battles([training[0].iloc[:60], odd])


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, training, make_family):
    """A fitted family of the registry."""
    return make_family(request.param).fit(*training)


@pytest.fixture(scope="module")
def columns(family, battles):
    """Its columns of `battles`."""
    return family.transform(battles)


def assert_swaps(family, battles):
    """Check bitwise that a swap of the answers does to the columns what their names say."""
    swap = Swap(family.get_feature_names_out())
    swapped = family.transform(swap_battles(battles)).to_numpy()
    np.testing.assert_array_equal(swapped, swap(family.transform(battles).to_numpy()))


def assert_same(family, got, expected):
    """Compare bitwise; a sum that a learnt model makes may round otherwise in other batches."""
    pd.testing.assert_frame_equal(got, expected, rtol=1e-6 if family.learns else 0, atol=0)


def assert_finite(columns):
    """Check that nothing is infinite, and that nothing is missing but where models are unknown."""
    assert not np.isinf(columns).any(axis=None)
    assert columns.drop(columns=MISSING, errors="ignore").notna().all(axis=None)


class WordsOfA(StatisticsFamily):
    """A known fault of peers: `response_b`'s word count computed from `response_a`."""

    name = "fault"
    STATISTICS: ClassVar = {"words": Statistic("words", words, sides=("a", "b"))}

    def _columns(self, battles):
        return super()._columns(battles.with_columns(response_b="response_a"))


class TestSwap:
    def test_is_exact(self, family, battles):
        assert_swaps(family, battles)

    def test_does_to_each_column_what_its_side_says(self, family, battles, columns):
        swapped = family.transform(swap_battles(battles))
        for name in columns:
            stem, _, side = name.rpartition("_")
            expected = {
                "a": lambda stem=stem: columns[f"{stem}_b"],
                "b": lambda stem=stem: columns[f"{stem}_a"],
                "diff": lambda name=name: -columns[name],
                "ratio": lambda name=name: -columns[name],
            }.get(side, lambda name=name: columns[name])()
            np.testing.assert_array_equal(swapped[name], expected, err_msg=name)

    def test_finds_answer_b_counted_from_answer_a(self, battles):
        with pytest.raises(AssertionError, match="not equal"):
            assert_swaps(WordsOfA().fit(battles), battles)

    def test_equal_answers_differ_in_nothing(self, family, battles):
        same = {"response_b": battles["response_a"], "model_b": battles["model_a"]}
        same = family.transform(battles.assign(**same))
        for name in same:
            if name.endswith(("_diff", "_ratio", "_absdiff")):
                assert (same[name].dropna() == 0).all(), name
            if name.endswith("_a"):
                np.testing.assert_array_equal(same[name], same[f"{name[:-2]}_b"], err_msg=name)

    def test_columns_of_the_prompt_do_not_see_the_answers(self, family, battles, columns):
        other = battles.assign(
            response_a=battles["response_b"][::-1].array, response_b=battles["prompt"]
        )
        names = [name for name in columns if name.endswith("_prompt")]
        pd.testing.assert_frame_equal(family.transform(other)[names], columns[names])

    @FAST
    @given(rows=BATTLES)
    def test_holds_for_any_text_and_all_is_finite(self, family, rows):
        battles = make_battles(*map(list, zip(*rows, strict=True)))
        assert_finite(family.transform(battles))
        assert_swaps(family, battles)


class TestRows:
    def test_do_not_depend_on_the_batch(self, family, battles, columns):
        pieces = [family.transform(battles.iloc[at : at + 17]) for at in range(0, len(battles), 17)]
        assert_same(family, pd.concat(pieces), columns)

    def test_one_by_one(self, family, battles, columns):
        some = range(40, len(battles), 2)
        single = pd.concat([family.transform(battles.iloc[[row]]) for row in some])
        assert_same(family, single, columns.iloc[list(some)])

    def test_do_not_depend_on_the_order(self, family, battles, columns):
        order = np.random.default_rng(0).permutation(len(battles))
        assert_same(family, family.transform(battles.iloc[order]), columns.iloc[order])

    def test_do_not_depend_on_the_other_rows(self, family, battles, columns):
        other = battles.copy()
        for name in ("prompt", "response_a", "response_b"):
            other[name] = pd.concat([battles[name].iloc[:40], battles[name].iloc[:39:-1]]).array
        assert_same(family, family.transform(other).iloc[:40], columns.iloc[:40])

    def test_do_not_depend_on_the_rows_fitted_with_them(self, family, training):
        if family.learns:
            pytest.skip("fit_transform of a family that learns is out of fold: it has to depend")
        battles, y = training
        alone = clone(family).fit_transform(battles.iloc[:20], y[:20])
        together = clone(family).fit_transform(battles, y)
        pd.testing.assert_frame_equal(alone, together.iloc[:20])
        pd.testing.assert_frame_equal(alone, family.transform(battles.iloc[:20]))

    def test_twice_the_same(self, family, battles, columns):
        pd.testing.assert_frame_equal(family.transform(battles), columns)


class TestEstimator:
    def test_refit_gives_the_same(self, family, training, battles, columns):
        again = clone(family).fit(*training).fit(*training)
        pd.testing.assert_frame_equal(again.transform(battles), columns)

    def test_clone_has_the_parameters_and_is_not_fitted(self, family, battles):
        twin = clone(family)
        assert twin.get_params() == family.get_params()
        with pytest.raises(NotFittedError, match=type(family).__name__):
            twin.transform(battles)

    def test_pickled_in_memory_gives_the_same(self, family, battles, columns):
        loaded = pickle.loads(pickle.dumps(family))
        pd.testing.assert_frame_equal(loaded.transform(battles), columns)

    def test_fitting_and_transforming_leave_the_input_alone(self, family, training, battles):
        frame, y = training[0].copy(), training[1].copy()
        clone(family).fit_transform(frame, y)
        pd.testing.assert_frame_equal(frame, training[0])
        np.testing.assert_array_equal(y, training[1])
        before = battles.copy()
        family.transform(battles)
        pd.testing.assert_frame_equal(battles, before)

    @pytest.mark.parametrize("wrong", [None, ["Hi"], np.zeros((2, 3)), {"prompt": ["Hi"]}])
    def test_what_is_no_frame_is_refused(self, family, wrong):
        with pytest.raises(TypeError, match=r"battles must be a pandas DataFrame .*make_battles"):
            family.transform(wrong)

    @pytest.mark.parametrize("wrong", [None, ["Hi"], np.zeros((2, 3)), {"prompt": ["Hi"]}])
    def test_what_is_no_frame_is_refused_in_fit(self, family, wrong):
        with pytest.raises(TypeError, match=r"battles must be a pandas DataFrame .*make_battles"):
            clone(family).fit(wrong, None)

    @pytest.mark.parametrize("missing", ["prompt", "response_a", "response_b"])
    def test_a_missing_column_is_named(self, family, training, missing):
        battles, y = training
        with pytest.raises(TypeError, match=f"Got DataFrame without {missing} instead"):
            family.transform(battles.drop(columns=missing))
        with pytest.raises(TypeError, match=f"Got DataFrame without {missing} instead"):
            clone(family).fit(battles.drop(columns=missing), y)


@pytest.mark.parametrize("name", [name for name, cls in FAMILIES.items() if cls.learns])
def test_rows_of_weight_0_teach_nothing_of_votes(name, training, make_family):
    battles, y = training
    out = np.arange(len(y)) % 4 == 0
    flipped = np.where(out & (y < 2), 1 - y, y)
    weight = np.where(out, 0.0, 1.0)
    columns = [
        clone(make_family(name)).fit_transform(battles, of, sample_weight=weights)
        for of, weights in ((y, weight), (flipped, weight), (y, None), (flipped, None))
    ]
    pd.testing.assert_frame_equal(columns[0], columns[1])
    votes = name != "cross_attention"  # which learns from texts alone
    assert columns[2].equals(columns[3]) != votes
    assert columns[0].equals(columns[2]) != votes


@pytest.mark.parametrize("name", [name for name, cls in FAMILIES.items() if cls.learns])
def test_weights_of_another_length_are_refused(name, training, make_family):
    with pytest.raises(ValueError, match=r"sample_weight of .* for each of 300 battles.*\(2,\)"):
        make_family(name).fit(*training, sample_weight=[1.0, 2.0])


class TestColumns:
    def test_are_float32_and_finite(self, columns):
        assert (columns.dtypes == np.float32).all()
        assert_finite(columns)

    def test_names_columns_and_documentation_agree(self, family, columns):
        names = family.get_feature_names_out().tolist()
        assert names == columns.columns.tolist() == list(family.describe())
        assert len(set(names)) == len(names) > 0
        assert all(line.strip() for line in family.describe().values())

    def test_are_named_family_statistic_side(self, family, columns):
        assert FAMILIES[family.name] is type(family)
        for name in columns:
            prefix, _, rest = name.partition("__")
            statistic, _, side = rest.rpartition("_")
            assert (prefix, side in SIDES, bool(statistic)) == (family.name, True, True), name

    def test_keep_the_index(self, family, battles, columns):
        labels = [f"row {row}" for row in range(len(battles))][::-1]
        labelled = family.transform(battles.set_axis(labels))
        assert labelled.index.tolist() == labels
        np.testing.assert_array_equal(labelled, columns)

    def test_of_no_rows(self, family, battles, columns):
        empty = family.transform(battles.iloc[:0])
        assert empty.shape == (0, columns.shape[1])
        assert (empty.dtypes == np.float32).all()

    @pytest.mark.parametrize("turns", ODD_TEXTS[:14], ids=ascii)
    def test_of_odd_texts_are_finite(self, family, turns):
        battles = make_battles(
            [turns, turns, "Why?", turns], [turns, "So.", turns, "a"], [turns, "No", "b", turns]
        )
        assert_finite(family.transform(battles))

    def test_of_other_numbers_of_turns_are_finite(self, family):
        battles = make_battles([["a", "b"], ["a"]], [["c"], []], [["d", "e", "f"], ["g", None]])
        assert_finite(family.transform(battles))
        assert_swaps(family, battles)


def test_all_families_work_in_one_union(training, battles, make_family):
    families = {name: make_family(name) for name in FAMILIES}
    union = FeatureUnion([*families.items()], verbose_feature_names_out=False)
    frame = union.set_output(transform="pandas").fit(*training).transform(battles)
    assert frame.columns.is_unique
    assert frame.columns.tolist() == union.get_feature_names_out().tolist()
    for name, family in families.items():
        alone = clone(family).fit(*training).transform(battles)
        pd.testing.assert_frame_equal(frame.filter(regex=f"^{name}__"), alone)


def test_importing_features_imports_nothing_heavy():
    heavy = (
        "torch", "numba", "lightgbm", "xgboost", "transformers", "sentence_transformers", "nltk",
    )  # fmt: skip
    code = f"import sys, features; print(*sorted(set({heavy!r}) & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []
