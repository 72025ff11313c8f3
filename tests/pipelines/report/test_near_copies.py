"""Rows whose prompt is nearly one that was trained on: which they are, and what they are worth."""

import json

import numpy as np
import pandas as pd
import pytest

from data.battles import concat_battles, make_battles
from data.folds import training_rows
from features.text.near_copies import near_copies
from models.measures.evaluation import evaluate
from pipelines.report.near_copies import near_copies_told, rows_with_near_copies
from pipelines.report.screen import print_near_copies

SEA = ["Write a poem about the sea at night", "Write a poem about the sea at night!"]
BEE = ["How does a honey bee find its way home?", "How does the honey bee find its way home?"]
FAR = ["Name a prime.", "Who was Ada Lovelace?", "Sort a list in Rust", "Translate 'cat'"]


def frame(plain, extra=()):
    parts = [(plain, "plain"), (extra, "extra")]
    return concat_battles(
        [make_battles(of, ["x"] * len(of), ["y"] * len(of), source=s) for of, s in parts if len(of)]
    )


def found(plain, folds, extra=()):
    rows, pairs = rows_with_near_copies(frame(plain, extra), np.array(folds, np.int8))
    return rows.tolist(), pairs


def test_across_folds_both_rows_count():
    assert found([SEA[0], FAR[0], SEA[1]], [0, 0, 1]) == ([True, False, True], 1)


def test_within_a_fold_none_does():
    assert found([SEA[0], FAR[0], SEA[1]], [1, 0, 1]) == ([False, False, False], 0)


def test_a_prompt_in_other_case_is_of_the_same_group_and_no_near_copy():
    assert found([SEA[0], f" {SEA[0].upper()} "], [0, 0]) == ([False, False], 0)


def test_a_near_copy_in_an_extra_row_counts_whatever_the_fold():
    assert found([SEA[0], FAR[0]], [0, 1], extra=[SEA[1]]) == ([True, False], 1)


def test_an_extra_row_that_is_left_out_does_not_count():
    """Its prompt is that of a plain row of the same fold, so it is not in the training part."""
    assert found([SEA[0], SEA[1], FAR[0]], [0, 0, 1], extra=[SEA[1]]) == ([False] * 3, 0)
    assert found([SEA[0], SEA[1], FAR[0]], [0, 1, 1], extra=[SEA[1]]) == ([True, True, False], 1)


def test_extra_rows_alone_are_no_pair():
    assert found([FAR[0], FAR[1]], [0, 1], extra=SEA) == ([False, False], 0)


def test_all_rows_of_a_prompt_count():
    rows, pairs = found([SEA[0], SEA[0], SEA[1], BEE[0], BEE[1]], [0, 0, 1, 2, 1])
    assert rows == [True] * 5
    assert pairs == 2


def test_it_is_what_the_folds_training_parts_say():
    """Against the definition, row by row, on random folds and sources."""
    rng = np.random.default_rng(0)
    base = [f"{text} of {what}" for text in [*SEA, *BEE, *FAR] for what in ("gold", "tin")]
    plain, extra = (list(rng.choice(base, size)) for size in (20, 15))
    battles = frame(plain, extra)
    group = battles["group"].to_numpy(dtype=object)
    codes, _ = pd.factorize(group[:20])
    folds = rng.integers(0, 3, codes.max() + 1)[codes].astype(np.int8)  # never through a group
    near = {tuple(pair) for pair in near_copies([*map(str.casefold, plain + extra)]).tolist()}
    expected = []
    for row in range(20):
        held_out = np.r_[folds == folds[row], np.zeros(15, bool)]
        train = np.flatnonzero(training_rows(held_out, group, battles["source"]))
        expected.append(
            any((min(row, o), max(row, o)) in near and group[o] != group[row] for o in train)
        )
    assert 3 < sum(expected) < 20
    assert rows_with_near_copies(battles, folds)[0].tolist() == expected


@pytest.fixture
def told():
    rng = np.random.default_rng(0)
    battles = frame([*SEA, *BEE, *FAR] * 5)
    folds = np.array([0, 1, 0, 0, 0, 1, 0, 1] * 5, np.int8)
    y = rng.integers(0, 3, 40).astype(np.int8)
    return battles, y, folds, rng.dirichlet([3, 3, 3], 40)


def test_log_losses_are_of_these_rows_of_the_others_and_of_all(told):
    battles, y, _, proba = told
    report = json.loads(json.dumps(near_copies_told(*told), allow_nan=False))
    these = np.isin(np.arange(40) % 8, [0, 1])
    assert (report["rows"], report["pairs"], report["likeness"]) == (10, 1, 0.7)
    group = battles["group"].to_numpy(dtype=object)
    for key, mask in {
        "log_loss": these,
        "log_loss_rest": ~these,
        "log_loss_all": np.ones(40, bool),
    }.items():
        expected = evaluate(y[mask], proba[mask], group[mask], baselines={})["metrics"]["log_loss"]
        assert report[key] == expected


def test_the_screen_tells_of_them_only_where_there_are_any(told, quiet):
    console = quiet()
    report = near_copies_told(*told)
    print_near_copies(console, report)
    text = console.file.getvalue()
    assert "10 rows have a prompt like one in their training part" in text
    assert f"of these {report['log_loss']['value']:.4f} [" in text
    assert f"of the rest {report['log_loss_rest']['value']:.4f} [" in text
    console = quiet()
    battles, y, folds, proba = told
    none = near_copies_told(battles, y, np.zeros_like(folds), proba)
    assert none["log_loss"] == {"value": None, "low": None, "high": None}
    assert none["log_loss_rest"] == none["log_loss_all"]
    print_near_copies(console, none)
    assert not console.file.getvalue()


def test_where_all_rows_have_one_the_rest_is_not_told_of(quiet):
    battles, folds = frame(SEA), np.array([0, 1], np.int8)
    y, proba = np.array([0, 2], np.int8), np.full((2, 3), 1 / 3)
    console = quiet()
    print_near_copies(console, near_copies_told(battles, y, folds, proba))
    assert "of these 1.0986 [1.0986, 1.0986]" in console.file.getvalue()
    assert "of the rest" not in console.file.getvalue()
