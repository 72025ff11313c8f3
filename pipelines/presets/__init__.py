"""The presets: whole configurations by name, in TOML."""

from pathlib import Path

PRESETS = Path(__file__).parent


def presets() -> list[str]:
    """Return the names of the presets.

    >>> "classical" in presets()
    True
    """
    return sorted(path.stem for path in PRESETS.glob("*.toml"))
