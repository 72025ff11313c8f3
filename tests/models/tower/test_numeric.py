"""Numbers beside the texts: whose they are, and what they are measured by."""

import json

import numpy as np
import pytest

from data.battles import make_battles, swap_battles
from features.families.length import KERAS_BASELINE, STATISTICS, LengthFeatures
from models.tower.numeric import Scale, numbers

BATTLES = make_battles(
    prompt=["Why?", ["Hi", None], [], "Four words of prompt"],
    response_a=["Because it is so.", ["Yes", "No"], "", "x " * 900],
    response_b=["So.", ["1", " "], [], "One. Two.\n\nThree."],
)


def random_numbers(n=200, k=5, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.lognormal(size=(n, 2, k)) * 100).astype(np.float32)


def test_each_answer_has_its_own_numbers():
    found = numbers(BATTLES, ["words_sum", "characters_sum_minus_prompt"])
    assert found.dtype == np.float32
    assert found.shape == (4, 2, 2)
    assert found[:, :, 0].tolist() == [[4, 1], [2, 1], [0, 0], [900, 3]]
    assert found[0, :, 1].tolist() == [17 - 4, 3 - 4]  # and not A's length in B's place


@pytest.mark.parametrize("names", [KERAS_BASELINE, tuple(reversed(STATISTICS))])
def test_they_are_the_columns_of_the_family_in_the_order_asked_for(names):
    columns = LengthFeatures(names, sides=("b", "a"), bucketed=()).fit_transform(BATTLES)
    found = numbers(BATTLES, names)
    for place, name in enumerate(names):
        for row, side in enumerate("ab"):
            np.testing.assert_array_equal(found[:, row, place], columns[f"length__{name}_{side}"])


def test_a_swap_swaps_them_and_a_row_stands_alone():
    found = numbers(BATTLES, KERAS_BASELINE)
    np.testing.assert_array_equal(numbers(swap_battles(BATTLES), KERAS_BASELINE), found[:, ::-1])
    alone = [numbers(BATTLES.iloc[[row]], KERAS_BASELINE) for row in range(4)]
    np.testing.assert_array_equal(np.concatenate(alone), found)


def test_no_statistics_and_no_battles():
    assert numbers(BATTLES, ()).shape == (4, 2, 0)
    assert numbers(BATTLES.iloc[:0], ["words_sum"]).shape == (0, 2, 1)
    nothing = numbers(BATTLES, ())
    assert Scale.of(nothing)(nothing).shape == (4, 2, 0)


def test_a_statistic_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match=r"statistics of LengthFeatures .* Got 'letters_sum'"):
        numbers(BATTLES, ["letters_sum"])


def test_both_sides_are_pooled():
    found = np.array([[[0.0], [10.0]], [[2.0], [12.0]]], dtype=np.float32)
    scale = Scale.of(found)
    # Each side alone would have the means 1 and 11, and the deviation 1; n - 1 would give 5.89.
    assert scale.mean == (6.0,)
    assert scale.scale[0] == pytest.approx(26**0.5, rel=1e-15)
    np.testing.assert_allclose(scale(found)[:, :, 0], (found[:, :, 0] - 6) / 26**0.5, rtol=1e-6)


def test_training_rows_come_out_with_mean_0_and_deviation_1():
    found = random_numbers()
    scaled = Scale.of(found)(found)
    assert scaled.dtype == np.float32
    assert scaled.shape == found.shape
    np.testing.assert_allclose(scaled.mean(axis=(0, 1), dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=(0, 1), dtype=np.float64), 1, atol=1e-6)


def test_a_swap_of_training_rows_changes_no_bit():
    found = random_numbers(seed=1)
    half = np.arange(len(found))[:, None] % 2 == 0
    mixed = np.where(half[..., None], found, found[:, ::-1])
    scale = Scale.of(found)
    assert Scale.of(mixed) == scale
    np.testing.assert_array_equal(scale(found[:, ::-1]), scale(found)[:, ::-1])


@pytest.mark.parametrize("value", [0.0, 0.1, 1e7 / 3])
def test_a_statistic_that_never_changes_is_0_and_not_its_rounding_error(value):
    found = np.full((977, 2, 2), value, dtype=np.float32)
    found[:, :, 1] = random_numbers(977, 1)[:, :, 0]
    scale = Scale.of(found)
    assert scale.scale[0] == 1.0
    np.testing.assert_allclose(scale(found)[:, :, 0], 0, atol=1e-8)
    assert scale(found + np.float32(1))[0, 0, 0] == pytest.approx(1, abs=0.3)


def test_json_keeps_every_bit():
    scale = Scale.of(random_numbers(seed=2))
    assert Scale.read(json.loads(json.dumps(scale.told()))) == scale
    assert set(scale.told()) == {"mean", "scale"}


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match=r"numbers of Scale.of must hold one battle at least"):
        Scale.of(np.empty((0, 2, 3), dtype=np.float32))
