"""Who trains and who judges."""

import numpy as np
import pytest

from models.tower.errors import TowerError
from models.tower.split import inner_split
from tests.models.tower.backbones import material_of


@pytest.fixture
def material(rows64, backbone_folder):
    """Rows whose prompts come up to four times, every third an extra one."""

    def make(**given):
        battles = rows64[0].assign(
            source=["plain", "plain", "extra"] * 21 + ["plain"],
            group=[f"prompt {row // 2 % 20}" for row in range(64)],
        )
        return material_of(backbone_folder("bert"), battles, **given)

    return make


def test_no_prompt_is_on_both_sides_and_only_plain_rows_judge(material, rows64):
    made, y = material(), rows64[1]
    rows = np.arange(60)
    kept, inner = inner_split(made, y, rows, held_out=True)
    assert not set(made.group[kept]) & set(made.group[inner])
    assert made.plain[inner].all()
    assert not made.plain[kept].all()
    assert len(kept)
    assert len(inner)
    assert set(kept) | set(inner) <= set(rows)
    left_out = set(rows) - set(kept) - set(inner)
    assert all(not made.plain[row] for row in left_out)  # ties, or of prompts that judge
    assert {row for row in left_out if made.group[row] not in set(made.group[inner])} == {
        row for row in rows if not made.plain[row] and y[row] == 2
        and made.group[row] not in set(made.group[inner])
    }  # fmt: skip


def test_the_cut_depends_on_prompts_alone(material, rows64):
    made, y = material(), rows64[1]
    _, inner = inner_split(made, y, np.arange(60), held_out=True)
    _, other = inner_split(made, np.roll(y, 1), np.arange(60)[::-1], held_out=True)
    assert set(inner) == set(other)
    _, seeded = inner_split(material(seed=3), y, np.arange(60), held_out=True)
    assert set(made.group[inner]) != set(made.group[seeded])


def test_all_rows_train_where_none_is_held_out(material, rows64):
    made, y = material(), rows64[1]
    kept, inner = inner_split(made, y, np.arange(64), held_out=False)
    assert not len(inner)
    assert set(kept) == {row for row in range(64) if made.plain[row] or y[row] != 2}


def test_extra_rows_that_weigh_nothing_are_gone(material, rows64):
    made, y = material(extra_weight=0.0), rows64[1]
    kept, _ = inner_split(made, y, np.arange(64), held_out=False)
    assert kept.tolist() == np.flatnonzero(made.plain).tolist()


@pytest.mark.parametrize("held_out", [True, False])
def test_too_few_rows(held_out, material, rows64):
    made, y = material(), rows64[1]
    with pytest.raises(
        TowerError, match=r"expected plain rows of all three classes .* found 5 rows"
    ):
        inner_split(made, np.zeros_like(y), np.flatnonzero(made.plain)[:5], held_out=held_out)
