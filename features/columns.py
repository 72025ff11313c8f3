"""Columns by their names: which stay together, and which of them a selection names.

A selection is a list of names. A name that ends in ``*`` stands for all columns that begin so, and
with a column goes its partner, which a swap of the answers puts in its place. Columns that each fit
makes anew (components, n-grams) have no lasting meaning one by one: they are one unit, named by how
they begin.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from features.family import BattleFamily
from features.sides import side_of, swapped_name

STAR = "*"


def units_of(columns: Sequence[str], anew: Sequence[str] = ()) -> dict[str, list[int]]:
    """Return which columns are chosen or left together: name of the unit -> their places.

    A unit is a column, or two that a swap of the answers puts in each other's place, under the name
    of the first, or all that begin in one of the ways `anew`.

    Parameters
    ----------
    columns : sequence of str
    anew : sequence of str
        How columns begin that each fit makes anew.

    Examples
    --------
    >>> units_of(["f__x_a", "f__x_b", "f__x_diff", "f__part0_diff", "f__part1_diff"], ["f__part"])
    {'f__x_a': [0, 1], 'f__x_diff': [2], 'f__part*': [3, 4]}
    """
    units: dict[str, list[int]] = {}
    for place, column in enumerate(columns):
        partner = swapped_name(column)
        begins = next((start for start in anew if column.startswith(start)), None)
        name = partner if begins is None and partner in units else column
        units.setdefault(name if begins is None else begins + STAR, []).append(place)
    return units


def names_of(columns: Sequence[str], units: Iterable[str]) -> list[str]:
    """Return the names by which a selection tells of units that `units_of` gave.

    >>> names_of(["f__x_a", "f__x_b", "f__part0_diff"], ["f__x_a", "f__part*"])
    ['f__x_a', 'f__x_b', 'f__part*']
    """
    known = set(columns)
    return list(
        dict.fromkeys(
            name
            for unit in units
            for name in ([unit] if unit not in known else [unit, swapped_name(unit)])
        )
    )


def selected(columns: Sequence[str], names: Iterable[str]) -> NDArray[np.bool_]:
    """Return the mask of the columns that a selection names, partners included.

    >>> selected(["f__x_a", "f__x_b", "f__y_pair", "g__z_diff"], ["f__x_b", "g__*"]).tolist()
    [True, True, False, True]
    """
    names = list(names)
    whole = {name for name in names if not name.endswith(STAR)}
    starts = tuple(name.removesuffix(STAR) for name in names if name.endswith(STAR))

    def named(column: str) -> bool:
        return column in whole or column.startswith(starts)

    return np.array([named(name) or named(swapped_name(name)) for name in columns], dtype=np.bool_)


def names_family(name: str, family: str) -> bool:
    """Whether a name of a selection may stand for columns of a family.

    >>> names_family("style__bold_a", "style"), names_family("st*", "style")
    (True, True)
    >>> names_family("style__bold_a", "st")
    False
    """
    start = f"{family}__"
    return name.startswith(start) or (name.endswith(STAR) and start.startswith(name[:-1]))


def selected_families(
    names: Sequence[str], families: Mapping[str, BattleFamily], key: str = "select"
) -> list[str]:
    """Return the families that some name stands for a column of, in their own order.

    Parameters
    ----------
    names : sequence of str
        The selection.
    families : mapping of str to BattleFamily
        Fitted, be it on no battles.
    key : str
        What an error calls the selection.

    Raises
    ------
    ValueError
        A name stands for no column that one of the families could make. It names the nearest one.
    """
    makes = {name: family.possible() for name, family in families.items()}
    every = [column for columns in makes.values() for column in columns]
    for name in names:
        if not any(_stands_for(name, column) for column in every):
            raise ValueError(
                f"{key}: {name!r} is no column of {', '.join(families)}.{_near(name, every)}"
            )
    return [
        family
        for family, columns in makes.items()
        if any(_stands_for(name, column) for name in names for column in columns)
    ]


def _stands_for(name: str, column: str) -> bool:
    """Whether a name is that of a column, of its partner, or of what some columns begin with."""
    start, begins = name.removesuffix(STAR), column.removesuffix(STAR)
    if column.endswith(STAR):
        if name.endswith(STAR):
            return start.startswith(begins) or begins.startswith(start)
        return name.startswith(begins) and _has_side(name)
    return (
        column.startswith(start) if name.endswith(STAR) else name in (column, swapped_name(column))
    )


def _has_side(name: str) -> bool:
    try:
        return bool(side_of(name))
    except ValueError:
        return False


def _near(name: str, columns: Sequence[str]) -> str:
    near = get_close_matches(name, columns, n=1, cutoff=0.0)
    return f" Did you mean {near[0]!r}?" if near else ""
