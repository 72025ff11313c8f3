"""What every family refuses: to lack a part, and cells that are no lists of turns."""

import pandas as pd
import pytest

from data.battles import make_battles
from features import BattleFamily
from features.families.length import LengthFeatures

BATTLES = make_battles([["p", "pp"], []], [["aaa", None], [""]], [["b"], ["bb", "bbb", "b"]])


@pytest.mark.parametrize("method", ["fit", "describe"])
def test_a_family_that_lacks_a_part_says_which(method):
    class Half(BattleFamily):
        name = "half"

    call = {"fit": lambda: Half().fit(BATTLES), "describe": Half().describe}[method]
    part = {"fit": "_columns", "describe": "_documentation"}[method]
    with pytest.raises(TypeError, match=f"Half must write {part}"):
        call()


@pytest.mark.parametrize("cell", ["plain text", [1]])
def test_cells_that_are_no_lists_of_turns_are_refused_with_the_way_out(cell):
    frame = pd.DataFrame({name: [cell] for name in ("prompt", "response_a", "response_b")})
    with pytest.raises(TypeError, match=r"each cell a list of turns.*make_battles"):
        LengthFeatures().fit(frame)
