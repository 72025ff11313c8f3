"""Files that are one table, and how they are read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from data.layouts.reading import Reading
from data.tables.shards import files_of, name_of, not_there


@dataclass(frozen=True)
class Files:
    """Files that are one table, and how they are read.

    Attributes
    ----------
    paths : tuple of Path
        In order of name.
    reading : Reading
    """

    paths: tuple[Path, ...]
    reading: Reading = field(default_factory=Reading)

    @classmethod
    def of(cls, named: Named, reading: Reading | None = None) -> Self:
        """Return the files of a path, of several, or of a folder; `reading` is how to read them."""
        if isinstance(named, Files):
            return cls(named.paths, reading or named.reading)
        return cls(files_of(named), reading or Reading())

    @property
    def name(self) -> str:
        """What they are called in messages."""
        return name_of(self.paths)

    def not_there(self) -> list[str]:
        """Return what a person is told where names say that there are more of them."""
        return not_there(self.paths)

    def __str__(self) -> str:
        return " ".join(map(str, self.paths))


Named = Files | str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
