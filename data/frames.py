"""The battles frame: its columns, and how it is built from Python values, joined and swapped."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import pandas as pd
import pyarrow as pa

from data.cells import (
    Conversation,
    conversations_array,
    parse_cell,
    prompt_group,
    repair_surrogates,
    repair_turns,
)
from data.tables.read import DataError, shown

TEXT_COLUMNS = ("prompt", "response_a", "response_b")
FRAME_COLUMNS = ("id", *TEXT_COLUMNS, "model_a", "model_b", "group", "source")
NUMBERS = ("weight", "share")  # that a frame may have besides, see `data.weights`
SOURCES = ("plain", "extra")
_LOOKED_AT = 100  # texts of a column that tell whether it is JSON


def make_battles(
    prompt: Sequence[str | Sequence[str | None]],
    response_a: Sequence[str | Sequence[str | None]],
    response_b: Sequence[str | Sequence[str | None]],
    *,
    id: Sequence[object] | None = None,
    model_a: Sequence[str | None] | None = None,
    model_b: Sequence[str | None] | None = None,
    weight: Sequence[float] | None = None,
    source: str = "plain",
) -> pd.DataFrame:
    """Build a battles frame from Python sequences of equal length.

    Parameters
    ----------
    prompt, response_a, response_b : sequence of str or of list of str or None
        One entry per battle: a string is one turn, taken as it stands; a list holds one string or
        None per turn. Lone surrogates become U+FFFD.
    id : sequence, optional
        By default the row's number from 0.
    model_a, model_b : sequence of str or None, optional
    weight : sequence of float, optional
        Of each battle in training, finite and above 0; 1 by default. No score looks at it.
    source : {"plain", "extra"}

    Returns
    -------
    DataFrame
        With the columns `FRAME_COLUMNS`, and `weight` where it is given.

    Warns
    -----
    UserWarning
        A column's strings are the text of JSON lists, which Kaggle's files hold for turns.

    Raises
    ------
    DataError
        Lengths differ, an entry is neither a string nor a list of strings and None, or a weight is
        no finite number above 0.

    Examples
    --------
    >>> battles = make_battles(["Hi"], ["Hello!"], [["Hey", None]])
    >>> battles["response_b"].tolist()
    [['Hey', None]]
    """
    texts = dict(zip(TEXT_COLUMNS, (prompt, response_a, response_b), strict=True))
    n_rows = len(prompt)
    named = {"id": id, "model_a": model_a, "model_b": model_b, "weight": weight}
    for name, cells in {**texts, **named}.items():
        if cells is not None and len(cells) != n_rows:
            raise DataError(
                f"make_battles: expected sequences of one length, found {n_rows} of prompt and "
                f"{len(cells)} of {name}."
            )
    _warn_of_json(texts)
    return build_frame(
        {name: _conversations(name, cells) for name, cells in texts.items()},
        id=range(n_rows) if id is None else id,
        model_a=model_a,
        model_b=model_b,
        weight=None if weight is None else _weights(weight),
        source=source,
    )


def _weights(cells: Sequence[float]) -> list[float]:
    for row, cell in enumerate(cells, start=1):
        is_number = isinstance(cell, int | float | np.number) and not isinstance(cell, bool)
        if not (is_number and 0 < cell < np.inf):
            raise DataError(
                f"make_battles, row {row}, column weight: expected a finite number above 0, got "
                f"{shown(cell)}. Leave out battles that are to count for nothing."
            )
    return [float(cell) for cell in cells]


def _warn_of_json(texts: Mapping[str, Sequence[str | Sequence[str | None]]]) -> None:
    """Warn where columns hold the text of JSON lists: as Kaggle's files do, not as frames do."""
    found = {}
    for name, cells in texts.items():
        some = [cell for cell in islice(cells, _LOOKED_AT) if isinstance(cell, str)]
        if some and all(map(_is_json_list, some)):
            found[name] = shown(some[0])
    if found:
        warnings.warn(
            f"make_battles, {', '.join(found)}: each text is a JSON list, such as "
            f"{next(iter(found.values()))}, and is taken as one turn as it stands. Pass json.loads "
            "of it for its turns, or read the file with data.battles.read_training or read_test.",
            stacklevel=3,
        )


def _is_json_list(text: str) -> bool:
    if not text.startswith("["):
        return False
    try:
        parse_cell(text)
    except ValueError:
        return False
    return True


def _conversations(name: str, cells: Sequence[str | Sequence[str | None]]) -> list[Conversation]:
    if isinstance(cells, str):
        raise DataError(
            f"make_battles, {name}: expected one entry per battle, got the string {shown(cells)}. "
            "Put it in a list."
        )
    conversations = []
    for row, cell in enumerate(cells, start=1):
        turns = [cell] if isinstance(cell, str) else cell
        is_list = isinstance(turns, list | tuple | np.ndarray)
        if not is_list or not all(turn is None or isinstance(turn, str) for turn in turns):
            raise DataError(
                f"make_battles, row {row}, column {name}: expected a string or a list of strings "
                f"and None, got {shown(cell)}."
            )
        conversations.append(repair_turns(turns)[0])
    return conversations


