"""Where what saves time may be kept, on machines where the user has no home folder."""

import os
from pathlib import Path


def user_cache() -> Path | None:
    """Return the folder of the user's caches, None where nothing tells where his home is.

    A user id without a line in ``/etc/passwd`` (a container's) has none unless ``HOME`` says so.
    """
    named = os.environ.get("XDG_CACHE_HOME")
    home = Path(os.path.expanduser("~"))
    if named:
        return Path(named)
    return home / ".cache" if home.is_absolute() else None


def may_be_made(folder: Path) -> bool:
    """Whether a folder is there, or can be made; nothing is written to find out."""
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    return place.is_dir() and (place == folder or os.access(place, os.W_OK | os.X_OK))


def keeps_compiled(source: Path) -> bool:
    """Whether numba has a place for what a file's loops compile to.

    Without one beside the file it takes the user's, and where that is not known a folder named
    ``~`` in the working folder.
    """
    beside = source.parent / "__pycache__"
    return (
        user_cache() is not None
        or "NUMBA_CACHE_DIR" in os.environ
        or os.access(beside if beside.is_dir() else source.parent, os.W_OK)
    )
