"""Which fits go on at the same time, and what ends them."""

from threading import Barrier, Event, Lock, Thread

import numpy as np
import pytest

from features.sides import Swap
from models import fits as fits_module
from models.fits import run_fits
from models.heads import FORMS
from models.parts import NO_FOLD, Fit, Material, Part, Rows

SWAP = Swap(["f__size_a", "f__size_b"])
DIRECTION, TIE = FORMS["heads"]
PATIENCE = 20.0  # seconds until a test gives up


class Trainer:
    """Trains nothing: tells what it is given, does what the test wants, answers with its name."""

    def __init__(self, name, place="cpu", does=lambda setting: None):
        self.name = name
        self.place = place
        self.does = does
        self.given = []

    def trains_on(self, device):
        return self.place if device == "cuda" or self.place != "cuda" else "cpu"

    def fit(self, sample, setting, *, complexity=None, watch=None):
        self.given.append((sample, watch, setting))
        self.does(setting)
        return f"{self.name} {setting.seed}"


def rows(n=40):
    rng = np.random.default_rng(0)
    ones = np.ones(n)
    y = (np.arange(n) % 3).astype(np.int8)
    X = rng.normal(size=(n, 2)).astype(np.float32)
    return Rows(X, y, ones.astype(bool), ones, ones, (np.arange(n) % 4).astype(np.int8))


def fit_of(trainer, seed=0, head=DIRECTION, fold=NO_FOLD):
    return Fit(Part(trainer.name, trainer, head, seed), fold)


def counting():
    """What a trainer does, and how many of those that do it are busy when one begins."""
    busy, most, lock = [], [], Lock()

    def work(setting):
        with lock:
            busy.append(1)
            most.append(len(busy))
        Event().wait(0.02)
        busy.pop()

    return work, most


def run(fits, n_jobs=4, device="cuda"):
    made = run_fits(fits, Material(rows(), SWAP), device=device, n_jobs=n_jobs)
    return [fitted.model for fitted in made]


@pytest.mark.parametrize("n_jobs", [1, 2, 5])
def test_models_come_back_in_the_order_of_their_fits(n_jobs):
    trainers = [Trainer("trees"), Trainer("card", "cuda"), Trainer("line")]
    fits = [fit_of(trainer, seed) for seed in range(3) for trainer in trainers]
    assert run(fits, n_jobs) == [f"{t.name} {seed}" for seed in range(3) for t in trainers]


@pytest.mark.parametrize("place", ["cuda", "gpu"])
def test_fits_on_a_gpu_go_on_beside_those_on_the_cpu(place):
    """One after the other they would never meet."""
    meeting = Barrier(2, timeout=PATIENCE)
    meet = lambda setting: meeting.wait()  # noqa: E731
    fits = [fit_of(Trainer("trees", does=meet)), fit_of(Trainer("card", place, meet))]
    assert run(fits, n_jobs=2) == ["trees 0", "card 0"]


def test_fits_on_a_gpu_come_one_after_the_other():
    work, most = counting()
    card = Trainer("card", "cuda", work)
    run([fit_of(card, seed) for seed in range(5)], n_jobs=4)
    assert most == [1] * 5
    trees = Trainer("trees", does=work)
    run([fit_of(trees, seed) for seed in range(8)], n_jobs=4)
    assert max(most) > 1


@pytest.mark.parametrize("fitting", [1, 2, 4])
def test_only_as_many_go_on_at_once_as_memory_allows(fitting, monkeypatch):
    work, most = counting()
    asked = []
    monkeypatch.setattr(fits_module, "jobs_that_fit", lambda *of: asked.append(of) or fitting)
    trees = Trainer("trees", does=work)
    assert run([fit_of(trees, seed) for seed in range(8)], n_jobs=4) == [
        f"trees {seed}" for seed in range(8)
    ]
    assert max(most) == fitting
    assert asked == [(fits_module.bytes_of_fit(40, 2), 4)]


def test_a_fit_takes_more_than_both_orders_of_its_rows():
    assert fits_module.bytes_of_fit(10**7, 100) > 2 * 10**7 * 100 * 4
    growth = fits_module.bytes_of_fit(2 * 10**7, 100) / fits_module.bytes_of_fit(10**7, 100)
    assert 1.5 < growth < 2  # the sample does not grow any more


def test_a_learner_of_a_card_trains_on_the_cpu_in_a_run_on_the_cpu():
    card = Trainer("card", "cuda")
    run([fit_of(card)], device="cpu")
    assert [(setting.device, setting.threads) for *_, setting in card.given] == [("cpu", 1)]


def test_a_fit_on_a_gpu_has_all_jobs_as_threads_and_one_on_the_cpu_has_one():
    card, trees = Trainer("card", "cuda"), Trainer("trees")
    run([fit_of(trees), fit_of(card)], n_jobs=3)
    assert [(setting.device, setting.threads) for *_, setting in card.given] == [("cuda", 3)]
    assert [(setting.device, setting.threads) for *_, setting in trees.given] == [("cpu", 1)]


def failing(setting):
    raise ValueError("no such luck")


def test_a_fault_on_the_gpu_ends_the_fits_on_the_cpu():
    trees = Trainer("trees", does=lambda setting: Event().wait(0.02))
    fits = [fit_of(Trainer("card", "cuda", failing)), *(fit_of(trees, n) for n in range(500))]
    with pytest.raises(ValueError, match="no such luck"):
        run(fits, n_jobs=2)
    assert len(trees.given) < 100


def test_a_fault_on_the_cpu_does_not_wait_for_the_gpu_and_ends_its_fits():
    begun, over, ended = Event(), Event(), Event()

    def hold(setting):
        begun.set()
        over.wait(PATIENCE)
        ended.set()

    def fail(setting):
        begun.wait(PATIENCE)
        raise ValueError("no such luck")

    card = Trainer("card", "cuda", hold)
    fits = [fit_of(Trainer("trees", does=fail)), *(fit_of(card, seed) for seed in range(3))]
    try:
        with pytest.raises(ValueError, match="no such luck"):
            run(fits, n_jobs=2)
        assert not ended.is_set()
    finally:
        over.set()
    assert ended.wait(PATIENCE)
    Event().wait(0.1)  # in which another fit would begin
    assert len(card.given) == 1


def test_fits_of_a_head_and_a_fold_share_their_rows_and_others_do_not():
    one, other = Trainer("one"), Trainer("other")
    heads = [(head, fold) for fold in (0, 1) for head in (DIRECTION, TIE)]
    run([fit_of(trainer, 0, *place) for place in heads for trainer in (one, other)], n_jobs=1)
    for (sample, watch, _), (same, watched, _) in zip(one.given, other.given, strict=True):
        assert sample is same
        assert watch is watched
    assert len({id(sample) for sample, *_ in one.given}) == 4


def test_fits_on_a_gpu_come_one_after_the_other_whichever_fold_they_are_of():
    """Folds that go on side by side each make their fits."""
    work, most = counting()
    card = Trainer("card", "cuda", work)
    folds = [Thread(target=run, args=[[fit_of(card, seed)], 1]) for seed in range(4)]
    for fold in folds:
        fold.start()
    for fold in folds:
        fold.join()
    assert most == [1] * 4