def build_frame(
    texts: Mapping[str, Sequence[Conversation]],
    *,
    id: Iterable[object],
    model_a: Iterable[object] | None,
    model_b: Iterable[object] | None,
    source: str,
    weight: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Build a battles frame from turns already repaired; empty model names become null.

    >>> frame = build_frame(dict.fromkeys(TEXT_COLUMNS, [["Hi"]]), id=["007"], model_a=[""],
    ...                     model_b=None, source="extra")
    >>> frame[["id", "model_a", "source"]].values.tolist()
    [['007', <NA>, 'extra']]
    """
    if source not in SOURCES:
        raise ValueError(f"source must be one of {', '.join(SOURCES)}. Got {source!r} instead.")
    n_rows = len(texts["prompt"])
    columns = {
        **{name: conversations_array(texts[name]) for name in TEXT_COLUMNS},
        "id": _strings(id),
        "model_a": _strings([None] * n_rows if model_a is None else model_a, empty=None),
        "model_b": _strings([None] * n_rows if model_b is None else model_b, empty=None),
        "group": pa.array(map(prompt_group, texts["prompt"]), pa.large_string()),
        "source": pa.array([source] * n_rows, pa.large_string()),
    }
    frame = pd.DataFrame(
        {name: pd.arrays.ArrowExtensionArray(columns[name]) for name in FRAME_COLUMNS}
    )
    return frame if weight is None else frame.assign(weight=np.array(weight, dtype=np.float64))


def as_text(value: object) -> str:
    """Return an id or a name as the frame holds it; what is missing is empty.

    >>> as_text(7), as_text(float("nan")), as_text(None)
    ('7', '', '')
    """
    return "" if value is None or value != value else repair_surrogates(str(value))[0]


def _strings(values: Iterable[object], empty: str | None = "") -> pa.Array:
    """Return text in an Arrow array; what is missing or empty becomes `empty`."""
    return pa.array([as_text(value) or empty for value in values], pa.large_string())


def concat_battles(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put battles frames under one another, with a new RangeIndex over all rows.

    A weight or a share that only some of them have is 1 in the others.

    >>> one = make_battles(["Hi"], ["Hello!"], ["Hey"])
    >>> concat_battles([one, one.assign(weight=2.0)])["weight"].tolist()
    [1.0, 2.0]
    """
    parts = list(frames)
    added = [name for name in NUMBERS if any(name in part for part in parts)]
    return pd.concat(
        [part.assign(**{name: 1.0 for name in added if name not in part}) for part in parts],
        ignore_index=True,
    )


def rows_in_both(battles: pd.DataFrame, others: pd.DataFrame) -> int:
    """Count the battles whose three texts stand in others too, the answers in either order.

    >>> one = make_battles(["Hi", "Hi"], ["Hello!", "Yes?"], ["Hey", "Yo"])
    >>> rows_in_both(one, make_battles(["Hi"], ["Hey"], ["Hello!"]))
    1
    """
    shared = set(battles["group"]) & set(others["group"])

    def keys(frame: pd.DataFrame) -> Iterator[tuple[object, object]]:
        rows = frame[frame["group"].isin(list(shared))]
        for prompt, a, b in zip(*(rows[name] for name in TEXT_COLUMNS), strict=True):
            yield tuple(prompt), frozenset((tuple(a), tuple(b)))

    known = set(keys(others))
    return sum(key in known for key in keys(battles))


def completed(battles: pd.DataFrame) -> pd.DataFrame:
    """Add what a frame of texts lacks to be learned from: its groups, and that it is plain.

    >>> texts = make_battles(["Hi"], ["Hello!"], ["Hey"])[list(TEXT_COLUMNS)]
    >>> completed(texts)[["group", "source"]].values.tolist()
    [['106bce4401410416', 'plain']]
    """
    added = {}
    if "group" not in battles:
        added["group"] = [
            prompt_group([] if turns is None else turns) for turns in battles["prompt"]
        ]
    if "source" not in battles:
        added["source"] = [SOURCES[0]] * len(battles)
    return battles.assign(**added)


def swap_battles(battles: pd.DataFrame) -> pd.DataFrame:
    """Return the battles with A and B in each other's place: answers and model names.

    >>> one = make_battles(["Hi"], ["Hello!"], ["Hey"], model_a=["m"])
    >>> swap_battles(one)["response_a"].tolist(), swap_battles(one)["model_b"].tolist()
    ([['Hey']], ['m'])
    """
    return battles.assign(
        response_a=battles["response_b"],
        response_b=battles["response_a"],
        model_a=battles["model_b"],
        model_b=battles["model_a"],
    )
