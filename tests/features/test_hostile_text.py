"""Cells made to break things, from the reader through all families, and time linear in the text."""

import csv
import io
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.battles import (
    TEXT_COLUMNS,
    WINNER_COLUMNS,
    Reading,
    make_battles,
    read_test,
    read_training,
    swap_battles,
)
from data.cells import join_turns, parse_cell, prompt_group
from features import FAMILIES
from features.encoding.encoder import Encoder
from features.encoding.truncation import CUTS
from features.sides import Swap
from features.text.formulas import measure, occurrences
from tests.missing import MISSING

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
FIT_ROWS = 300

# Texts on which a pattern that looks ahead again and again, or a loop over what stands before,
# takes time with the square of the length.
SLOWING = (
    "a", " ", "\n", "`", "*", "_a", "#", "[(", "$", "\u0301", "- ", "1.", "sorry ", "|", "\\", ">",
    "!", "İ", "9,999", "😀", "a\n\n", "```a\n", "<b>", "é ", "**a", "{;\n", " \r", "I can’t ",
)  # fmt: skip
LENGTHS = (25_000, 50_000, 100_000, 200_000)  # characters: copies alone, if quadratic, take 1 s
MOST = 3.0  # twice the text takes twice the time if it is linear, four times if quadratic
FLOOR = 0.04  # seconds; what takes less says nothing


