"""The presets: whole configurations by name, in TOML."""

from pathlib import Path

PRESETS = Path(__file__).parent
TOWERS = PRESETS / "tower"  # those of `pipelines.finetune`
STACKS = PRESETS / "stack"  # runs whose members are runs and towers


def presets(folder: Path = PRESETS) -> list[str]:
    """Return the names of the presets of a folder.

    >>> "classical" in presets(), "minilm_tower" in presets(TOWERS), "stack" in presets(STACKS)
    (True, True, True)
    """
    return sorted(path.stem for path in folder.glob("*.toml"))
