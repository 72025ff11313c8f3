"""Packages of ours that a file of the user's hides, where he calls a command from his own folder.

``python -m`` looks into the working folder before all others, and names such as ``data`` and
``models`` are common there.
"""

import os
import sys
from contextlib import suppress
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

# Beside `pipelines`, which is imported by now: a module of each package.
OURS = {"data": "labels", "features": "sides", "models": "device"}
ROOT = Path(__file__).parents[2]


def leave_working_folder() -> None:
    """Import nothing from the working folder, unless arenaboost itself lies there."""
    with suppress(OSError):  # it was removed
        here = os.path.realpath(os.getcwd())
        if here != os.path.realpath(ROOT):
            sys.path[:] = [place for place in sys.path if os.path.realpath(place or here) != here]


def what_hides() -> tuple[str, str] | None:
    """Return which of our names is hidden, and by which file or folder; None where none is."""
    for name, module in OURS.items():
        loaded = sys.modules.get(name)
        spec = find_spec(name) if loaded is None else loaded.__spec__
        if spec is not None and not _is_ours(name, module, spec):
            return name, spec.origin or next(iter(spec.submodule_search_locations or ()), name)
    return None


def _is_ours(name: str, module: str, spec: ModuleSpec) -> bool:
    if spec.origin is not None:
        return os.path.realpath(spec.origin) == os.path.realpath(ROOT / name / "__init__.py")
    # A folder without __init__.py: an editable install finds our modules all the same.
    found = find_spec(f"{name}.{module}")
    ours = os.path.realpath(ROOT / name / f"{module}.py")
    return found is not None and os.path.realpath(found.origin or "") == ours


def hidden_line(command: str, *, by_module: bool) -> str | None:
    """Say in a line what hides our packages, and the way out; None where nothing does.

    Parameters
    ----------
    command : str
        Its name.
    by_module : bool
        Whether it was called by ``python -m``, which looks into the working folder.
    """
    found = what_hides()
    if found is None:
        return None
    name, place = found
    out = f"Call it as `arenaboost {command}`, which does not look into the working folder."
    if not by_module:
        out = "Rename it, or take its folder out of PYTHONPATH: arenaboost needs its own."
    return f"{place} hides arenaboost's own package {name} ({ROOT / name}). {out}"
