"""Copies, votes of several people, and contradictions; over whole files."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.battles import (
    TEXT_COLUMNS,
    WINNER_COLUMNS,
    DataError,
    Files,
    ReadBattles,
    Reading,
    iter_training,
    read_training,
)
from data.folds import make_folds
from data.labels import TIE, A, B
from data.layouts.layout import Battle
from data.votes import Votes
from tests.published import write_table

COLUMNS = ["id", "model_a", "model_b", *TEXT_COLUMNS, *WINNER_COLUMNS]
JUDGES = [A] * 8 + [B, TIE]  # of ten people
Row = dict[str, str]


def _row(number: int, label: int, **cells: str) -> Row:
    row = {"id": str(number), "model_a": "x", "model_b": "y"}
    texts = (f"question {number}", f"answer {number}", f"other {number}")
    row |= {name: json.dumps([text]) for name, text in zip(TEXT_COLUMNS, texts, strict=True)}
    row |= {name: str(int(place == label)) for place, name in enumerate(WINNER_COLUMNS)}
    return row | cells


def _swapped(row: Row) -> Row:
    exchanged = {"model_a": "model_b", "response_a": "response_b"}
    exchanged |= {"winner_model_a": "winner_model_b"}
    exchanged |= {other: name for name, other in exchanged.items()}
    return {name: row[exchanged.get(name, name)] for name in row}


def _of_ten_judges(n_battles: int = 60) -> list[Row]:
    return [_row(number, label) for number in range(n_battles) for label in JUDGES]


def _read(path: Path, repeated: str | None = None) -> ReadBattles:
    return read_training(path, reading=Reading(repeated_votes=repeated))  # type: ignore[arg-type]


def test_votes_are_told_apart_by_cells_not_by_their_text_run_together() -> None:
    votes = Votes()
    one = Battle(["ab"], ["c"], ["d"], A, "m", "n")
    assert votes.add(one) is None
    assert votes.add(one._replace(prompt=["a"], response_a=["bc"])) is None
    assert votes.add(one._replace(prompt=["a", "b"])) is None
    assert votes.add(one._replace(prompt=["ab", None])) is None
    assert votes.add(one._replace(model_a="c", response_a=["m"])) is None
    assert votes.add(one) == "duplicates"
    assert votes.add(one._replace(vote=B)) == "contradictory"
    assert votes.add(one._replace(vote=B)) == "duplicates"


@pytest.mark.parametrize("vote", [A, B, TIE])
def test_a_swapped_copy_is_the_same_vote(vote: int) -> None:
    votes, other = Votes(), {A: B, B: A, TIE: TIE}
    one = Battle(["Hi"], ["Hello!"], ["Hey", None], vote, "x", "y")
    swapped = Battle(["Hi"], ["Hey", None], ["Hello!"], other[vote], "y", "x")
    votes.add(one)
    # The answers alone in each other's place, or the vote, make another vote.
    assert votes.add(swapped._replace(model_a="x", model_b="y")) is None
    if vote != TIE:
        assert votes.add(swapped._replace(vote=vote)) == "contradictory"
    assert votes.add(swapped) == "swapped_copies"
    assert votes.add(swapped) == votes.add(one) == "duplicates"


def test_votes_of_ten_judges_are_kept_or_dropped_when_that_is_said(tmp_path: Path) -> None:
    path = write_table(tmp_path / "train.csv", _of_ten_judges())
    with pytest.raises(
        DataError,
        match=r"^train.csv: .*420 of 600 rows .*--repeated-votes keep.*--repeated-votes once",
    ):
        read_training(path)
    kept, once = _read(path, "keep"), _read(path, "once")
    assert kept.y is not None
    assert once.y is not None
    assert Counter(kept.y.tolist()) == {A: 480, B: 60, TIE: 60}
    assert Counter(once.y.tolist()) == {A: 60, B: 60, TIE: 60}
    told = ("kept", "duplicates", "repeated_votes", "contradictory")
    assert [kept.counts[name] for name in told] == [600, 0, 420, 120]
    assert [once.counts[name] for name in told] == [180, 420, 0, 120]


def test_votes_of_a_battle_stand_in_one_fold(tmp_path: Path) -> None:
    rows = _of_ten_judges()
    # Each tenth battle is another one: case and white space of its prompt say so to nobody.
    for row in rows[::10]:
        row["prompt"] = row["prompt"].upper().replace(" ", "  ")
    kept = _read(write_table(tmp_path / "train.csv", rows), "keep")
    assert kept.y is not None
    folds = make_folds(kept.y, kept.battles["group"])
    fold_of: dict[str, set[int]] = {}
    for name, fold in zip(kept.battles["id"], folds.tolist(), strict=True):
        fold_of.setdefault(name, set()).add(fold)
    assert {len(found) for found in fold_of.values()} == {1}


@pytest.mark.parametrize(
    ("n_rows", "n_copies", "stops"),
    [(20, 5, False), (20, 6, True), (600, 6, False), (600, 7, True), (599, 6, True)],
)
def test_a_hundredth_of_the_rows_or_five_are_copies(
    tmp_path: Path, n_rows: int, n_copies: int, stops: bool
) -> None:
    different = [_row(number, number % 3) for number in range(n_rows - n_copies)]
    path = write_table(tmp_path / "train.csv", [*different, *different[:n_copies]])
    if stops:
        with pytest.raises(DataError, match=f"found {n_copies} of {n_rows} rows"):
            read_training(path)
    else:
        assert read_training(path).counts["duplicates"] == n_copies


def test_several_files_are_judged_together(tmp_path: Path) -> None:
    different = [_row(number, number % 3) for number in range(20)]
    copied = [row | {"id": f"again {row['id']}"} for row in different]
    files = [
        write_table(tmp_path / "a.csv", different[:10]),
        write_table(tmp_path / "b.csv", different[10:]),
    ]
    twice = [*files, write_table(tmp_path / "c.csv", copied[5:15])]
    assert read_training(files).counts["duplicates"] == 0
    with pytest.raises(DataError, match="found 10 of 30 rows"):
        read_training(twice)


def test_no_further_column_makes_another_vote(tmp_path: Path) -> None:
    rows = [_row(1, A, time=str(time), judge=str(time)) for time in range(3)]
    assert read_training(write_table(tmp_path / "train.csv", rows)).counts["duplicates"] == 2


def test_swapped_copies_of_a_whole_file_are_told(tmp_path: Path) -> None:
    rows = [_row(number, number % 3) for number in range(30)]
    rows += [_swapped(row) | {"id": f"swapped {row['id']}"} for row in rows]
    path = write_table(tmp_path / "train.csv", rows)
    for repeated, kept in ((None, 30), ("once", 30), ("keep", 60)):
        read = _read(path, repeated)
        assert read.battles["id"].tolist() == [row["id"] for row in rows[:kept]]
        told = [read.counts[name] for name in ("swapped_copies", "repeated_votes", "duplicates")]
        assert told == [60 - kept, kept - 30, 0]


def test_a_layout_with_a_judges_column_keeps_votes_of_several(tmp_path: Path) -> None:
    winners = {A: "model_a", B: "model_b", TIE: "tie"}
    judged = [
        {"prompt": f"{n}", "response_a": "a", "response_b": "b", "winner": winners[vote]}
        | {"judge": f"person {judge}"}
        for n in range(6)
        for judge, vote in enumerate(JUDGES)
    ]
    pq.write_table(pa.Table.from_pylist([*judged, judged[0]]), tmp_path / "votes.parquet")
    read = read_training(tmp_path / "votes.parquet")
    assert (read.layout, read.counts["kept"], read.counts["duplicates"]) == ("plain table", 60, 1)
    unnamed = [{name: cell for name, cell in row.items() if name != "judge"} for row in judged]
    pq.write_table(pa.Table.from_pylist(unnamed), tmp_path / "unnamed.parquet")
    with pytest.raises(DataError, match="found 42 of 60 rows"):
        read_training(tmp_path / "unnamed.parquet")


def test_chunks_are_given_before_it_is_known_what_repeats(tmp_path: Path) -> None:
    files = Files.of(write_table(tmp_path / "train.csv", [_row(n % 10, A) for n in range(100)]))
    chunks = iter_training(files, chunk_rows=10)
    assert [next(chunks).counts["kept"] for _ in range(10)] == [10] + [0] * 9
    with pytest.raises(DataError, match="found 90 of 100 rows"):
        next(chunks)