def seconds(work, text, times=1):
    """Time a call on the processor, the best of some: other programs' work does not count."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        work(text)
        taken.append(time.process_time() - start)
    return min(taken)


def growth(work, part, lengths=LENGTHS):
    """Return by how much more than `MOST` times twice the text takes, or 1 if it never does.

    It stops at the first such length, so that no quadratic work goes on for hours, and only after
    both lengths were measured four times more, so that chance is not taken for it.
    """
    shorter, before = "", np.inf
    for length in lengths:
        text = part * (length // len(part))
        now = seconds(work, text)
        if now > MOST * max(before, FLOOR):
            before, now = min(before, seconds(work, shorter, 4)), min(now, seconds(work, text, 4))
            if now > MOST * max(before, FLOOR):
                return now / before
        shorter, before = text, now
    return 1.0


def read_cell(text):
    """Read a text as a turn of a cell, as a cell that is broken JSON, and as a prompt."""
    assert parse_cell(json.dumps([text])) == ([text], 0)
    with pytest.raises(ValueError, match=r"Expecting|list of strings|deep"):
        parse_cell("[" + text)
    prompt_group([text])


@pytest.fixture(scope="module")
def families(make_family):
    """Families, fitted, each used once so that nothing is compiled while time is taken.

    Those that read with an encoder are left out: their threads wait busily, which counts as time.
    """
    names = [name for name, cls in FAMILIES.items() if cls.uses != "encoder"]
    read = read_training(SAMPLE / "train.csv")
    fitted = [make_family(name).fit(read.battles[:FIT_ROWS], read.y[:FIT_ROWS]) for name in names]
    for family in fitted:
        family.transform(read.battles[:1])
    return fitted


@pytest.mark.parametrize("part", SLOWING, ids=ascii)
def test_time_is_linear_in_the_text(part, families):
    assert growth(read_cell, part) == 1.0
    for family in families:
        grown = growth(
            lambda text, f=family: f.transform(make_battles([text], [text], ["b"])), part
        )
        assert grown == 1.0, family.name


QUADRATIC = {
    "one loop": re.compile("a+b").findall,
    "a group": re.compile("(?:a|b)*c").findall,
    # Rust's matcher takes linear time a match; all matches may still take quadratic time.
    "Rust": lambda text: measure(occurrences("a[^b]*b|a"), text),
}


@pytest.mark.parametrize("name", QUADRATIC)
def test_a_quadratic_pattern_is_found(name):
    assert growth(QUADRATIC[name], "a", [1000 * 2**doubling for doubling in range(7)]) > MOST
    assert growth(re.compile("a+").findall, "a") == 1.0


def test_a_cell_of_six_megabytes_takes_seconds(families):
    start = time.process_time()
    turns, _ = parse_cell("[" + '"and",' * 1_000_000 + '""]')
    empty, _ = parse_cell("[" + '"",' * 2_000_000 + "null]")
    battles = make_battles(["\u202e" * 2_000_000], [join_turns(turns)], [join_turns(empty)])
    for family in families:
        assert_finite(family.transform(battles))
    assert time.process_time() - start < 60  # three such cells; with their square it would be hours


PIECES = st.sampled_from(
    (
        "**", "__", "# ", "- ", "1. ", "```", "`", "\n", "\r\n", "\r", " ", "| a |", "[x](http://y)",
        "$$", "I cannot", "Sure!", "=1+1", "<b>", "</script>", "\0", "\x1b[0m", "\x7f", "\ufeff",
        "\u202e", "\u200d", "e\u0301\u0315", "مرحبا", "日本語", "👩‍👧", "\ufdfa", "İ", "ß", "٣",
        "\ufffe", '"', '""', "\\", "\\ud83d", "null", "[", "]", "{", "}", "[]", ",", "'",
    )
)  # fmt: skip
REPEATED = st.tuples(PIECES, st.integers(2, 300)).map(lambda pair: pair[0] * pair[1])
RAW = st.lists(PIECES | REPEATED | st.text(max_size=8), max_size=6).map("".join)
TURN = st.none() | RAW
JSON = st.recursive(
    TURN | st.integers() | st.floats() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(RAW, inner, max_size=2),
    max_leaves=5,
)
ESCAPED = st.sampled_from(
    (r'["\ud83d"]', r'["\ude00\ud83d", "\u0000"]', r'["a\ud83d\ude00", null]')
)
LISTS = st.lists(TURN, max_size=4).map(json.dumps) | ESCAPED
CELL = LISTS | RAW | JSON.map(json.dumps) | LISTS.map(lambda cell: cell[:-1])
ROWS = st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=9)
ENDS = st.sampled_from((b"", b"\n", b"\r\n\r\n", b'"', b'x,y,"never closed', b"\xff\xfe,\xc3"))


def file_of(rows):
    """Return a CSV file, all quoted; what UTF-8 cannot hold becomes bytes that are none."""
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow((*TEXT_COLUMNS, *WINNER_COLUMNS))
    writer.writerows((*cells, "0", "1", "0") for cells in rows)
    return stream.getvalue().encode("utf-8", "surrogatepass")


def assert_finite(columns):
    assert np.isfinite(columns.drop(columns=MISSING, errors="ignore")).all(axis=None)


def assert_columns_hold(families, battles):
    """Check that all columns are finite, and that a swap does what their names say."""
    for family in families:
        columns = family.transform(battles)
        assert_finite(columns)
        values, swapped = columns.to_numpy(), family.transform(swap_battles(battles)).to_numpy()
        np.testing.assert_array_equal(swapped, Swap(family.get_feature_names_out())(values))


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=ROWS, end=ENDS)
def test_any_cells_pass_the_reader_and_all_families(tmp_path: Path, families, rows, end):
    path = tmp_path / "hostile.csv"
    path.write_bytes(file_of([*rows, ("p", "a", "b")]))
    anyhow = Reading(skip_at_most=1, raw=True, encoding="utf-8")
    trained = read_training(path, skip_bad_rows=True, reading=anyhow)
    n_known = trained.counts["kept"] + trained.counts["duplicates"]
    assert n_known + len(trained.skipped) == len(rows) + 1
    path.write_bytes(file_of(rows) + end)
    read = read_test(path, reading=anyhow)
    assert read.battles["id"].tolist() == [str(row) for row in range(len(read.battles))]
    assert len(read.battles) - len(rows) in (0, 1)
    assert_columns_hold(families, read.battles)


@pytest.mark.parametrize("part", SLOWING[:12], ids=ascii)
def test_an_encoders_tokens_are_made_in_linear_time(part, tiny_encoder):
    """All else that it does with a text is bounded by its length in tokens."""
    backbone = Encoder(str(tiny_encoder)).backbone
    assert growth(lambda text: backbone.pieces([text], CUTS["head"], 512), part) == 1.0
