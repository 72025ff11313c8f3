"""Cross-attention on a GPU: near what the CPU gives, in as much memory as it is allowed."""

import numpy as np
import pytest
import torch

from data.battles import read_training, swap_battles
from features.encoding.encoder import Encoder
from features.families.cross_attention import CrossAttentionFeatures
from features.sides import Swap
from tests.conftest import SAMPLE

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.fixture(scope="module")
def training():
    read = read_training(SAMPLE / "train.csv")
    return read.battles.iloc[:150], read.y[:150]


@pytest.fixture(scope="module")
def expected(tiny_encoder, training):
    return CrossAttentionFeatures(str(tiny_encoder)).fit_transform(*training)


def on_gpu(folder, held_tokens=None, **options):
    encoder = Encoder(str(folder), device="cuda", **options)
    return CrossAttentionFeatures(encoder, held_tokens=held_tokens)


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 0.1)])
def test_gives_what_the_cpu_gives(tiny_encoder, training, expected, precision, tolerance):
    found = on_gpu(tiny_encoder, precision=precision).fit_transform(*training)
    smooth = [name for name in found if "coverage" not in name]  # which a last bit may step over
    np.testing.assert_allclose(found[smooth], expected[smooth], rtol=0, atol=tolerance)


def test_padding_batch_and_order_do_not_matter(tiny_encoder, training, expected):
    made = on_gpu(tiny_encoder, precision="fp32", held_tokens=2_000).fit(*training)
    smooth = [name for name in expected if "coverage" not in name]
    backwards = made.transform(training[0].iloc[::-1]).iloc[::-1]
    whole = on_gpu(tiny_encoder, precision="fp32").fit_transform(*training)
    np.testing.assert_allclose(backwards[smooth], whole[smooth], rtol=0, atol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_swap_is_bitwise(tiny_encoder, training, precision):
    made = on_gpu(tiny_encoder, precision=precision).fit(*training)
    columns = made.transform(training[0])
    swapped = made.transform(swap_battles(training[0])).to_numpy()
    np.testing.assert_array_equal(swapped, Swap(list(columns))(columns.to_numpy()))


def test_held_tokens_bound_the_memory(tiny_encoder, training):
    peaks = []
    for held in (1_000, 100_000):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        on_gpu(tiny_encoder, held_tokens=held, batch_tokens=1_000).fit(*training)
        peaks.append(torch.cuda.max_memory_allocated())
    assert peaks[0] < peaks[1]
