"""Training: what it does to a tower, what it must not see, and where memory runs out."""

import numpy as np
import pytest
import torch

from data.folds import make_folds
from models.heads import probabilities
from models.measures import metrics
from models.tower import training
from models.tower.errors import TowerError
from models.tower.network import Network
from models.tower.training import Training
from models.tower.watch import Silent
from models.tower.world import World
from tests.models.tower.backbones import (
    Kept,
    Notes,
    material_of,
    same_weights,
    state_of,
    trained_on,
)


@pytest.fixture
def make(rows64, backbone_folder):
    return lambda battles=None, name="bert", **given: material_of(
        backbone_folder(name), rows64[0] if battles is None else battles, **given
    )


def test_the_best_of_all_evaluations_is_kept(make, rows64):
    y = rows64[1]
    notes = Notes()
    material = make(epochs=4, evaluate_every=3, batch=8, learning_rate=3e-3)
    trained = trained_on(material, y, watch=notes)
    steps = [step for step, _, _ in notes.losses]
    an_epoch = -(-len(trained_rows(material, y)) // 8)
    assert steps == list(range(1, 4 * an_epoch + 1))
    assert {of for _, of, _ in notes.losses} == {4 * an_epoch}
    told = [row["step"] for row in trained.history]
    assert told == [*range(3, 4 * an_epoch, 3), 4 * an_epoch]
    assert trained.history == notes.rows
    best = min(trained.history, key=lambda row: row["log_loss"])
    assert best is not trained.history[-1]  # or the test could not tell the two apart
    assert trained.epochs == best["step"] / an_epoch == best["epoch"]
    _, inner = training.inner_split(material, y, np.arange(64), held_out=True)
    logits = trained.tower.predict(material, inner)
    proba = probabilities(logits.z, logits.t)
    assert metrics.log_loss(y[inner], proba) == best["log_loss"]
    for name in ("accuracy", "precision", "recall", "f1"):
        assert getattr(metrics, name)(y[inner], proba) == best[name]
    assert trained.tokens == notes.tokens
    assert trained.history[0]["loss"] == pytest.approx(
        np.mean([loss for _, _, loss in notes.losses[:3]])
    )


def trained_rows(material, y):
    return training.inner_split(material, y, np.arange(len(y)), held_out=True)[0]


def test_an_epoch_reads_every_row_once_in_an_order_of_its_own(make, rows64):
    material = make()
    made = Training(material, rows64[1], np.arange(61), np.arange(0), Kept(), Silent(), World())
    epochs = []
    for _ in range(2):
        steps = []
        for _ in range(made.steps_an_epoch):
            steps.append(made._rows_of_step())
            made.step += 1
        assert [len(step) for step in steps] == [8] * 7 + [5]
        epochs.append(np.concatenate(steps).tolist())
        assert sorted(epochs[-1]) == list(range(61))
    assert epochs[0] != epochs[1]


def test_so_many_epochs_on_all_rows(make, rows64):
    notes = Notes()
    trained = trained_on(make(epochs=3), rows64[1], watch=notes, epochs=1.5)
    assert [step for step, _, _ in notes.losses] == list(range(1, 13))
    assert trained.epochs == 1.5
    assert trained.history == []


def test_a_seed_gives_a_tower_and_another_seed_another(make, rows64):
    found = [state_of(trained_on(make(seed=seed, dropout=0.1), rows64[1])) for seed in (0, 0, 1)]
    assert same_weights(found[0], found[1])
    assert not same_weights(found[0], found[2])


def test_frozen_weights_stay(make, rows64):
    material = make(train_layers=1)
    before = {key: own.clone() for key, own in material.loaded.whole.network.state_dict().items()}
    first = Network(material.loaded.settings, material.loaded.parts.upper).state_dict()
    trained = trained_on(material, rows64[1])
    after = material.loaded.whole.network.state_dict()
    assert all(torch.equal(own, before[key]) for key, own in after.items())
    moved = {key for key, own in state_of(trained).items() if not torch.equal(own, first[key])}
    assert {key.split(".")[0] for key in moved} == {"head", "upper"}


def test_rows_that_are_held_out_are_never_read(make, rows64):
    """Other labels, texts, prompts and sources there: the tower is the same, bit for bit."""
    battles, y = rows64
    rows = np.arange(48)
    towers = []
    for changed in (False, True):
        frame, labels = battles.copy(), y.copy()
        if changed:
            labels[48:] = (labels[48:] + 1) % 3
            for name in ("prompt", "response_a", "response_b"):
                frame.loc[48:, name] = frame.loc[48:, name].map(lambda _: ["Something else."])
            frame.loc[48:, "source"] = "extra"
            frame.loc[48:, "group"] = "another prompt"
        material = make(frame, features=("words_sum",), task="ranking", dropout=0.1, epochs=2)
        towers.append(trained_on(material, labels, rows).tower)
    assert same_weights(*(tower.network.state_dict() for tower in towers))
    assert towers[0].scale == towers[1].scale
    assert towers[0].width == towers[1].width


@pytest.mark.parametrize("given", [{"extra_weight": 0.0}, {"extra_weight": 1.0}])
def test_extra_rows_that_tell_nothing_are_as_if_they_were_not_there(given, make, rows64):
    battles, y = rows64
    told = np.arange(64) % 3 != 2
    labels = np.where(told | (given["extra_weight"] == 0), y, 2).astype(np.int8)
    frame = battles.assign(source=np.where(told, "plain", "extra"))
    options = {"features": ("words_sum",), "dropout": 0.1, "epochs": 2, **given}
    with_extra = trained_on(make(frame, **options), labels)
    without = trained_on(make(frame[told].reset_index(drop=True), **options), labels[told])
    assert same_weights(state_of(with_extra), state_of(without))
    assert with_extra.history == without.history
    assert with_extra.tower.scale == without.tower.scale


def test_extra_rows_count_by_their_weight(make, rows64):
    battles, y = rows64
    frame = battles.assign(source=np.where(np.arange(64) % 3, "plain", "extra"))
    found = [state_of(trained_on(make(frame, extra_weight=weight), y)) for weight in (0.2, 1.0)]
    assert not same_weights(*found)


def test_rows_count_by_their_own_weight(make, rows64):
    battles, y = rows64
    frame = battles.assign(source=np.where(np.arange(64) % 3, "plain", "extra"))
    extra = np.where(frame["source"] == "extra", 0.2, 1.0)
    found = [
        state_of(trained_on(make(frame.assign(weight=weight), extra_weight=of_extra), y))
        for weight, of_extra in ((1.0, 0.2), (extra, 1.0), (1.0, 1.0))
    ]
    largest = [max(float((found[0][k] - other[k]).abs().max()) for k in other) for other in found]
    assert largest[1] < 1e-5 < largest[2]


def test_a_steps_gradient_is_clipped(make, rows64):
    norms = []
    for clip in (0.0, 0.01):
        material = make(clip=clip)
        made = Training(material, rows64[1], np.arange(64), np.arange(0), Kept(), Silent(), World())
        made._one_step(1)
        norms.append(float(torch.cat([w.grad.reshape(-1) for w in made._trained()]).norm()))
    assert norms[0] > 0.1
    assert norms[1] == pytest.approx(0.01, rel=1e-3)


def test_or_each_weights_own_gradient_is(make, rows64):
    material = make(clip=0.01, clip_by="tensor")
    made = Training(material, rows64[1], np.arange(64), np.arange(0), Kept(), Silent(), World())
    made._one_step(1)
    norms = [float(weight.grad.norm()) for weight in made._trained()]
    assert max(norms) == pytest.approx(0.01, rel=1e-3)
    assert sum(norm > 0.0099 for norm in norms) > 3  # which would be more than 0.01 together


PIECES = {"pooling": "attention", "lstm": 6, "head_norm": True, "head_dropout": 0.2}


@pytest.mark.parametrize(
    "given",
    [
        {"ties": "davidson", "dense": 5},
        {"ties": "rao_kupper", "fusion": "antisymmetric"},
        {"ties": "davidson", "task": "ranking", "loss": "direction_tie"},
    ],
)
def test_every_weight_of_a_head_is_trained_and_goes_on_where_it_was(given, make, rows64):
    kept, options = Kept(), PIECES | given | {"evaluate_every": 4, "epochs": 1}
    material = make(**options)
    first = Network(material.loaded.settings, material.loaded.parts.upper).state_dict()
    whole = trained_on(material, rows64[1], checkpoints=kept)
    state = state_of(whole)
    heads = [key for key in state if key.startswith("head.")]
    assert len(heads) > 14
    assert all(not torch.equal(state[key], first[key]) for key in heads if moves(key))
    assert whole.tower.width is None
    resumed = trained_on(make(**options), rows64[1], checkpoints=Kept(kept.written[0]))
    assert same_weights(state, state_of(resumed))
    assert whole.history == resumed.history


def moves(key):
    """Softmax and difference take away what is added to both of their sides."""
    return key not in ("head.pooling.score.bias", "head.fusion.direction.bias")


def test_the_rate_of_a_step_is_the_schedules(make, rows64):
    material = make(learning_rate=1e-3, warm_up=0.5, epochs=2)
    made = Training(material, rows64[1], np.arange(64), np.arange(0), Kept(), Silent(), World())
    rates = []
    for _ in range(16):
        made._one_step(16)
        rates.append(made.optimiser.param_groups[0]["lr"])
    assert rates[:8] == pytest.approx([1e-3 * (step + 1) / 8 for step in range(8)])
    assert rates[8:] == pytest.approx([1e-3 * (1 - step / 8) for step in range(8)])


@pytest.fixture
def scarce(monkeypatch):
    """Memory runs out in the calls whose numbers are given, forward or backward."""

    def make(calls, where):
        seen = []
        forward = Network.forward

        def failing(self, batch):
            seen.append(sum(batch.packs.lengths))
            fails = len(seen) in calls
            if fails and where == "forward":
                raise torch.OutOfMemoryError("memory")
            raw = forward(self, batch)
            if fails:
                raw.first.register_hook(run_out)
            return raw

        monkeypatch.setattr(Network, "forward", failing)
        return seen

    return make


def run_out(_):
    raise torch.OutOfMemoryError("memory")


@pytest.mark.parametrize("where", ["forward", "backward"])
@pytest.mark.parametrize("name", ["bert", "deberta-v2"])
def test_memory_that_runs_out_leaves_the_gradient(name, where, make, rows64, scarce):
    y, rows = rows64[1], np.arange(16)
    found = []
    for calls in ((), (2,)):  # the second micro-batch: a part of the gradient is there already
        seen, notes = scarce(calls, where), Notes()
        made = Training(make(name=name, tokens=600), y, rows, rows[:0], Kept(), notes, World())
        made.network.train()
        loss, tokens = made.gradient(rows, 0)
        found.append((loss, torch.cat([w.grad.reshape(-1) for w in made._trained()])))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], atol=1e-5, rtol=1e-4)
    assert notes.said == ["memory ran out: micro-batches of 300 tokens from now"]
    assert made.gradient.tokens_at_once == 300
    assert max(seen[2:]) <= 300
    assert tokens == sum(seen[2:])  # what was begun anew is not counted


