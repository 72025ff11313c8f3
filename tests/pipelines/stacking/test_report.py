"""What a stack tells of itself: tables, the screen, and what is kept of a fit."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from pipelines.stacking.fitting import Stacked
from pipelines.stacking.report import leaderboard_table, weights_table
from pipelines.stacking.screen import show


def figure(value):
    return {"value": value, "low": value - 0.25, "high": value + 0.25}


def told(name, kind="run", **more):
    return {"name": name, "kind": kind, "proven": True, "fit_seconds": 1234.5, **more}


@pytest.fixture
def report():
    """Of two members, one of which took no time that is known."""
    return {
        "members": [
            told("first", predict_seconds=0.25),
            told("other", "csv", fit_seconds=None, predict_seconds=None),
        ],
        "weights": {"direction": {"first": 0.25, "other": 0.75}, "tie": {"first": 0.0, "other": 1}},
        "leaderboard": {
            "members": {
                "first": {"log_loss": figure(1.5), "gain": figure(-0.125)},
                "other": {"log_loss": figure(1.25), "gain": None},
            },
            "stack": {"log_loss": figure(1.125)},
            "best": {"member": "other", "gain": figure(0.125)},
        },
        "scores": {"baselines": {"class prior": {"metrics": {"log_loss": figure(1.75)}}}},
        "fit_seconds": 2.0,
        "seconds": {},
    }


def test_the_leaderboard_has_the_best_first_and_a_gain_where_there_is_one(report):
    table = leaderboard_table(report).set_index("name")
    assert table.index.tolist() == ["stack", "other", "first"]
    assert table.loc["first", ["log_loss", "log_loss_low", "gain", "gain_high"]].tolist() == [
        1.5, 1.25, -0.125, 0.125,
    ]  # fmt: skip
    assert table.loc["other", ["gain", "fit_seconds"]].isna().all()
    assert table.loc["stack", ["fit_seconds"]].tolist() == [2.0]
    assert table.loc["stack", ["weight_direction", "predict_seconds"]].isna().all()


def test_the_heaviest_member_is_first(report):
    table = weights_table(report)
    assert table["member"].tolist() == ["other", "first"]
    assert table["mean"].tolist() == [0.875, 0.125]


def test_the_screen_shows_the_stack_among_its_members(report):
    console = Console(file=io.StringIO(), width=100)
    show(console, report)
    out = console.file.getvalue()
    rows = [re.split(r"  +", line.strip()) for line in out.splitlines()]
    assert ["stack", "1.1250", "0.875–1.375", "–", "–", "2.0 s", "–"] in rows
    assert ["first", "1.5000", "1.250–1.750", "0.25", "0.00", "1,234.5 s", "0.2 s"] in rows
    assert ["class prior", "1.7500", "1.500–2.000"] in rows
    # A gain of the stack is a lower log loss.
    assert "log loss against the best member, other: -0.1250 [-0.3750, +0.1250]" in out


def test_what_is_kept_of_a_fit_comes_back():
    models = {"model.json": b"{}", "tree/1.txt": b"\x00\xff", "empty": b""}
    made = Stacked(
        models, np.array([[0.1 + 0.2, 0.3, 0.4]]), {"weights": {"direction": {"a": 1.0}}}
    )
    found = Stacked.read(made.arrays())
    assert found.models == models
    np.testing.assert_array_equal(found.proba, made.proba)
    assert found.told == made.told
