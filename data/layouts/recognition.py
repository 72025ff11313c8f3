"""Which layout a file has, by its columns; and what is said where it has none that is known."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import replace
from typing import NamedTuple

from data.layouts.layout import Layout
from data.layouts.plain import PLAIN
from data.layouts.reading import Reading
from data.layouts.registry import LAYOUTS
from data.tables.read import DataError, are_odd, not_utf8, shown

# What people call the columns of a plain table.
SYNONYMS = {
    "prompt": ("question", "instruction", "query", "input", "user", "prompt_text", "problem"),
    "response_a": (
        *("answer_a", "output_a", "completion_a", "text_a", "a", "left"),
        *("response_1", "response1", "answer_1", "answer1", "output_1", "output1", "out1", "out_1"),
    ),
    "response_b": (
        *("answer_b", "output_b", "completion_b", "text_b", "b", "right"),
        *("response_2", "response2", "answer_2", "answer2", "output_2", "output2", "out2", "out_2"),
    ),
    "winner": ("label", "vote", "verdict", "preference", "choice", "preferred", "target", "better"),
}
_TELLS_NOTHING = {"id", "source", "language"}  # of a layout: tables of all kinds have them
# Names of columns that are no text and no vote.
_NO_TEXT = re.compile(
    r"(^|_)(u?id|row|index|date|time\w*|tstamp|model\w*|lang\w*|split|winner)(_|$)"
)


class Recognised(NamedTuple):
    """The layout of a file.

    Attributes
    ----------
    layout : Layout
    own : dict of str to str
        The layout's columns that the file has → what the file calls them.
    """

    layout: Layout
    own: dict[str, str]


def recognise(
    file: str,
    names: Sequence[str],
    reading: Reading,
    *,
    labelled: bool,
    optional: bool = False,
    likely: str | None = None,
) -> Recognised:
    """Find the layout of a file.

    Parameters
    ----------
    file : str
        For messages.
    names : sequence of str
        The file's columns.
    reading : Reading
        What is said of it.
    labelled : bool
        Whether votes are to be read.
    optional : bool
        Whether `reading` was meant for another file, should it not fit this one.
    likely : str, optional
        The encoding that the file is likely in, if its columns show that it is no UTF-8.

    Raises
    ------
    DataError
        None fits.
    """
    own = _own_names(file, names, reading, labelled=labelled)
    layouts = [LAYOUTS[reading.layout]] if reading.layout else list(LAYOUTS.values())
    fitting = [one for one in layouts if _fits(one, own, labelled=labelled)]
    if not fitting and optional and (reading.layout or reading.columns):
        reading = replace(reading, layout=None, columns={}, votes={})
        return recognise(file, names, reading, labelled=labelled, likely=likely)
    if not fitting and are_odd(names):
        raise not_utf8(file, likely)
    if not fitting and reading.layout:
        _refuse_for_another(file, own.keys(), LAYOUTS[reading.layout], labelled=labelled)
    if not fitting:
        raise _unknown(file, names, own.keys(), layouts, labelled=labelled)
    layout = max(fitting, key=lambda one: _n_known(one, own, labelled=labelled))
    twice = [own[name] for name in layout.columns if names.count(own.get(name, "")) > 1]
    if twice and labelled:
        raise DataError(
            f"{file}, column {twice[0]}: expected it once, found it {names.count(twice[0])} times "
            "in the header. Remove or rename the others."
        )
    looked_at = set(layout.looked_at())
    return Recognised(layout, {name: called for name, called in own.items() if name in looked_at})


def _own_names(
    file: str, names: Sequence[str], reading: Reading, *, labelled: bool
) -> dict[str, str]:
    """Map the columns that a file has, by the names that layouts give them, to its own names."""
    renamed = reading.columns
    there = {name: called for name, called in renamed.items() if called in names}
    absent = {name: called for name, called in renamed.items() if called not in names}
    if there and absent and labelled:
        raise DataError(
            f"{file}: expected the columns that --columns names, found {shown(', '.join(names))}; "
            f"not there: {', '.join(absent.values())}. Name columns that the file has."
        )
    free = {name: name for name in names if name and name not in there.values()}
    return {**free, **there}


def _sets(layout: Layout, *, labelled: bool) -> list[tuple[str, ...]]:
    """Return the sets of columns by which a layout is known; one of them is enough."""
    # A training file may be predicted as well, its votes are passed over.
    return [layout.columns] + ([] if labelled else [layout.needed(labelled=False)])


def _fits(layout: Layout, own: Collection[str], *, labelled: bool) -> bool:
    return any(set(known).issubset(own) for known in _sets(layout, labelled=labelled))


def _n_known(layout: Layout, own: Collection[str], *, labelled: bool) -> int:
    sets = _sets(layout, labelled=labelled)
    return max(len(known) for known in sets if set(known).issubset(own))


def _refuse_for_another(file: str, own: Set[str], named: Layout, *, labelled: bool) -> None:
    """Say that a file is not of the layout that is named, where its columns are another's."""
    known = [one for one in LAYOUTS.values() if _fits(one, own, labelled=labelled)]
    if known:
        other = max(known, key=lambda one: _n_known(one, own, labelled=labelled))
        missing = [name for name in named.needed(labelled=labelled) if name not in own]
        raise DataError(
            f"{file}: expected the columns of {named.title}, which --layout names; not there: "
            f"{', '.join(missing)}. By its columns it is {other.title}: leave --layout "
            "away. If another file needs it, write that one in Kaggle's format first (python -m "
            "data.convert)."
        )


