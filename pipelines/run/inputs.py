"""The files of a run, read, and what is noted of them so that they are found again."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.battles import DataError, concat_battles, read_training
from pipelines.run.folder import file_hash

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


class FileTold(TypedDict):
    """A file as it was named, where it lay, and the SHA-256 of what was in it."""

    file: str
    path: str
    sha256: str


class InputsTold(TypedDict):
    """What a run tells of its files: all that makes the same battles in the same order."""

    train: FileTold
    extra: list[FileTold]
    test: FileTold | None
    skip_bad_rows: bool


class Inputs(NamedTuple):
    """The files of a run.

    Attributes
    ----------
    train : Path
        Labelled battles; what is measured is measured on them.
    test : Path or None
        Battles to predict.
    extra : tuple of Path
        Labelled battles drawn by another rule: more to learn the direction from, never scored.
    """

    train: Path
    test: Path | None = None
    extra: tuple[Path, ...] = ()

    def check(self) -> None:
        """Refuse a file that is given twice: its battles would count twice.

        Raises
        ------
        DataError
            Names the file.
        """
        labelled = [self.train, *self.extra]
        hashes = [file_hash(path) for path in labelled]
        for place, known in enumerate(hashes):
            if known in hashes[:place]:
                raise DataError(
                    f"{labelled[place]}: the same battles as {labelled[hashes.index(known)]}. "
                    "Give each file once."
                )

    def hashes(self) -> dict[str, Any]:
        """Return the SHA-256 of each file that is learned from: the test file binds nothing."""
        return {
            "train": file_hash(self.train),
            "extra": [file_hash(path) for path in self.extra],
        }

    def told(self, hashes: Mapping[str, Any], *, skip_bad_rows: bool) -> InputsTold:
        """Return what is noted of the files, the test file included.

        `hashes` are those of `hashes`.
        """
        return {
            "train": _told(self.train, hashes["train"]),
            "extra": [_told(*one) for one in zip(self.extra, hashes["extra"], strict=True)],
            "test": None if self.test is None else _told(self.test, file_hash(self.test)),
            "skip_bad_rows": skip_bad_rows,
        }


def _told(path: Path, sha256: str) -> FileTold:
    return {"file": str(path), "path": os.path.realpath(path), "sha256": sha256}


class Battles(NamedTuple):
    """All training rows, the plain ones first, and what was counted in each file."""

    frame: pd.DataFrame
    y: NDArray[np.int8]
    n_plain: int
    files: list[dict[str, Any]]

    @property
    def plain(self) -> tuple[pd.DataFrame, NDArray[np.int8]]:
        """The plain rows and their labels."""
        return self.frame.iloc[: self.n_plain], self.y[: self.n_plain]


def read_inputs(
    inputs: Inputs, advance: Callable[[int], None] | None = None, *, skip_bad_rows: bool = False
) -> Battles:
    """Read the training files, the plain one and the extra ones; `advance` is told of rows."""
    paths = [(inputs.train, "plain"), *((path, "extra") for path in inputs.extra)]
    parts = [
        read_training(path, source=source, skip_bad_rows=skip_bad_rows, progress=advance)
        for path, source in paths
    ]
    files = [
        {"file": str(path), "source": source, **part.counts, "skipped": part.skipped}
        for (path, source), part in zip(paths, parts, strict=True)
    ]
    return Battles(
        frame=concat_battles([part.battles for part in parts]),
        y=np.concatenate([part.y for part in parts if part.y is not None]),
        n_plain=len(parts[0].battles),
        files=files,
    )
