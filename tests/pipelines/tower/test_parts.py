"""Towers of folds: what they may know, and what several processes see."""

import numpy as np
import pytest

from models.tower.logits import TieWidth
from models.tower.tower import Tower
from models.tower.world import World
from pipelines.command.progress import Steps
from pipelines.run.folder import UnfinishedRun
from pipelines.run.folds import cut_folds
from pipelines.run.inputs import Inputs, read_inputs
from pipelines.tower.kept import Kept, kept_in
from pipelines.tower.leaves import logits_table
from pipelines.tower.parts import LOGITS, OutOfFold, Part, Work


@pytest.fixture
def work(files, tower_settings, quiet):
    """Make the work on the small files, with labels that a function changes."""

    def make(run, change=lambda y, fold: y, settings=()):
        battles = read_inputs(Inputs(files / "train.csv"))
        folds = cut_folds(battles, 3, 0)
        changed = battles._replace(y=change(battles.y, folds.fold))
        kept = Kept(World(), run)
        return Work(tower_settings(*settings), changed, folds, "cpu", None, kept, Steps(quiet()))

    return make


def flip(y, fold):
    """Other labels in fold 1."""
    return np.where(fold == 1, (y + 1) % 3, y).astype(np.int8)


def test_the_labels_of_a_fold_do_not_move_its_logits(work, tmp_path):
    found = []
    for name, change in (("as it is", lambda y, fold: y), ("flipped", flip)):
        with UnfinishedRun(tmp_path / name, {}) as run:
            made = work(run, change)
            assert made.train_folds([0, 1]) == [2]
            found.append({fold: run.saved(f"fold-{fold}") for fold in (0, 1)})
    for name in LOGITS:
        assert (found[0][1][name] == found[1][1][name]).all()
        assert (found[0][0][name] != found[1][0][name]).any()


def test_a_finished_part_leaves_no_unfinished_training(work, tmp_path, monkeypatch):
    from models.tower import training

    monkeypatch.setattr(training, "KEEP_EVERY", -1.0)
    with UnfinishedRun(tmp_path / "run", {}) as run:
        work(run).train_folds([0])
        assert [path.name for path in (run.path / "checkpoints").iterdir()] == ["fold-0"]


def test_the_tower_of_all_rows_trains_as_long_as_the_median_fold():
    parts = [Part(epochs, [], 0, 0.0) for epochs in (3.0, 0.5, 1.0)]
    none = np.empty(0)
    assert OutOfFold(none, none, none, parts).epochs == 1.0
    assert OutOfFold(none, none, none, parts[:2]).epochs == 1.75


def test_the_tie_width_of_the_tower_of_all_rows_is_that_of_rows_it_had_not_seen(work, tmp_path):
    ranking = ("task=ranking", "fusion=concat", "loss=bradley_terry")
    with UnfinishedRun(tmp_path / "run", {}) as run:
        made = work(run, settings=ranking)
        assert made.train_folds([0, 1, 2]) == []
        oof = made.out_of_fold()
        made.train_on_all(oof)
        found = Tower.from_folder(run.path / "tower").width
    delta = (oof.raw[:, 0] - oof.raw[:, 1] - oof.raw[:, 2] + oof.raw[:, 3]) / 2.0
    assert found == pytest.approx(TieWidth.fit(delta, made.battles.plain[1]))


def test_a_ranking_whose_ties_are_learned_has_no_width_and_three_logits(work, tmp_path):
    learned = ("task=ranking", "fusion=concat", "loss=cross_entropy", "ties=davidson")
    with UnfinishedRun(tmp_path / "run", {}) as run:
        made = work(run, settings=learned)
        made.train_folds([0, 1, 2])
        oof = made.out_of_fold()
        made.train_on_all(oof)
        assert Tower.from_folder(run.path / "tower").width is None
    ids = made.battles.frame["id"].iloc[: len(oof.z)]
    table = logits_table(made.settings, ids, oof.z, oof.t, oof.raw)
    assert (table["ab_tie"] == table["ba_tie"]).all()
    np.testing.assert_allclose(table["z"], table["ab_a"] - table["ab_b"])


class Second(World):
    """The second of two processes, which is told what the first has."""

    told = None

    @property
    def main(self):
        return False

    def broadcast(self, found):
        assert found is None
        return self.told


def test_another_process_writes_nothing_and_is_told_what_is_there(tmp_path):
    world = Second(1, 1)
    with kept_in(world, tmp_path / "run", {}, force=False) as kept:
        assert kept.run is None
        kept.save("fold-0", {"z": np.zeros(1)})
        checkpoints = kept.checkpoints("fold-1")
        checkpoints.write(b"x")
        assert checkpoints.read() is None
        Second.told = {"z": np.ones(1)}
        assert kept.saved("fold-0")["z"].tolist() == [1.0]
    assert list(tmp_path.iterdir()) == []
