"""Lengths: every unit and aggregate against numpy, the baseline's statistics, the buckets."""

import numpy as np
import pytest

from data.battles import make_battles
from features.families.length import (
    AGAINST_PROMPT,
    AGGREGATES,
    BUCKETS,
    DEFAULT,
    KERAS_BASELINE,
    STATISTICS,
    UNITS,
    LengthFeatures,
    signed_bucket,
)
from features.text.formulas import measure

# Turns of 4, 0 and 2 words; the answers differ in everything, in their number of turns too.
PROMPT = ["How do you do?\n\nWell?", "And now", "Right. So?"]
ANSWER_A = ["one two three four.\nfive", None, "six. Seven!", ""]
ANSWER_B = ["日本 ok", "a b c d e f g.\n\nh i", "x"]
BATTLES = make_battles([PROMPT, "Hi"], [ANSWER_A, "one word"], [ANSWER_B, ["No. None.", "Two"]])
TEXTS = {"prompt": PROMPT, "a": ANSWER_A, "b": ANSWER_B}

NUMPY = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "log_sum": lambda x: np.log(1 + np.sum(x)),
    "log_mean": lambda x: np.log(1 + np.mean(x)),
    "log_max": lambda x: np.log(1 + np.max(x)),
    "median": np.median,
    "std": lambda x: np.sqrt(np.mean((x - np.mean(x)) ** 2)),
    "efficiency_mean": lambda x: np.mean(x[x > 0]),
    "last": lambda x: x[-1],
}


def by_numpy(unit, aggregate, side):
    turns = [turn or "" for turn in TEXTS[side]]
    return NUMPY[aggregate](np.array(measure(UNITS[unit], *turns), dtype=float))


def first_row(statistics, sides=("a", "b", "prompt", "diff"), **options):
    family = LengthFeatures(statistics, sides=sides, bucketed=(), **options)
    return family.fit_transform(BATTLES).iloc[0]


@pytest.mark.parametrize("unit", UNITS)
def test_aggregates_over_turns_equal_numpys(unit):
    row = first_row([f"{unit}_{aggregate}" for aggregate in AGGREGATES])
    for aggregate in NUMPY:
        of = {side: by_numpy(unit, aggregate, side) for side in TEXTS}
        for side, value in {**of, "diff": of["a"] - of["b"]}.items():
            name = f"length__{unit}_{aggregate}_{side}"
            np.testing.assert_allclose(row[name], value, rtol=1e-6, atol=1e-7, err_msg=name)


def test_every_aggregate_is_compared_with_numpy():
    assert set(NUMPY) == set(AGGREGATES)


def test_the_aggregates_tell_each_other_apart():
    values = [by_numpy("words", aggregate, "a") for aggregate in NUMPY]
    assert len(set(np.round(values, 6))) == len(values)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_against_the_prompt(aggregate):
    minus, to = (f"words_{aggregate}_{against}" for against in AGAINST_PROMPT)
    row = first_row([minus, to])
    prompt = by_numpy("words", aggregate, "prompt")
    for side in ("a", "b"):
        answer = by_numpy("words", aggregate, side)
        difference = answer - prompt
        np.testing.assert_allclose(row[f"length__{minus}_{side}"], difference, rtol=1e-6, atol=1e-7)
        ratio = difference / (answer + prompt + 1)
        np.testing.assert_allclose(row[f"length__{to}_{side}"], ratio, rtol=1e-6, atol=1e-7)


def test_against_the_prompt_knows_two_ways():
    assert list(AGAINST_PROMPT) == ["minus_prompt", "to_prompt"]


def test_answer_b_is_counted_from_answer_b():
    row = first_row(["words_sum"])
    assert [row[f"length__words_sum_{side}"] for side in "ab"] == [7, 12]
    row = LengthFeatures(["words_sum"]).fit_transform(BATTLES).iloc[1]
    assert [row[f"length__words_sum_{side}"] for side in "ab"] == [2, 3]


def test_ratio_of_counts():
    row = first_row(["words_sum"], sides=("ratio",))
    np.testing.assert_allclose(row["length__words_sum_ratio"], (7 - 12) / (7 + 12 + 1))


@pytest.mark.parametrize("nothing", [[], [None], [""], [None, "", None]])
@pytest.mark.parametrize("unit", UNITS)
def test_nothing_has_length_zero(nothing, unit):
    battles = make_battles([nothing], [nothing], ["Some words."])
    names = [f"{unit}_{aggregate}" for aggregate in AGGREGATES]
    row = LengthFeatures(names, sides=("a", "prompt"), bucketed=()).fit_transform(battles)
    assert (row == 0).all(axis=None)


