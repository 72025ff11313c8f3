"""Both trainings of a contest train the same tower on the same battles."""

import numpy as np
import pytest
import torch

from benchmarks.speed import contest, tower
from benchmarks.speed.reference.trainer import Collator, Item, PlainTower
from models.tower.settings import TowerSettings


@pytest.fixture
def few(monkeypatch, tiny_encoder):
    """A contest of 3 steps over a small network."""
    monkeypatch.delenv("ARENABOOST_DATA", raising=False)
    settings = TowerSettings(backbone=str(tiny_encoder), length=64, batch=8, dropout=0.0)
    return contest.contest_of(settings, *tower.some_battles(24), "cpu")


def test_both_have_the_same_losses(few):
    ours, plain = few.ours(), few.plain()
    assert len(ours.losses) == len(plain.losses) == 3
    assert ours.losses == pytest.approx(plain.losses, abs=1e-5)
    assert len({round(loss, 4) for loss in ours.losses}) == 3


def test_losses_of_accumulated_steps_are_those_of_whole_ones(few):
    ours, plain = few.ours(), few._replace(at_once=4).plain()
    assert ours.losses == pytest.approx(plain.losses, abs=1e-5)


def test_battles_are_read_in_their_order(few):
    reversed_rows = few._replace(rows=few.rows[::-1].copy())
    assert reversed_rows.ours().losses == pytest.approx(reversed_rows.plain().losses, abs=1e-5)
    assert reversed_rows.ours().losses != few.ours().losses


def test_other_losses_are_said(few, capsys, monkeypatch):
    assert contest.write_contest(few, 1).agreed
    told = capsys.readouterr().out
    assert "train_runtime" not in told
    assert "| `Trainer` |" in told
    assert "| arenaboost |" in told
    worse = few.plain().losses
    off = contest.Rate(1.0, 1.0, [worse[0], worse[1] + 1e-3])
    monkeypatch.setattr(contest.Contest, "plain", lambda self: off)
    assert not contest.write_contest(few, 1).agreed
    assert "differ by 1.0e-03" in capsys.readouterr().out


def test_a_batch_that_does_not_fit_is_halved(few, capsys, monkeypatch):
    plain = contest.Contest.plain

    def small_card(self):
        if self.at_once > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self)

    monkeypatch.setattr(contest.Contest, "plain", small_card)
    assert contest.write_contest(few, 1).agreed
    assert "takes 2 battles at once from now" in capsys.readouterr().out


def test_tokens_are_those_of_the_steps_that_are_timed(few):
    lengths = [len(item.first) + len(item.second) for item in few.items()]
    assert few.tokens == sum(lengths[8:])
    assert few.padding() == pytest.approx(_padded(few.items()) / sum(lengths))


def _padded(items):
    batches = [items[start : start + 8] for start in range(0, len(items), 8)]
    longest = [max(max(len(item.first), len(item.second)) for item in batch) for batch in batches]
    return sum(16 * length for length in longest)


def test_padding_is_not_pooled(tiny_encoder):
    plain = PlainTower(tiny_encoder, dropout=0.0)
    short, long = Item([101, 2054, 102], [101, 102], 0), Item([101] + [2003] * 9 + [102], [101], 1)
    alone, with_long = (Collator(tiny_encoder)(battles) for battles in ([short], [short, long]))
    assert with_long["input_ids"].shape == (4, 11)
    first = plain(**alone)["logits"][0]
    torch.testing.assert_close(plain(**with_long)["logits"][0], first, atol=1e-5, rtol=1e-5)


def test_frozen_layers_stay(tiny_encoder):
    plain = PlainTower(tiny_encoder, train_layers=1)
    trained = {name for name, own in plain.named_parameters() if own.requires_grad}
    assert all(name.startswith(("network.encoder.layer.2.", "classifier.")) for name in trained)
    assert len(trained) == 18


def test_a_clock_leaves_the_first_step_out(monkeypatch):
    times = iter([10.0, 17.0])
    monkeypatch.setattr(contest, "perf_counter", lambda: next(times))
    clock = contest.Clock("cpu", 4)
    for step in (1, 2, 3, 4):
        clock(step)
    assert clock.wall == 7.0


def test_the_command(monkeypatch, tiny_encoder, capsys):
    monkeypatch.delenv("ARENABOOST_DATA", raising=False)
    flags = ["--backbone", str(tiny_encoder), "--battles", "32", "--lengths", "32"]
    assert tower.main([*flags, "--repeats", "1", "--dropout", "0"]) == 0
    told = capsys.readouterr().out
    assert told.count("| `Trainer` |") == 2
    assert "| states of the frozen layers, once |" in told
    assert np.all([f"{name} tokens" in told for name in ("All layers, 32", "The top layer, 32")])