def test_micro_batches_larger_than_a_step_are_halved_from_the_step(make, rows64, scarce):
    scarce((1,), "forward")
    notes, material = Notes(), make(tokens=10**6)
    rows = np.arange(8)
    made = Training(material, rows64[1], rows, rows[:0], Kept(), notes, World())
    made.gradient(rows, 0)
    assert made.gradient.tokens_at_once == material.tokens(rows).sum() // 2
    assert len(notes.said) == 1


def test_a_battle_that_does_not_fit(make, rows64, scarce):
    scarce(range(1, 99), "forward")
    material = make()
    largest = int(material.tokens(np.arange(64)).max())
    with pytest.raises(
        TowerError,
        match=rf"a battle of {largest} tokens does not fit into the memory of cpu. Lower length, o",
    ):
        trained_on(material, rows64[1])


def test_another_error_is_not_taken_for_memory(make, rows64, monkeypatch):
    def broken(self, batch):
        raise RuntimeError("something else")

    monkeypatch.setattr(Network, "forward", broken)
    with pytest.raises(RuntimeError, match="something else"):
        trained_on(make(), rows64[1])


def test_a_loss_that_is_not_finite(make, rows64):
    material = make(learning_rate=1e30, clip=0.0)
    with pytest.raises(
        TowerError, match=r"step \d+: the lo.* not finite|the loss is nan. Lower lea"
    ):
        trained_on(material, rows64[1])


