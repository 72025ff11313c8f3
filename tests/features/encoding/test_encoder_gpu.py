"""The encoder on a GPU: near what the CPU gives, and of one text whatever lies beside it."""

import numpy as np
import pytest
import torch

from features.encoding.encoder import Encoder

TEXTS = [f"text number {n} " * (1 + n % 37) for n in range(150)]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def cosines(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    return (x * y).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 1e-3)])
def test_padding_batch_and_order_do_not_matter(tiny_encoder, precision, tolerance):
    encoder = Encoder(str(tiny_encoder), device="cuda", precision=precision)
    together = encoder.encode(TEXTS).vectors
    alone = np.concatenate([encoder.encode([text]).vectors for text in TEXTS[:20]])
    assert cosines(together[:20], alone).min() > 1 - tolerance
    assert cosines(encoder.encode(TEXTS[::-1]).vectors[::-1], together).min() > 1 - tolerance


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_gives_what_the_cpu_gives(tiny_encoder, precision):
    expected = Encoder(str(tiny_encoder)).encode(TEXTS).vectors
    found = Encoder(str(tiny_encoder), device="cuda", precision=precision).encode(TEXTS).vectors
    assert cosines(found, expected).min() > 0.999


def test_a_device_that_runs_out_of_memory_is_given_less(tiny_encoder):
    expected = Encoder(str(tiny_encoder), device="cuda", precision="fp32").encode(TEXTS).vectors
    encoder = Encoder(str(tiny_encoder), device="cuda", precision="fp32")
    encoder.encode(TEXTS[:1])
    total = torch.cuda.mem_get_info()[1]
    try:
        torch.cuda.set_per_process_memory_fraction(
            (torch.cuda.memory_reserved() + 4_000_000) / total
        )
        found = encoder.encode(TEXTS).vectors
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert cosines(found, expected).min() > 1 - 1e-5
