"""Every learner of the registry, by what the preference model asks of a member."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from models.heads import FORMS
from models.learners.contract import Sample, Watch
from models.learners.registry import LEARNERS

NAMES = ["f__both_pair", "f__size_a", "f__size_b", "f__gap_diff"]
HEADS = {head.name: head for heads in FORMS.values() for head in heads}


def learner(name):
    """Settings that learn within a few rounds."""
    made = LEARNERS[name]()
    quick = {"max_rounds": 25, "learning_rate": 0.2, "feature_fraction": 1.0, "colsample_bytree": 1}
    return made.set_params(**{key: quick[key] for key in quick.keys() & made.get_params().keys()})


def rows(head, n=400, seed=0):
    """Rows in both orders: the gap says who wins, a column of both whether it is a tie."""
    rng = np.random.default_rng(seed)
    both, a, b, gap = rng.normal(size=(4, n))
    won = gap + 0.5 * rng.normal(size=n) > 0
    y = np.where(both + 0.5 * rng.normal(size=n) > 0.5, 2, np.where(won, 0, 1)).astype(np.int8)
    X = np.vstack([np.column_stack([both, a, b, gap]), np.column_stack([both, b, a, -gap])])
    labels = np.concatenate([y, np.array([1, 0, 2])[y]])
    kept = labels != 2 if head == "direction" else np.ones(2 * n, dtype=bool)
    target = HEADS[head].target(labels[kept].astype(np.int8))
    return Sample(X[kept].astype(np.float32), target, np.ones(kept.sum()))


def log_loss(target):
    def loss(raw):
        if raw.ndim == 2:
            shifted = raw - raw.max(axis=1, keepdims=True)
            log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
            return float(-log_p[np.arange(len(target)), target].mean())
        return float(np.mean(np.logaddexp(0.0, np.where(target == 1, -raw, raw))))

    return loss


every_learner = pytest.mark.parametrize("name", list(LEARNERS))
every_head = pytest.mark.parametrize("head", list(HEADS))


@every_learner
@every_head
def test_watched_losses_are_those_of_the_raw_scores(name, head, setting):
    """Boosters hand over probabilities or margins: a member must make raw scores of either."""
    held = rows(head, seed=1)
    loss = log_loss(held.target)
    model = learner(name).fit(rows(head), setting(NAMES, head), watch=Watch(held.X, loss))
    best = int(np.argmin(model.losses)) + 1
    again = [loss(model.raw(held.X, place)) for place in range(1, best + 1)]
    np.testing.assert_allclose(model.losses[:best], again, rtol=1e-5)
    assert best > 2


@every_learner
@every_head
def test_learns_what_is_there(name, head, setting):
    held = rows(head, seed=1)
    model = learner(name).fit(rows(head), setting(NAMES, head), complexity=7)
    loss = log_loss(held.target)
    raw = model.raw(held.X)
    share = np.bincount(held.target) / len(held.target)
    assert raw.dtype == np.float64
    assert raw.shape == ((len(held.X), 3) if head == "multiclass" else (len(held.X),))
    assert loss(raw) < -np.sum(share * np.log(share)) - 0.03


@every_learner
@every_head
def test_dump_and_load_give_the_same_scores_bit_for_bit(name, head, setting):
    model = learner(name).fit(rows(head), setting(NAMES, head), complexity=4)
    content = model.dump()
    assert isinstance(content, bytes)
    assert not content.startswith(b"\x80")  # a pickle
    loaded = LEARNERS[name].model.load(content)
    X = rows(head, seed=2).X
    np.testing.assert_array_equal(loaded.raw(X), model.raw(X))
    assert loaded.dump() == content


@every_learner
@every_head
def test_fit_again_gives_the_same(name, head, setting):
    one, two = (learner(name).fit(rows(head), setting(NAMES, head), complexity=4) for _ in range(2))
    assert one.dump() == two.dump()


@every_learner
@every_head
def test_a_row_does_not_depend_on_its_batch(name, head, setting):
    model = learner(name).fit(rows(head), setting(NAMES, head), complexity=4)
    X = rows(head, seed=2).X[:40]
    alone = np.concatenate([model.raw(X[row : row + 1]) for row in range(len(X))])
    np.testing.assert_allclose(alone, model.raw(X), rtol=0, atol=1e-12)


@every_learner
def test_importance_finds_the_column_that_decides(name, setting):
    model = learner(name).fit(rows("direction"), setting(NAMES), complexity=4)
    gain = model.importance(len(NAMES))
    assert gain.shape == (4,)
    assert gain.min() >= 0
    assert gain.argmax() == NAMES.index("f__gap_diff")


@every_learner
def test_weights_count(name, setting):
    """Rows that contradict the others lose where they weigh less."""
    right = rows("direction")
    sample = Sample(
        np.vstack([right.X, right.X]),
        np.concatenate([right.target, 1 - right.target]),
        np.repeat([1.0, 0.1], len(right.X)),
    )
    scores = learner(name).fit(sample, setting(NAMES), complexity=4).raw(right.X)
    assert np.mean((scores > 0) == (right.target == 1)) > 0.75
    turned = replace(sample, weight=sample.weight[::-1].copy())
    scores = learner(name).fit(turned, setting(NAMES), complexity=4).raw(right.X)
    assert np.mean((scores > 0) == (right.target == 1)) < 0.25


@every_learner
def test_complexity_counts_from_one(name, setting):
    """What `raw` calls place k of a path is what a fit of complexity k gives."""
    held = rows("direction", seed=1)
    path = learner(name).fit(
        rows("direction"), setting(NAMES), watch=Watch(held.X, log_loss(held.target))
    )
    for place in (1, 3):
        fixed = learner(name).fit(rows("direction"), setting(NAMES), complexity=place)
        np.testing.assert_allclose(fixed.raw(held.X), path.raw(held.X, place), rtol=1e-6)
    assert len(path.losses) >= 3
    assert not np.allclose(path.raw(held.X, 1), path.raw(held.X, 3))


@every_learner
def test_settings_clone_pickle_and_come_back(name):
    settings = learner(name)
    twin = clone(settings)
    assert twin is not settings
    assert twin.get_params() == settings.get_params()
    assert pickle.loads(pickle.dumps(settings)).get_params() == settings.get_params()
    assert LEARNERS[name]().set_params(**settings.get_params()).get_params() == twin.get_params()
