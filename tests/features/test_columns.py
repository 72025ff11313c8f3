"""Columns by name: what stays together, and what a selection stands for."""

import pytest

from data.battles import make_battles
from features import FAMILIES
from features.columns import names_of, selected, selected_families, units_of

COLUMNS = ["f__x_a", "f__y_diff", "f__x_b", "f__x_diff", "f__part0_a", "f__part0_b", "f__part1_sum"]


def fitted(*names, **options):
    nothing = make_battles([], [], [])
    return {name: FAMILIES[name](**options.get(name, {})).fit(nothing) for name in names}


def test_a_swap_pair_is_one_unit_wherever_its_columns_stand():
    assert units_of(COLUMNS)["f__x_a"] == [0, 2]
    assert units_of(COLUMNS)["f__x_diff"] == [3]
    assert units_of(["f__x_b", "f__x_a"]) == {"f__x_b": [0, 1]}


def test_what_each_fit_makes_anew_is_one_unit_by_how_it_begins():
    units = units_of(COLUMNS, ["f__part"])
    assert units["f__part*"] == [4, 5, 6]
    assert sorted(place for places in units.values() for place in places) == list(range(7))


def test_names_of_units_select_just_their_columns():
    units = units_of(COLUMNS, ["f__part"])
    for unit, places in units.items():
        mask = selected(COLUMNS, names_of(COLUMNS, [unit]))
        assert [n for n, stays in enumerate(mask) if stays] == places


def test_a_partner_comes_along_and_a_star_stands_for_what_begins_so():
    assert selected(COLUMNS, ["f__x_b"]).tolist() == [True, False, True] + [False] * 4
    assert selected(COLUMNS, ["f__part*"]).tolist() == [False] * 4 + [True] * 3
    assert not selected(COLUMNS, ["f__x"]).any()  # no star: the name of no column
    assert not selected(COLUMNS, []).any()


def test_families_without_a_selected_column_are_left_out():
    families = fitted("length", "turns", "style", "fingerprint")
    names = ["style__bold_a", "fingerprint__strength_diff"]
    assert selected_families(names, families) == ["style", "fingerprint"]
    assert selected_families(["turns__*"], families) == ["turns"]


@pytest.mark.parametrize(
    "name", ["style__bald_a", "style__bold", "styles__*", "lexical__component*"]
)
def test_a_name_that_no_family_makes_is_refused_with_the_nearest(name):
    with pytest.raises(
        ValueError, match=r"select: '.*' is no column of length, style\. Did you mean"
    ):
        selected_families([name], fitted("length", "style"))


def test_the_nearest_name_is_near():
    with pytest.raises(ValueError, match=r"Did you mean 'style__bold_a'\?"):
        selected_families(["style__bald_a"], fitted("style"))


def test_components_and_n_grams_may_be_named_where_the_family_makes_some():
    some = fitted("lexical", lexical={"singles": 3, "characters": ()})
    for name in ("lexical__component*", "lexical__component0_diff", "lexical__word:so so_diff"):
        assert selected_families([name], some) == ["lexical"]
    for name in ("lexical__component0", "lexical__char:so_diff"):
        with pytest.raises(ValueError, match="is no column of lexical"):
            selected_families([name], some)
    none = fitted("lexical", lexical={"components": 0})
    with pytest.raises(ValueError, match="is no column of lexical"):
        selected_families(["lexical__component*"], none)


@pytest.mark.parametrize("name", ["lexical", "embedding"])
def test_a_family_tells_all_columns_that_it_makes(name, make_family, battles):
    """What a fit on battles gives, it said beforehand."""
    frame, y = battles
    family = make_family(name).fit(make_battles([], [], []))
    said = family.possible()
    made = family.fit(frame.iloc[:60], y[:60]).get_feature_names_out()
    assert set(selected_families(list(made), {name: family})) == {name}
    assert selected(list(made), said).all()
