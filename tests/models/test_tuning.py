"""Blocks of prompts, and what is said of a trial by some of them."""

import numpy as np
import pytest
from scipy.stats import wilcoxon

from models.tuning import (
    BLOCKS,
    block_battles,
    block_losses,
    cut_blocks,
    estimate,
    hopeless,
    mean_of,
)

ROWS = dict.fromkeys(range(BLOCKS), 4)


@pytest.fixture
def cut():
    group = np.array([f"prompt {row // 2}" for row in range(400)], dtype=object)
    fold = (np.arange(400) // 200).astype(np.int8)
    return group, fold, cut_blocks(group, fold, seed=3)


def test_a_block_lies_in_its_fold_and_keeps_prompts_together(cut):
    group, fold, block = cut
    assert np.array_equal(block // BLOCKS, fold)
    assert all(len(set(block[group == name])) == 1 for name in set(group))
    assert len(set(block.tolist())) == 2 * BLOCKS


def test_blocks_do_not_depend_on_the_other_rows(cut):
    group, fold, block = cut
    assert np.array_equal(cut_blocks(group[::3], fold[::3], seed=3), block[::3])
    assert not np.array_equal(cut_blocks(group, fold, seed=4), block)


def test_the_mean_of_all_blocks_is_that_of_the_rows(cut):
    loss = np.random.default_rng(0).random(400)
    found = mean_of(block_losses(loss, cut[2]), block_battles(cut[2]))
    assert found == pytest.approx(loss.mean(), abs=1e-15)


def test_shares_of_a_battle_count_as_one(cut):
    rng = np.random.default_rng(0)
    loss, share = rng.random(400), rng.random(400)
    found = mean_of(block_losses(loss, cut[2], share), block_battles(cut[2], share))
    assert found == pytest.approx(np.average(loss, weights=share), abs=1e-15)


def test_an_early_end_is_told_by_its_distance_and_not_by_how_hard_its_blocks_are():
    best = {block: 1.0 if block < 5 else 3.0 for block in range(BLOCKS)}  # mean 2
    easy = dict.fromkeys(range(5), 1.2)
    assert estimate(easy, best, ROWS) == pytest.approx(2.2)


def test_a_distance_is_weighed_by_rows():
    best = {0: 1.0, 1: 1.0}
    assert estimate({0: 2.0, 1: 1.0}, best, {0: 3, 1: 1}) == pytest.approx(1.75)


def test_the_test_is_scipys_at_one_tenth():
    rng, best = np.random.default_rng(1), dict.fromkeys(range(BLOCKS), 1.0)
    seen = set()
    for shift in np.linspace(0.0, 0.8, 60):
        apart = rng.normal(shift, 1.0, BLOCKS)
        said = hopeless({b: 1.0 + apart[b] for b in best}, best, ROWS)
        assert said == (apart.mean() > 0 and wilcoxon(apart, alternative="greater").pvalue < 0.1)
        seen.add(said)
    assert seen == {True, False}


def test_a_trial_with_the_better_mean_is_never_hopeless():
    """Nine blocks are a little worse, one is far better."""
    best = dict.fromkeys(range(BLOCKS), 1.0)
    assert not hopeless({b: 1.001 if b else 0.5 for b in best}, best, ROWS)


def test_what_changes_nothing_is_not_hopeless():
    best = dict.fromkeys(range(BLOCKS), 1.0)
    assert not hopeless(best, best, ROWS)
    assert hopeless({b: 1.0 + 0.1 * (b > 4) for b in best}, best, ROWS)  # half of them the same
