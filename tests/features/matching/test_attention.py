"""Formulas of attention and best matches, against loops over tokens in float64."""

import numpy as np
import pytest
import torch

from features.matching.attention import LEAST_TEMPERATURE, Match, match
from features.matching.attention_kernel import match_alone
from tests.features.matching.attention_reference import best_matches, gaze

SHAPES = [(1, 1), (1, 5), (5, 1), (2, 3), (3, 4), (7, 13), (40, 9)]


def states(n, seed, width=6):
    found = torch.randn(n, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(found, dim=1)


def pair(n, m):
    return states(n, 100 * n + m), states(m, 1000 * m + n)


def by_tensors(x, y, temperature):
    """As on a GPU."""
    return [part[0].numpy() for part in match(x[None], y[None], temperature)]


def by_loop(x, y, temperature):
    """As on a CPU."""
    return match_alone((x @ y.T).numpy(), temperature)


@pytest.fixture(params=[by_tensors, by_loop])
def way(request):
    """Return `Match` of one pair, by one of the two implementations."""
    return lambda *of: Match(*request.param(*of))


@pytest.mark.parametrize("temperature", [LEAST_TEMPERATURE, 0.05, 0.5])
@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_is_what_a_loop_over_tokens_gives(way, n, m, temperature):
    x, y = pair(n, m)
    found = way(x, y, temperature)
    a, b = x.double().numpy(), y.double().numpy()
    np.testing.assert_allclose(found.best_x, best_matches(a, b), atol=1e-6)
    np.testing.assert_allclose(found.best_y, best_matches(b, a), atol=1e-6)
    np.testing.assert_allclose(found.of_x, gaze(a, b, temperature), atol=1e-5)
    np.testing.assert_allclose(found.of_y, gaze(b, a, temperature), atol=1e-5)


def test_padding_and_batch_do_not_matter():
    pairs = [pair(n, m) for n, m in SHAPES]
    x, y = (
        torch.nn.utils.rnn.pad_sequence(list(texts), batch_first=True)
        for texts in zip(*pairs, strict=True)
    )
    n_x, n_y = (torch.tensor(of) for of in zip(*SHAPES, strict=True))
    found = match(x, y, 0.05, n_x, n_y)
    for row, ((n, m), (one, other)) in enumerate(zip(SHAPES, pairs, strict=True)):
        alone = match(one[None], other[None], 0.05)
        np.testing.assert_allclose(found.best_x[row, :n], alone.best_x[0], atol=1e-6)
        np.testing.assert_allclose(found.best_y[row, :m], alone.best_y[0], atol=1e-6)
        np.testing.assert_allclose(found.of_x[row], alone.of_x[0], atol=1e-5)
        np.testing.assert_allclose(found.of_y[row], alone.of_y[0], atol=1e-5)


def test_best_matches_below_zero_are_not_lifted_by_padding():
    x, y = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[-1.0, 0.0], [0.0, 0.0]]])
    found = match(x, y, 0.05, torch.tensor([1]), torch.tensor([1]))
    assert found.best_x.item() == -1.0
    assert found.best_y[0, 0] == -1.0


def test_a_single_token_gets_all_attention_and_has_no_entropy(way):
    np.testing.assert_array_equal(way(*pair(3, 1), 0.05).of_x, [0.0, 1.0, 1.0])


def test_even_attention_has_entropy_one(way):
    found = way(states(1, 0), states(1, 1).repeat(8, 1), 0.05)
    np.testing.assert_allclose(found.of_x, [1.0, 0.25, 0.25], atol=1e-6)


def test_texts_far_apart_stay_finite(way):
    x = torch.tensor([[1.0, 0.0]])
    found = way(x, torch.cat([-x, -x]), LEAST_TEMPERATURE)
    np.testing.assert_allclose(found.of_x, [1.0, 0.5, 0.5], atol=1e-5)


def test_both_ways_agree_on_long_texts():
    x, y = states(300, 1, width=384), states(700, 2, width=384)
    for one, other in zip(by_loop(x, y, 0.05), by_tensors(x, y, 0.05), strict=True):
        np.testing.assert_allclose(one, other, atol=5e-6)
