"""The presets: whole configurations by name, in TOML."""

from pathlib import Path

PRESETS = Path(__file__).parent
TOWERS = PRESETS / "tower"  # those of `pipelines.finetune`


def presets(folder: Path = PRESETS) -> list[str]:
    """Return the names of the presets of a folder.

    >>> "classical" in presets(), "minilm_tower" in presets(TOWERS)
    (True, True)
    """
    return sorted(path.stem for path in folder.glob("*.toml"))
