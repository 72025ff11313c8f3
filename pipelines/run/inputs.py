"""The files of a run, read, and what is noted of them so that they are found again."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.battles import (
    DataError,
    Files,
    Named,
    Reading,
    concat_battles,
    counted,
    layouts_of,
    read_training,
    rows_in_both,
)
from data.layouts.reading import ReadingTold
from data.soft import battle_starts
from data.weights import shares
from pipelines.run.folder import digest, file_hash

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


class FileTold(TypedDict):
    """A file as it was named, where it lay, and the SHA-256 of what was in it.

    Of several files that are one table, `shards` tells of each; `reading` says how they were read
    where that was named.
    """

    file: str
    path: str
    sha256: str
    shards: NotRequired[list["FileTold"]]
    reading: NotRequired[ReadingTold]


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
    train : path, sequence of paths, or Files
        Labelled battles; what is measured is measured on them.
    test : the same, or None
        Battles to predict.
    extra : tuple of the same
        Labelled battles drawn by another rule: more to learn the direction from, never scored.
    """

    train: Named
    test: Named | None = None
    extra: tuple[Named, ...] = ()

    def check(self) -> None:
        """Refuse a file that is given twice, and one table of votes with ties and of votes without.

        Battles would count twice, or tie more rarely than they do.

        Raises
        ------
        DataError
            Names the file.
        """
        labelled: list[Named] = [self.train, *self.extra]
        labelled = [Files.of(path) for one in labelled for path in Files.of(one).paths]
        hashes = [files_hash(one) for one in labelled]
        for place, known in enumerate(hashes):
            if known in hashes[:place]:
                raise DataError(
                    f"{labelled[place]}: the same battles as {labelled[hashes.index(known)]}. "
                    "Give each file once."
                )

        self.knows_ties()

    def knows_ties(self) -> bool:
        """Whether the votes of the training file may be ties, by its layout alone.

        Raises
        ------
        DataError
            Those of some of its files may, and those of others not.
        """
        opened = layouts_of(self.train)
        without = [one for one in opened if not one.ties]
        if without and len(without) < len(opened):
            others = " ".join(str(one.path) for one in opened if one.ties)
            apart = "".join(f" --extra {one.path}" for one in without)
            raise DataError(
                f"{without[0].path}: read as {without[0].recognised.layout.title}, whose votes "
                "know no ties, and so no part of a table of votes with ties. Give it apart: "
                f"--train {others}{apart}."
            )
        return not without

    def hashes(self) -> dict[str, Any]:
        """Return the SHA-256 of each file that is learned from, and how it is read if named.

        The test file binds nothing.
        """
        learned = (self.train, *self.extra)
        hows = [Files.of(one).reading.binding() for one in learned]
        readings = [how.told() for how in hows if how != Reading()]
        return {
            "train": files_hash(self.train),
            "extra": [files_hash(one) for one in self.extra],
            **({"reading": readings} if readings else {}),
        }

    def all(self) -> tuple[Named, ...]:
        """Return all files that there are."""
        return (self.train, *self.extra, *(() if self.test is None else (self.test,)))

    def told(self, hashes: Mapping[str, Any], *, skip_bad_rows: bool) -> InputsTold:
        """Return what is noted of the files, the test file included.

        `hashes` are those of `hashes`.
        """
        return {
            "train": _told(self.train, hashes["train"]),
            "extra": [_told(*one) for one in zip(self.extra, hashes["extra"], strict=True)],
            "test": None if self.test is None else _told(self.test, files_hash(self.test)),
            "skip_bad_rows": skip_bad_rows,
        }


def files_hash(named: Named) -> str:
    """Return the SHA-256 of a file's bytes; of several that of theirs, in order."""
    hashes = [file_hash(path) for path in Files.of(named).paths]
    return hashes[0] if len(hashes) == 1 else digest(" ".join(hashes).encode())


def _is_read_so(named: Named) -> bool:
    """Whether more is said of how files are read than their columns say."""
    return Files.of(named).reading != Reading()


def _told(named: Named, sha256: str) -> FileTold:
    files = Files.of(named)
    real = " ".join(os.path.realpath(path) for path in files.paths)
    told: FileTold = {"file": str(files), "path": real, "sha256": sha256}
    if len(files.paths) > 1:
        told["shards"] = [_told(path, file_hash(path)) for path in files.paths]
    if _is_read_so(files):
        told["reading"] = files.reading.told()
    return told


class Battles(NamedTuple):
    """All training rows, the plain ones first, and what was counted in each file."""

    frame: pd.DataFrame
    y: NDArray[np.int8]
    n_plain: int
    files: list[dict[str, Any]]

    def read_as(self, *, counts: bool = True) -> list[str]:
        """Return lines for each file: what it was read as, what is odd in it, and its `counts`."""
        return [
            line
            for one in self.files
            for line in (
                f"{one['file']}: read as {one['layout']}",
                *one["notes"],
                *(counted(one) if counts else ()),
            )
        ]

    @property
    def plain(self) -> tuple[pd.DataFrame, NDArray[np.int8]]:
        """The plain rows and their labels."""
        return self.frame.iloc[: self.n_plain], self.y[: self.n_plain]

    @property
    def starts(self) -> NDArray[np.bool_]:
        """Which plain rows are the first of their battle: of soft labels several rows are one."""
        return battle_starts(*self.plain)

    def by_row(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return what is known of each plain battle for each of its rows."""
        return values[np.cumsum(self.starts) - 1]

    def check_whole_votes(self, learner: str) -> None:
        """Refuse plain rows of soft labels.

        Parameters
        ----------
        learner : str
            Who cannot be judged by them.

        Raises
        ------
        DataError
            Names the file, and the way out.
        """
        if shares(self.plain[0]) is not None:
            first = self.files[0]
            raise DataError(
                f"{first['file']}: expected votes, found {first['soft_labels']:,} rows of soft "
                f"labels, by which {learner} cannot be judged. Give these rows to --extra, where "
                "they are learned from, or fit a run without it."
            )


def read_inputs(
    inputs: Inputs, advance: Callable[[int], None] | None = None, *, skip_bad_rows: bool = False
) -> Battles:
    """Read the training files, the plain one and the extra ones; `advance` is told of rows."""
    paths = [
        (Files.of(inputs.train), "plain"),
        *((Files.of(one), "extra") for one in inputs.extra),
    ]
    parts = [
        read_training(path, source=source, skip_bad_rows=skip_bad_rows, progress=advance)
        for path, source in paths
    ]
    for part in parts[1:]:
        if part.y is not None:
            one = battle_starts(part.battles, part.y)  # of soft labels several rows are one battle
            part.counts["rows_in_train"] = rows_in_both(part.battles[one], parts[0].battles)
    files = [
        {
            "file": str(path),
            "source": source,
            "layout": part.layout,
            **part.counts,
            "skipped": part.skipped,
            "notes": part.notes,
        }
        for (path, source), part in zip(paths, parts, strict=True)
    ]
    return Battles(
        frame=concat_battles([part.battles for part in parts]),
        y=np.concatenate([part.y for part in parts if part.y is not None]),
        n_plain=len(parts[0].battles),  # rows, of which soft labels have several
        files=files,
    )
