"""Drawn battles whose truth is known: what members and blends cost is told against it."""

import numpy as np
import pytest

from benchmarks.quality import blends
from benchmarks.quality.__main__ import main
from models.stacking.members import DIRECTION


def test_members_say_what_is_best_to_say():
    """No multiple of a member's logits costs less, but for little."""
    world = blends.World((0.8,), {})
    X, y, truth = blends.drawn(world, 40_000, np.random.default_rng(0))
    z, t = (X[f"member_0{end}"].to_numpy() for end in (DIRECTION, "__t_pair"))
    p = blends.probabilities
    own = blends.cost(truth, p(z, t))
    for factor in (0.85, 1.15):
        assert own < blends.cost(truth, p(factor * z, t))
        assert own < blends.cost(truth, p(z, blends.TIE + factor * (t - blends.TIE)))
    assert np.bincount(y) / len(y) == pytest.approx(truth.mean(axis=0), abs=0.01)


def test_noises_go_together_as_said():
    world = blends.World((1.0, 2.0), {(0, 1): 0.8})
    truth = np.random.default_rng(1).normal(size=40_000)
    one, other = blends.seen(world, truth, 1.0, np.random.default_rng(2))
    blur = [seen - np.polyfit(truth, seen, 1)[0] * truth for seen in (one, other)]
    assert np.corrcoef(blur)[0, 1] == pytest.approx(0.8, abs=0.02)


def test_a_line_for_each_way_in_each_world(monkeypatch, capsys):
    worlds = {"one": blends.World((0.5, 1.0), {}), "other": blends.World((1.0, 1.0), {})}
    monkeypatch.setattr(blends, "WORLDS", worlds)
    assert main(["blends", "--battles", "90", "--draws", "1"]) == 0
    told = capsys.readouterr().out
    for what in ("member_0", blends.STACK, "mean", "best", "greedy", "logistic"):
        assert told.count(f"| {what} |") == 2
