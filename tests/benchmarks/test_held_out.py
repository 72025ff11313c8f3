"""Towers on folds of a few battles, and the tables that are made so."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from benchmarks import real
from benchmarks.quality import held_out, pieces, softmax
from benchmarks.quality.__main__ import main
from benchmarks.quality.held_out import Battles
from data.battles import make_battles
from data.folds import make_folds
from models.heads import probabilities
from models.tower.losses import LOSSES, Raw, Targets, loss_of
from models.tower.losses.cross_entropy import CrossEntropy
from models.tower.settings import TowerSettings
from pipelines.presets import TOWERS
from pipelines.settings import read_preset


@pytest.fixture(scope="module")
def battles():
    """90 plain ones of 45 prompts, and 30 extra ones of some of these and of others."""
    rng = np.random.default_rng(0)
    prompts = [f"What is {n // 2}?" for n in range(90)] + [f"What is {n}?" for n in range(30, 60)]
    words = [[" ".join(rng.permutation(list("abcdefg"))) for _ in prompts] for _ in range(2)]
    frame = make_battles(prompts, *words)
    frame["source"] = ["plain"] * 90 + ["extra"] * 30
    return Battles(frame, np.array([0, 1, 2] * 30 + [0, 1] * 15, dtype=np.int8))


@pytest.fixture
def settings(tiny_encoder):
    return TowerSettings(backbone=str(tiny_encoder), length=32, dropout=0.0, seed=3)


def test_a_fold_and_who_trains_without_it(battles, settings):
    frame, y = battles
    group = frame["group"].to_numpy(dtype=object)
    folds = make_folds(y[:90], group[:90], n_folds=5, seed=3)
    seen = []
    for fold in range(5):
        rows, out = battles.parts(settings, fold)
        assert out.tolist() == np.flatnonzero(folds == fold).tolist()
        assert not set(group[rows]) & set(group[out])
        assert set(np.flatnonzero(folds != fold)) <= set(rows)
        assert (rows >= 90).any()
        seen += out.tolist()
    assert sorted(seen) == list(range(90))


def test_decided_extra_rows_of_other_prompts_are_held_out_too(battles, settings):
    frame, y = battles
    group = frame["group"].to_numpy(dtype=object)
    alone = {*np.flatnonzero(~frame["group"].isin(group[:90]))} & {*np.flatnonzero(y != 2)}
    assert 0 < len(alone) < 30
    seen = []
    for fold in range(5):
        rows, out = battles.parts(settings, fold, decided=True)
        plain = battles.parts(settings, fold)[1]
        assert out[out < 90].tolist() == plain.tolist()
        assert not set(group[rows]) & set(group[out])
        seen += out[out >= 90].tolist()
    assert sorted(seen) == sorted(alone)


def test_what_is_said_of_folds(battles, settings, capsys):
    found = held_out.held_out(settings, battles, (1, 0), device="cpu", epochs=1.0, name="tiny")
    rows = np.sort(np.concatenate([battles.parts(settings, fold)[1] for fold in (0, 1)]))
    assert found.rows.tolist() == rows.tolist()
    np.testing.assert_array_equal(found.proba, probabilities(found.z, found.t))
    np.testing.assert_allclose(found.proba.sum(axis=1), 1.0)
    assert found.trained == found.parameters > 1000
    steps = [-(-len(battles.parts(settings, fold)[0]) // 16) for fold in (0, 1)]
    assert len(found.losses) == sum(steps)
    assert found.seconds > 0
    assert found.tokens > 0
    alone = held_out.held_out(settings, battles, (0,), device="cpu", epochs=1.0)
    own = np.isin(found.rows, alone.rows)
    np.testing.assert_array_equal(found.z[own], alone.z)
    np.testing.assert_array_equal(found.t[own], alone.t)
    told = capsys.readouterr()
    assert "tiny: fold 0" in told.err
    assert not told.out


def test_what_is_frozen_is_no_trained_number(battles, settings):
    given = settings.model_copy(update={"train_layers": 1})
    whole = held_out.held_out(settings, battles, device="cpu", epochs=0.1)
    part = held_out.held_out(given, battles, device="cpu", epochs=0.1)
    assert part.parameters == whole.parameters
    assert part.trained < whole.trained


def test_what_is_read(battles, monkeypatch):
    monkeypatch.setattr(real, "all_rows", lambda: battles)
    assert Battles.real().y.tolist() == battles.y.tolist()
    few = Battles.real(7)
    assert len(few.y) == 97
    assert few.frame["source"].tolist() == ["plain"] * 90 + ["extra"] * 7
    ids = few.frame["id"].tolist()
    at = [battles.frame["id"].tolist().index(id_) for id_ in ids]
    assert few.y.tolist() == battles.y[at].tolist()
    assert ids == Battles.real(7).frame["id"].tolist()


@pytest.fixture
def _real(battles, monkeypatch):
    monkeypatch.setenv(real.VARIABLE, "somewhere")
    monkeypatch.setattr(real, "all_rows", lambda: battles)


@pytest.mark.usefixtures("_real")
def test_a_line_for_each_backbone(tiny_encoder, capsys):
    flags = ["--set", "length=32", "--device", "cpu", "--folds", "0", "1"]
    assert main(["backbones", str(tiny_encoder), str(tiny_encoder), *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "One tower, folds 0 1" in lines
    cells = [line.split(" | ") for line in lines if line.startswith(f"| {tiny_encoder}")]
    assert len(cells) == 2
    assert cells[0][1] == cells[0][2]
    assert cells[0][5:7] == cells[1][5:7]


@pytest.mark.usefixtures("_real")
def test_a_line_is_there_before_another_backbone_fails(tiny_encoder, capsys):
    flags = ["--set", "length=32", "--device", "cpu"]
    with pytest.raises(SystemExit, match=r"backbone /nowhere: no such folder"):
        main(["backbones", str(tiny_encoder), "/nowhere", *flags])
    assert f"| {tiny_encoder} | " in capsys.readouterr().out


@pytest.mark.usefixtures("_real")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["backbones", "/nowhere"], r"backbones: backbone /nowhere: no such folder"),
        (["backbones", "minilm", "--set", "lenght=3"], r"--set: lenght"),
        (["backbones", "minilm", "--set", "backbone=x"], r"backbone is what is compared\. Leave"),
        (["softmax", "--set", "epochs=5"], r"softmax: --set epochs=5: epochs is what is compared"),
        (["softmax", "--set", "loss=dpo"], r"softmax: --set loss=dpo: loss is what is compared"),
        (["softmax", "--set", "lenght=3"], r"softmax: --set: lenght"),
        (["softmax", "--folds", "0", "5"], r"softmax: --folds 5: there are the folds 0 to 4\."),
    ],
)
def test_a_wrong_use_is_one_line(command, words):
    with pytest.raises(SystemExit, match=words):
        main(command)


@pytest.mark.usefixtures("_real")
def test_the_table_of_six(tiny_encoder, capsys):
    flags = ["--set", f"backbone={tiny_encoder}", "--set", "length=32", "--device", "cpu"]
    assert main(["softmax", *flags]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    cells = [line.strip("| ").split(" | ") for line in rows]
    assert [row[:4] for row in cells] == [
        ["softmax", "once more", "1", "1.044"],
        ["softmax", "no more", "1", "1.352"],
        ["none", "no more", "1", "1.042"],
        ["softmax", "no more", "3", "1.590"],
        ["none", "no more", "3", "1.075"],
        ["log-softmax", "no more", "3", "1.074"],
    ]
    assert cells[4][4] == cells[5][4]
    assert float(cells[0][4]) != float(cells[1][4])
    assert LOSSES["cross_entropy"] is CrossEntropy


@pytest.mark.usefixtures("_real")
def test_a_line_for_each_piece(tiny_encoder, capsys, monkeypatch):
    monkeypatch.setattr(pieces, "RECIPE", {"train_layers": "all"})
    flags = ["--set", f"backbone={tiny_encoder}", "--set", "length=32", "--device", "cpu"]
    assert main(["pieces", *flags, "--folds", "0", "1", "--only", "smoothing"]) == 0
    lines = capsys.readouterr().out.splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][1:]
    # What a line is compared with comes before it, asked for or not.
    assert [row[:2] for row in cells] == [
        ["as_it_is", ""],
        ["cross_entropy", "as_it_is"],
        ["smoothing", "cross_entropy"],
    ]
    (first,) = (line for line in lines if line.startswith("Folds"))
    assert first.startswith("Folds 0 1: 36 plain battles, ")
    gap = float(cells[2][2]) - float(cells[1][2])
    assert float(cells[2][3].split()[0]) == pytest.approx(gap, abs=2e-4)


def said(z, y, plain):
    """What a tower said of battles, so many of them plain."""
    frame = make_battles([f"{n}?" for n in range(len(y))], ["a"] * len(y), ["b"] * len(y))
    frame["source"] = np.where(np.arange(len(y)) < plain, "plain", "extra")
    t = np.zeros(len(y))
    rows = np.arange(len(y))
    found = held_out.HeldOut(rows, z, t, probabilities(z, t), 1.0, 1, 1, 1, np.zeros(1))
    return found, Battles(frame, np.asarray(y, dtype=np.int8))


def test_the_extra_rows_are_judged_at_their_best_scale_and_the_plain_ones_as_they_are():
    z = np.array([0.5, -0.5, 8.0, 8.0, 8.0, -8.0])  # three of the four extra ones are right
    found, battles = said(z, [0, 1, 0, 0, 1, 1], plain=2)
    judged = pieces.judged(found, battles)
    assert judged.plain_rows.tolist() == [0, 1]
    assert judged.extra_rows.tolist() == [2, 3, 4, 5]
    np.testing.assert_array_equal(judged.plain, found.proba[:2])
    share = judged.extra[:, 0] / judged.extra[:, :2].sum(axis=1)
    np.testing.assert_allclose(share, [0.75, 0.75, 0.75, 0.25], atol=1e-4)


@pytest.mark.parametrize("name", pieces.CHANGES)
def test_every_piece_is_a_change(name):
    recipe = read_preset(pieces.PRESET, TOWERS)[0] | pieces.RECIPE
    change = pieces.CHANGES[name]
    made = held_out.settings_of(recipe, [], change.settings)
    beside = held_out.settings_of(recipe, [], pieces.CHANGES[change.against].settings)
    assert (made == beside) == (name == change.against)


SCORES = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], dtype=torch.float64)
TARGETS = Targets(torch.tensor([0, 2]), torch.tensor([True, True]))


def gradient(before):
    scores = SCORES.clone().requires_grad_()
    with softmax.loss_given(before):
        loss = loss_of(TowerSettings())
    losses, _ = loss(Raw(scores, scores[:, [1, 0, 2]]), TARGETS)
    losses.sum().backward()
    return losses.detach(), scores.grad


def test_log_softmax_before_the_cross_entropy_is_none():
    (one, slope), (other, same) = gradient("none"), gradient("log-softmax")
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0.0)
    torch.testing.assert_close(slope, same, atol=1e-5, rtol=0.0)
    torch.testing.assert_close(one, cross_entropy(SCORES, TARGETS.y, reduction="none"))


def test_softmax_before_the_cross_entropy_is_not():
    """p = (0.8437947, 0.1141952, 0.0420101), whose softmax gives 0.5179657 to the first."""
    losses, slope = gradient("softmax")
    assert losses[0].item() == pytest.approx(0.6578463, abs=1e-6)
    none, other = gradient("none")
    assert none[0].item() == pytest.approx(0.1698460, abs=1e-6)
    assert losses[0] > none[0] + 0.4
    assert not torch.allclose(slope, other, atol=0.05)


def test_the_losses_that_are_given_are_taken_back_after_a_fault():
    with pytest.raises(KeyError), softmax.loss_given("softmax"):
        raise KeyError
    assert LOSSES["cross_entropy"] is CrossEntropy
