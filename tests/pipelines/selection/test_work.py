"""Selections kept in a run: each step once, the same columns after a kill, a time that is up."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.battles import read_training
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline, precompute
from pipelines.selection.columns import fit_and_predict, learn_columns, made_anew
from pipelines.selection.work import Clock, TimeIsUp

ROOT = Path(__file__).parents[3]
# Kills itself when so many steps are kept; the last of them may be half of a file.
DYING = """
import os, signal, sys
from pipelines.run import folder
from pipelines.command.launcher import launch
left, save = int(sys.argv[1]), folder.UnfinishedRun.save
def dying(self, name, arrays):
    global left
    save(self, name, arrays)
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
folder.UnfinishedRun.save = dying
launch("select", sys.argv[2:])
"""


def killed_after(number, argv):
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(number), *argv], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_killed_again_and_again_it_ends_with_the_same_columns(select_flags, selection, tmp_path):
    from tests.commands import select

    target = tmp_path / "again"
    argv = [*select_flags, "--output", str(target)]
    for number in (2, 3, 5):
        killed_after(number, argv)
        assert not target.exists()
    kept = sorted(os.listdir(f"{target}.partial/checkpoints"))
    assert kept[0].startswith("fold-0")
    assert select(argv) == 0
    for name in ("selected.toml", "selection.csv", "folds.csv"):
        assert (target / name).read_bytes() == (selection / name).read_bytes()


def test_when_the_time_is_up_it_stops_after_a_step_and_goes_on(
    select_flags, selection, tmp_path, capsys
):
    from tests.commands import select

    argv = [*select_flags, "--output", str(tmp_path / "late"), "--timeout", "0.001"]
    for _ in range(2):
        assert select(argv) == 0
        assert (
            "late.partial keeps what is done, the same command goes on" in capsys.readouterr().out
        )
        assert not (tmp_path / "late").exists()
    checkpoints = tmp_path / "late.partial" / "checkpoints"
    assert [path.name for path in checkpoints.iterdir()] == ["fold-0-steps"]
    assert select(argv[:-2]) == 0
    selected = (tmp_path / "late" / "selected.toml").read_bytes()
    assert selected == (selection / "selected.toml").read_bytes()


def test_a_clock_without_an_end_never_stops():
    Clock().check()
    Clock(60.0).check()
    with pytest.raises(TimeIsUp):
        Clock(-1.0).check()


@pytest.fixture(scope="module")
def learned(files):
    read = read_training(files / "train.csv")
    config = load_config(settings=['families=["length", "turns"]', 'model.members=["linear"]'])
    pipeline = precompute(build_pipeline(config), read.battles)
    frame, y = read.battles, read.y
    return pipeline, learn_columns(pipeline, frame.iloc[:200], y[:200], frame.iloc[200:])


def test_models_of_all_columns_say_what_the_pipeline_says(learned, files):
    pipeline, made = learned
    read = read_training(files / "train.csv")
    every, seconds = fit_and_predict(pipeline.named_steps["model"], made, list(made.columns))
    fitted = pipeline.fit(read.battles.iloc[:200], read.y[:200])
    np.testing.assert_array_equal(every, fitted.predict_proba(read.battles.iloc[200:]))
    assert seconds > 0


def test_without_a_column_the_shares_are_said_of_every_row(learned):
    pipeline, made = learned
    proba, seconds = fit_and_predict(pipeline.named_steps["model"], made, [])
    ties = (made.y == 2).mean()
    np.testing.assert_allclose(proba, np.tile([(1 - ties) / 2, (1 - ties) / 2, ties], (100, 1)))
    assert seconds == 0


def test_extra_rows_count_what_the_model_gives_them(learned):
    _, made = learned
    source = np.where(np.arange(200) < 150, "plain", "extra")
    mixed = made._replace(X=made.X.assign(source=pd.Series(source, index=made.X.index)))
    assert mixed.weight(0.5).tolist() == [1.0] * 150 + [0.5] * 50
    weighed = mixed._replace(X=mixed.X.assign(weight=6.0, share=0.5))
    assert weighed.weight(0.5).tolist() == [3.0] * 150 + [1.5] * 50
    assert weighed.judging(0.5).tolist() == [0.5] * 150 + [0.25] * 50


def test_components_are_known_as_made_anew():
    settings = ['families=["length", "lexical"]', "features.lexical.singles=5"]
    begins = made_anew(build_pipeline(load_config(settings=settings)))
    assert begins == ["lexical__component", "lexical__word:", "lexical__char:"]
