"""Battles as a tower reads them."""

import numpy as np
import pytest

from models.tower.numeric import numbers
from models.tower.states import StateStore
from tests.models.tower.backbones import Notes, material_of, settings_of


def test_battles_are_read_once(rows64, backbone_folder):
    battles = rows64[0].assign(source=["plain", "extra"] * 32)
    made = material_of(backbone_folder("bert"), battles, features=("words_sum",))
    assert made.plain.tolist() == [True, False] * 32
    assert made.group.tolist() == battles["group"].tolist()
    assert np.array_equal(made.numbers, numbers(battles, ("words_sum",)))
    lengths = np.array([len(piece) for piece in made.sequences.pieces])
    assert lengths.max() == 48
    rows = np.array([5, 0])
    expected = lengths[made.sequences.first[rows]] + lengths[made.sequences.second[rows]]
    assert made.tokens(rows).tolist() == expected.tolist()


@pytest.mark.parametrize("arrangement", ["dual", "joint"])
def test_the_backbones_own_signs_stand_around_texts(arrangement, rows64, backbone_folder):
    made = material_of(backbone_folder("bert"), rows64[0], arrangement=arrangement)
    for piece in made.sequences.pieces:
        assert (piece[0], piece[-1]) == (2, 3)
        assert (piece == 3).sum() == (3 if arrangement == "joint" else 2)


def test_frozen_layers_run_when_they_are_to_be_stored(rows64, backbone_folder, tmp_path):
    from models.tower.material import Material

    notes = Notes()
    settings = settings_of(backbone_folder("bert"), train_layers=1)
    made = Material.of(settings, rows64[0], states=StateStore(tmp_path, 10**9), watch=notes)
    assert notes.tokens == made.inputs.lengths.sum()
    assert len(list(tmp_path.rglob("*.npy"))) > 0
    again = Notes()
    Material.of(settings, rows64[0], states=StateStore(tmp_path, 10**9), watch=again)
    assert again.tokens == 0
    Material.of(settings, rows64[0], watch=again)
    assert again.tokens == 0
