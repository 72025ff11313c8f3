"""The algebra of a swap of A and B."""

import numpy as np
import pytest

from features.sides import SIDES, Swap, compare, ratio, side_of, swapped_name

A = np.array([3.0, 0.0, 7.0, 2.5])
B = np.array([1.0, 4.0, 7.0, 0.0])
COMPARED = [side for side, row in SIDES.items() if row.compare]


def test_every_side_of_the_design_is_there():
    assert set(SIDES) == {"a", "b", "diff", "ratio", "sum", "absdiff", "prompt", "pair"}


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        ("a", [3, 0, 7, 2.5]),
        ("b", [1, 4, 7, 0]),
        ("diff", [2, -4, 0, 2.5]),
        ("ratio", [2 / 5, -4 / 5, 0, 2.5 / 3.5]),
        ("sum", [4, 4, 14, 2.5]),
        ("absdiff", [2, 4, 0, 2.5]),
    ],
)
def test_formula_of_a_side(side, expected):
    assert compare("n", A, B, [side])[f"n_{side}"].tolist() == expected


@pytest.mark.parametrize("side", COMPARED)
def test_a_side_does_in_a_swap_what_its_row_says(side):
    after = SIDES[side].after_swap
    swapped = compare("n", B, A, [side])[f"n_{side}"]
    np.testing.assert_array_equal(
        swapped, SIDES[side].sign * compare("n", A, B, [after])[f"n_{after}"]
    )


@pytest.mark.parametrize("side", SIDES)
def test_swapping_twice_changes_nothing(side):
    assert SIDES[SIDES[side].after_swap].after_swap == side
    assert SIDES[side].sign * SIDES[SIDES[side].after_swap].sign == 1


def test_ratio_stays_within_one_and_has_the_one_below():
    counts = np.array([0.0, 1.0, 1e6])
    assert ratio(counts, np.zeros(3)).tolist() == [0.0, 0.5, 1e6 / (1e6 + 1)]


@pytest.mark.parametrize("side", ["prompt", "pair"])
def test_sides_that_are_not_of_two_answers_give_no_comparison(side):
    assert compare("n", A, B, [side]) == {}


def test_compare_keeps_the_order_of_the_sides():
    assert list(compare("n", A, B, ["sum", "b", "a"])) == ["n_sum", "n_b", "n_a"]


@pytest.mark.parametrize(
    ("column", "swapped"),
    [
        ("length__words_sum_a", "length__words_sum_b"),
        ("length__words_sum_b", "length__words_sum_a"),
        ("length__words_a_diff", "length__words_a_diff"),
        ("x__sum_sum", "x__sum_sum"),
        ("x__a_a", "x__a_b"),
        ("x__a_minus_prompt_a", "x__a_minus_prompt_b"),
    ],
)
def test_only_the_ending_of_a_name_is_swapped(column, swapped):
    assert swapped_name(column) == swapped


@pytest.mark.parametrize("column", ["length__words", "words_diff", "length__words_c", "", "x__A"])
def test_a_name_without_family_or_side_is_refused(column):
    with pytest.raises(ValueError, match=r"expected a name of the form family__statistic_side"):
        side_of(column)


class TestSwap:
    columns = ("f__n_b", "f__n_pair", "f__n_diff", "f__n_a", "f__n_prompt", "f__n_ratio")
    X = np.array([[1.0, 5.0, 2.0, 3.0, 9.0, 0.4], [0.5, 6.0, -2.0, 8.0, 7.0, -0.3]])

    def test_partners_are_found_by_name_wherever_they_stand(self):
        expected = [[3.0, 5.0, -2.0, 1.0, 9.0, -0.4], [8.0, 6.0, 2.0, 0.5, 7.0, 0.3]]
        assert Swap(self.columns)(self.X).tolist() == expected

    def test_twice_is_the_identity(self):
        swap = Swap(self.columns)
        np.testing.assert_array_equal(swap(swap(self.X)), self.X)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_the_matrix_is_left_alone_and_its_type_kept(self, dtype):
        X = self.X.astype(dtype)
        before = X.copy()
        assert Swap(self.columns)(X).dtype == dtype
        np.testing.assert_array_equal(X, before)

    def test_kinds_of_columns(self):
        swap = Swap(self.columns)
        assert swap.antisymmetric.tolist() == [False, False, True, False, False, True]
        assert swap.symmetric.tolist() == [False, True, False, False, True, False]

    def test_a_column_without_its_partner_is_refused(self):
        with pytest.raises(ValueError, match=r"'f__n_b': expected its partner 'f__n_a'"):
            Swap(["f__n_diff", "f__n_b"])

    def test_a_column_without_a_side_is_refused(self):
        with pytest.raises(ValueError, match=r"column 'group': expected a name of the form"):
            Swap(["f__n_diff", "group"])