def _unknown(
    file: str,
    names: Sequence[str],
    own: Set[str],
    layouts: Sequence[Layout],
    *,
    labelled: bool,
) -> DataError:
    """Say what was found, which layout is nearest, and how the file could be read."""
    telling = own - _TELLS_NOTHING
    nearest = max(layouts, key=lambda one: len(telling & set(one.needed(labelled=labelled))))
    needed = nearest.needed(labelled=labelled)
    missing = [name for name in needed if name not in own]
    suggested = suggestion(names, needed) or suggestion(names, PLAIN.needed(labelled=labelled))
    way = (
        f"If this is what they hold, pass --columns {suggested}."
        if suggested
        else "The file must be UTF-8 text with commas, JSON or Parquet."
    )
    return DataError(
        f"{file}: expected the columns of a known layout, found {shown(', '.join(names))}. The "
        f"nearest is {nearest.title} ({', '.join(needed)}); not there: {', '.join(missing)}. "
        f"Rename or add the columns, or name a layout (--layout {', '.join(LAYOUTS)}). {way}"
    )


def suggestion(names: Sequence[str], wanted: Sequence[str]) -> str:
    """Return the ``--columns`` that give a file these columns, as far as names tell; else "".

    >>> suggestion(["row", "question", "out1", "out2", "verdict"], PLAIN.columns)
    'prompt=question,response_a=out1,response_b=out2,winner=verdict'
    >>> suggestion(["a;b;c"], PLAIN.columns)
    ''
    """
    ranks: list[Callable[[str, str], bool]] = [_is_it, _is_synonym, _sounds_alike]
    if set(wanted).issubset(SYNONYMS):
        ranks.append(_may_hold_text)
    left = [name for name in names if name]
    found: dict[str, str] = {}
    for rank in ranks:
        for name in wanted:
            taken = next((one for one in left if name not in found and rank(name, one)), None)
            if taken is not None:
                found[name] = taken
                left.remove(taken)
    if len(found) < len(wanted):
        return ""
    return ",".join(f"{name}={found[name]}" for name in wanted if found[name] != name)


def _is_it(name: str, called: str) -> bool:
    return called == name


def _is_synonym(name: str, called: str) -> bool:
    return called.lower().replace(" ", "_").replace("-", "_") in (name, *SYNONYMS.get(name, ()))


def _sounds_alike(name: str, called: str) -> bool:
    known = (name, *SYNONYMS.get(name, ()))
    return bool(difflib.get_close_matches(called.lower(), known, n=1, cutoff=0.8))


def _may_hold_text(name: str, called: str) -> bool:
    return _NO_TEXT.search(called.lower()) is None
