"""Where a tower computes, and in which numbers."""

import pytest
import torch

from models.tower.device import Place
from models.tower.errors import TowerError


def test_what_a_cpu_can():
    assert Place.of("cpu", "auto") == Place(torch.device("cpu"), "fp32")
    assert Place.of("cpu", "bf16").precision == "bf16"
    assert not Place.of("cpu", "auto").on_card


def test_half_precision_on_a_cpu():
    with pytest.raises(
        TowerError,
        match=r"precision: cpu has no fp16. Set precision to auto or fp32, or take anoth",
    ):
        Place.of("cpu", "fp16")


def test_a_tower_of_another_precision_is_read_in_the_devices_own():
    assert Place.like("cpu", "fp16").precision == "fp32"
    assert Place.like("cpu", "bf16").precision == "bf16"


@pytest.mark.parametrize(("half", "precision"), [(True, "bf16"), (False, "fp16")])
def test_what_a_card_can(half, precision, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: half)
    place = Place.of("cuda", "auto")
    assert (place.precision, place.on_card) == (precision, True)
    if not half:
        with pytest.raises(TowerError, match="precision: cuda has no bf16"):
            Place.of("cuda", "bf16")


def test_products_are_in_its_precision_and_weights_are_not():
    layer = torch.nn.Linear(3, 2)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with Place.of("cpu", precision).autocast():
            assert layer(torch.ones(1, 3)).dtype == dtype
    assert layer.weight.dtype == torch.float32


def test_torch_has_no_more_threads_than_the_container_has_cores(three_threads, monkeypatch):
    """It counts the machine's: 64 threads on the 2 cores of a quota only wait for each other."""
    monkeypatch.setattr("models.tower.device.cpu_count", lambda: 4)
    Place.of("cpu", "auto")
    assert torch.get_num_threads() == three_threads
    monkeypatch.setattr("models.tower.device.cpu_count", lambda: 2)
    Place.of("cpu", "auto")
    assert torch.get_num_threads() == 2
