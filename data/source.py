"""A hash of arenaboost's own source: what was made by other source is another thing.

Keys of unfinished runs and of cached values hold it, so that nobody needs to remember to raise a
number after a change that gives other values.
"""

from functools import cache
from hashlib import blake2b
from pathlib import Path

ROOT = Path(__file__).parents[1]  # beside `data` lie the packages that import it
SUFFIXES = (".py", ".toml")  # code, and the words and presets that it reads


def source_hash(*rooms: str) -> str:
    """Return a hash of the source of some packages and modules.

    It depends on the names of the files within the project and on their bytes: not on where the
    project lies, on when files were written, or on the order of the rooms. Files are read once in a
    process, so what is edited later does not count there, as it does not for what was imported.

    Parameters
    ----------
    *rooms : str
        Dotted names, of a package with all that lies in it or of a module. They need not be
        imported, nor importable.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    ValueError
        A room has no source.

    Examples
    --------
    >>> source_hash("data.labels", "features.ngram") == source_hash("features.ngram", "data.labels")
    True
    >>> source_hash("data.labels") == source_hash("data")
    False
    """
    return _hashed(ROOT, tuple(sorted(set(rooms))))


@cache
def _hashed(root: Path, rooms: tuple[str, ...]) -> str:
    files = {path.relative_to(root).as_posix(): path for room in rooms for path in _of(root, room)}
    digest = blake2b(digest_size=16)
    for name in sorted(files):
        content = files[name].read_bytes()
        # Lengths go before what they are of, so that two files never run together alike.
        digest.update(f"{len(name.encode())}:{len(content)}:{name}".encode() + content)
    return digest.hexdigest()


def _of(root: Path, room: str) -> list[Path]:
    """Return a room's files: a module's own, or all that lie in a package and are not hidden."""
    place = root.joinpath(*room.split("."))
    module = place.with_name(f"{place.name}.py")
    found = [module] if module.is_file() else []
    for path in place.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if path.suffix in SUFFIXES and not hidden and path.is_file():
            found.append(path)
    if not found:
        raise ValueError(f"The rooms of source_hash must have source. Got {room!r} instead.")
    return found