class TestKerasBaseline:
    """The 14 statistics of a published network, on a battle counted by hand."""

    names = (
        "sum", "mean", "max", "log_sum", "log_mean", "log_max", "median", "std",
        "efficiency_mean", "sum_minus_prompt", "mean_minus_prompt", "max_minus_prompt",
        "median_minus_prompt", "efficiency_mean_minus_prompt",
    )  # fmt: skip

    def test_names_and_order(self):
        assert tuple(f"characters_{name}" for name in self.names) == KERAS_BASELINE

    def test_values(self):
        # Characters: prompt 2, 4; A 5, 0, 1, 10; B 3.
        battles = make_battles([["ab", "abcd"]], [["12345", None, "日", "1234567890"]], [["one"]])
        frame = LengthFeatures(KERAS_BASELINE, sides=("a", "b"), bucketed=()).fit_transform(battles)
        of_a = frame.filter(regex="_a$")
        assert of_a.columns.tolist() == [f"length__characters_{name}_a" for name in self.names]
        std = np.sqrt((1 + 16 + 9 + 36) / 4)  # of 5, 0, 1, 10 about their mean, 4
        expected_a = [16, 4, 10, np.log(17), np.log(5), np.log(11), 3, std, 16 / 3]
        expected_a += [16 - 6, 4 - 3, 10 - 4, 3 - 3, 16 / 3 - 3]
        np.testing.assert_allclose(of_a.iloc[0], expected_a, rtol=1e-6)
        expected_b = [3, 3, 3, np.log(4), np.log(4), np.log(4), 3, 0, 3, 3 - 6, 0, 3 - 4, 0, 0]
        np.testing.assert_allclose(frame.filter(regex="_b$").iloc[0], expected_b, rtol=1e-6)


class TestBuckets:
    def test_antisymmetric(self):
        differences = np.linspace(-5000, 5000, 1234)
        np.testing.assert_array_equal(signed_bucket(-differences), -signed_bucket(differences))

    def test_monotone_from_end_to_end(self):
        buckets = signed_bucket(np.arange(-5000.0, 5001.0))
        assert (np.diff(buckets) >= 0).all()
        assert set(buckets) == set(range(-len(BUCKETS), len(BUCKETS) + 1))

    @pytest.mark.parametrize(("difference", "bucket"), [(0, 0), (1, 1), (9, 1), (10, 2), (-10, -2)])
    def test_an_edge_opens_its_bucket(self, difference, bucket):
        assert signed_bucket(np.array([float(difference)])).item() == bucket

    def test_column_is_the_bucket_of_the_difference(self):
        family = LengthFeatures(["words_sum"], sides=("diff",), bucketed=["words_sum", "lines_max"])
        frame = family.fit_transform(BATTLES)
        assert frame["length__words_sum_bucket_diff"].tolist() == [-1, -1]  # 7 - 12, 2 - 3
        assert frame["length__lines_max_bucket_diff"].tolist() == [0, 0]
        assert "signed buckets" in family.describe()["length__lines_max_bucket_diff"]


class TestChoice:
    def test_all_statistics_can_be_had(self):
        family = LengthFeatures(list(STATISTICS)).fit(BATTLES)
        assert len(STATISTICS) == len(UNITS) * len(AGGREGATES) * 3
        assert family.transform(BATTLES).columns.tolist() == list(family.describe())

    def test_default_statistics_exist(self):
        assert set(DEFAULT) <= set(STATISTICS)

    def test_order_is_the_callers(self):
        family = LengthFeatures(["words_max", "lines_sum"], sides=("b", "a"), bucketed=())
        assert family.fit(BATTLES).get_feature_names_out().tolist() == [
            "length__words_max_b",
            "length__words_max_a",
            "length__lines_sum_b",
            "length__lines_sum_a",
        ]

    @pytest.mark.parametrize(
        "name", ["words_log_max", "words_std_minus_prompt", "words_last_to_prompt"]
    )
    def test_no_ratio_of_logarithms_or_of_signed_numbers(self, name):
        names = LengthFeatures([name], bucketed=()).fit(BATTLES).get_feature_names_out()
        assert f"length__{name}_ratio" not in names
        assert f"length__{name}_diff" in names

    def test_the_prompt_is_not_put_against_itself(self):
        names = LengthFeatures(["words_sum_to_prompt"], bucketed=()).fit(BATTLES).describe()
        assert not [name for name in names if name.endswith("_prompt")]

    @pytest.mark.parametrize("parameter", ["statistics", "bucketed"])
    def test_unknown_statistics_are_named(self, parameter):
        family = LengthFeatures(**{parameter: ["words_sum", "words_total"]})
        with pytest.raises(
            ValueError,
            match=r"of LengthFeatures must be one or more of .*Got 'words_total'",
        ):
            family.fit(BATTLES)


@pytest.mark.parametrize("side", ["oops", "pair"])
def test_a_side_that_compares_nothing_is_refused(side):
    words = f"sides of LengthFeatures must be one or more of .*{side}"
    with pytest.raises(ValueError, match=words):
        LengthFeatures(sides=("a", side)).fit(make_battles(["Hi"], ["a"], ["b"]))


def test_no_statistics_at_all_are_refused():
    with pytest.raises(ValueError, match=r"statistics of LengthFeatures must be .* Got \[\]"):
        LengthFeatures(statistics=()).fit(make_battles(["Hi"], ["a"], ["b"]))


def test_buckets_may_be_left_out():
    fitted = LengthFeatures(bucketed=()).fit(make_battles(["Hi"], ["a"], ["b"]))
    assert not [name for name in fitted.get_feature_names_out() if "bucket" in name]