def test_half_precision_trains(make, rows64):
    trained = trained_on(make(precision="bf16", epochs=2), rows64[1])
    assert all(own.dtype == torch.float32 for own in state_of(trained).values())
    assert np.isfinite(trained.history[-1]["log_loss"])


@pytest.mark.parametrize("form", [{"fusion": "antisymmetric", "loss": "direction_tie"}])
def test_labels_that_say_nothing_teach_nothing(form, make, rows64):
    """Labels flipped at random: the loss out of fold is not below that of their shares."""
    battles = rows64[0]
    y = np.random.default_rng(7).permutation(np.arange(64) % 3).astype(np.int8)
    folds = make_folds(y, battles["group"], n_folds=4)
    material = make(epochs=2, learning_rate=1e-3, inner_folds=3, length=32, **form)
    model, prior = np.empty(64), np.empty(64)
    for fold in range(4):
        rows, scored = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        logits = trained_on(material, y, rows).tower.predict(material, scored)
        shares = np.bincount(y[rows], minlength=3) / len(rows)
        model[scored] = -np.log(
            probabilities(logits.z, logits.t)[np.arange(len(scored)), y[scored]]
        )
        prior[scored] = -np.log(shares[y[scored]])
    better = prior - model
    assert better.mean() <= 3 * better.std(ddof=1) / np.sqrt(64)


