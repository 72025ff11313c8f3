"""The README's Python runs as it stands."""

import re
from pathlib import Path

import pytest

from features import FAMILIES

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


def test_there_are_blocks_to_run():
    assert len(BLOCKS) >= 2


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_runs(block, monkeypatch):
    monkeypatch.chdir(ROOT)
    known = dict(FAMILIES)
    try:
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    finally:
        FAMILIES.clear()
        FAMILIES.update(known)
