"""Settings of a stack: what may be set, and what a fault is called."""

import tomllib

import pytest

from models.stacking.candidates import CANDIDATES
from pipelines.settings import ConfigError
from pipelines.stacking.settings import load_stack_settings, write_stack_settings


def test_by_default_all_candidates_may_be_chosen():
    found = load_stack_settings()
    assert found.candidates == tuple(CANDIDATES)
    assert found.calibrate
    assert tomllib.loads(write_stack_settings(found)) == {
        "candidates": list(CANDIDATES),
        "calibrate": True,
        "seed": 0,
    }


def test_settings_are_taken():
    found = load_stack_settings(['candidates=["mean", "best"]', "calibrate=false", "seed=3"])
    assert (found.candidates, found.calibrate, found.seed) == (("mean", "best"), False, 3)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("candidates=[]", r"^--set: candidates: .*at least 1"),
        ('candidates=["worst"]', r"candidates: 'worst' is none of greedy, mean"),
        ('candidates=["mean", "mean"]', r"candidates: each name may stand once"),
        ('candidates=["trees"]', r"candidates: one that can blend any members is needed beside it"),
        ("calibrate=3", r"calibrate: should be a valid boolean"),
        ("seed=-1", r"seed: should be greater than or equal to 0\. Got -1"),
        ("seed=true", r"seed: should not be true or false"),
        ("folds=5", r"folds: unknown key\. Allowed: candidates, calibrate, seed"),
        ("seed", r"--set seed: expected KEY=VALUE"),
    ],
)
def test_what_may_not_be_set_is_refused(setting, words):
    with pytest.raises(ConfigError, match=words):
        load_stack_settings([setting])