def test_labels_that_say_something_teach_it(make, rows64):
    """The same net and folds where the longer answer has won: it can be learnt."""
    battles = rows64[0]
    lengths = [
        battles[name].map(lambda turns: len(str(turns))) for name in ("response_a", "response_b")
    ]
    y = np.where(lengths[0] > lengths[1], 0, 1).astype(np.int8)
    y[::9] = 2
    material = make(epochs=6, learning_rate=5e-3, features=("words_log_sum",), loss="direction_tie")
    trained = trained_on(material, y, epochs=6)
    decided = y != 2
    z = trained.tower.predict(material, np.flatnonzero(decided)).z
    assert ((z > 0) == (y[decided] == 0)).mean() > 0.9


SOFT = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])


def test_of_soft_labels_alone_the_votes_teach_nothing(make, rows64):
    """Where a row has some: another vote there leaves the tower, and other soft labels do not."""
    y, soft = rows64[1], SOFT[np.arange(64) % 2]
    soft[::8] = np.nan
    flipped = np.where(np.isnan(soft[:, 0]), y, (y + 1) % 3).astype(np.int8)
    material = make(distill=1.0, epochs=2)
    towers = [
        state_of(trained_on(material, labels, epochs=2.0, soft=given))
        for labels, given in ((y, soft), (flipped, soft), (y, 0.9 * soft + 0.1 / 3))
    ]
    assert same_weights(towers[0], towers[1])
    assert not same_weights(towers[0], towers[2])
    other = np.where(np.isnan(soft[:, 0]), (y + 1) % 3, y).astype(np.int8)
    assert not same_weights(towers[0], state_of(trained_on(material, other, epochs=2.0, soft=soft)))


def test_soft_labels_are_learnt(make, rows64):
    y, soft = rows64[1], SOFT[np.arange(64) % 2]
    notes = Notes()
    material = make(distill=1.0, distill_temperature=2.0, epochs=8)
    trained_on(material, y, epochs=8.0, soft=soft, watch=notes)
    losses = [loss for _, _, loss in notes.losses]
    assert np.mean(losses[-8:]) < 0.75 * np.mean(losses[:8])


@pytest.mark.parametrize(("given", "soft"), [({"distill": 0.5}, None), ({}, SOFT)])
def test_soft_labels_that_are_not_asked_for_or_not_given(given, soft, make, rows64):
    with pytest.raises(TowerError, match=r"distill: expected soft labels where .* Got \S+ with"):
        trained_on(make(**given), rows64[1], soft=soft)
