import numpy as np
import pytest

from benchmarks.quality.runs import Run, RunError, paired


def test_rows_are_bound_by_id(write_run, scored):
    run = Run.read(write_run("run", seed=3, sure=0.6), scored)
    np.testing.assert_allclose(run.proba[np.arange(8), scored.y], 0.6)
    assert run.fold.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert (run.seed, run.seconds, run.memory_mb) == (3, 5.0, 103)


def test_ids_are_opaque(write_run, scored):
    with pytest.raises(RunError, match="8 ids are missing, 8 are not known, 0 stand twice"):
        Run.read(write_run("run", ids=[str(n) for n in range(8)]), scored)


def test_a_battle_that_stands_twice_is_refused(write_run, scored):
    ids = [*(f"0{n}" for n in range(8)), "00"]
    with pytest.raises(RunError, match="0 ids are missing, 0 are not known, 1 stand twice"):
        Run.read(write_run("run", ids=ids), scored)


def test_a_folder_that_is_no_run_is_refused(write_run, scored):
    folder = write_run("run")
    (folder / "folds.csv").unlink()
    with pytest.raises(RunError, match=r"expected a finished run folder, but it has no folds\.csv"):
        Run.read(folder, scored)


def test_runs_are_paired_by_seed(write_run, scored):
    ours = [Run.read(write_run(f"ours{seed}", seed), scored) for seed in (1, 0)]
    theirs = [Run.read(write_run(f"theirs{seed}", seed), scored) for seed in (0, 1)]
    pairs = [(one.folder.name, other.folder.name) for one, other in paired(ours, theirs)]
    assert pairs == [("ours0", "theirs0"), ("ours1", "theirs1")]


@pytest.mark.parametrize("seeds", [(0, 2), (0,), (0, 1, 1)])
def test_other_seeds_are_refused(write_run, scored, seeds):
    ours = [Run.read(write_run(f"ours{seed}", seed), scored) for seed in (0, 1)]
    theirs = [Run.read(write_run(f"theirs{n}", seed), scored) for n, seed in enumerate(seeds)]
    with pytest.raises(RunError, match=r"the same seeds on both sides, one each, found the seeds "):
        paired(ours, theirs)


def test_other_folds_are_refused_unless_asked_for(write_run, scored):
    ours = [Run.read(write_run("ours"), scored)]
    theirs = [Run.read(write_run("theirs", fold=[0, 1, 2, 0, 1, 2, 1, 0]), scored)]
    with pytest.raises(RunError, match=r"2 of 8 battles lie in other folds.*--other-folds"):
        paired(ours, theirs)
    assert len(paired(ours, theirs, other_folds=True)) == 1
