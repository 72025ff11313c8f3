"""The folder of a study: whose it is, and what comes of it."""

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from optuna.distributions import IntDistribution

from pipelines.config import write_config
from pipelines.run.difference import changed
from pipelines.run.files import WRITING, csv_bytes, write_whole
from pipelines.run.folder import DONE, KEY, LOCK, RunError
from pipelines.tuning.space import Space
from pipelines.tuning.study import Done
from pipelines.tuning.work import KEPT

TUNED, TRIALS, STUDY = "tuned.toml", "trials.csv", "study.json"
WHOLE = b"This study is finished: DONE was written last.\n"
KINDS = ("columns", "parts")


class StudyFolder:
    """A folder in which a study lies; several processes may be at it.

    Parameters
    ----------
    path : Path
    key : mapping
        What the study depends on.

    Raises
    ------
    RunError
        It holds something else, or a study of something else.

    Attributes
    ----------
    is_new : bool
        Whether no study has taken it yet.
    """

    def __init__(self, path: Path, key: Mapping[str, Any]) -> None:
        self.path, self._key = path, key
        if path.is_dir() and not (path / KEY).is_file() and any(map(_is_foreign, path.iterdir())):
            raise RunError(f"{path} holds no study, and is not empty. Name another --output.")
        self.is_new = self._is_ours() is None

    def take(self) -> None:
        """Make the folder, and write whose it is: from now on no other study's.

        Raises
        ------
        RunError
            Another process was quicker, with a study of something else.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with self._alone():
            if self._is_ours() is None:
                write_whole(self.path / KEY, json.dumps(self._key, indent=1).encode())

    def _is_ours(self) -> bool | None:
        """Whether it is this study's, None of nobody's; refuse another one's."""
        known = self._known()
        if known is not None and known != self._key:
            raise RunError(
                f"{self.path} holds a study of other {changed(known, self._key)}. Run the command "
                "that it was started with to go on, or name another --output."
            )
        return None if known is None else True

    def _known(self) -> Any:
        path = self.path / KEY
        try:
            known = json.loads(path.read_bytes()) if path.is_file() else None
        except (ValueError, RecursionError):
            known = {}
        return known if known is None or isinstance(known, dict) else {}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let other processes wait for as long as this one writes."""
        with (self.path / LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def begin(self) -> None:
        """Say that the study is not finished."""
        with self._alone():
            (self.path / DONE).unlink(missing_ok=True)

    def told(self) -> dict[str, Any]:
        """Return what a finished study wrote into ``study.json``, nothing of another one."""
        try:
            known = json.loads((self.path / STUDY).read_bytes())
        except (OSError, ValueError):
            known = None
        return known if isinstance(known, dict) and (self.path / DONE).is_file() else {}

    def write(
        self, told: Mapping[str, Any], done: Sequence[Done], best: Done, space: Space
    ) -> None:
        """Write what came of the trials so far; all of them, and what is kept is removed.

        Parameters
        ----------
        told : mapping
            ``study.json``.
        done : sequence of Done
        best : Done
        space : Space
        """
        config = space.settle(best.labels).config
        with self._alone():
            write_whole(self.path / TRIALS, trials_table(done, space))
            write_whole(self.path / STUDY, json.dumps(told, indent=1, ensure_ascii=False).encode())
            head = "".join(f"# {line}\n" for line in comment(told))
            write_whole(self.path / TUNED, (head + write_config(config)).encode())
            if told["finished"] == told["trials"]:
                shutil.rmtree(self.path / KEPT, ignore_errors=True)
                write_whole(self.path / DONE, WHOLE)


def _is_foreign(path: Path) -> bool:
    """Whether a file is none of those that a study begins with: others may begin it just now."""
    return path.name not in (LOCK, KEY) and not path.name.endswith(WRITING)


def trials_table(done: Sequence[Done], space: Space) -> bytes:
    """Return ``trials.csv``: a row for each finished trial, with what it cost."""
    rows = [
        {
            "trial": one.number,
            "log_loss": one.value,
            "folds": one.told.get("folds"),
            "early": one.ended_early(space.base.folds.n_folds),
            "seconds": one.told.get("seconds"),
            **_counts(one),
            **{key: _shown(one, key, space) for key in space.dimensions},
            "failed": one.why,
        }
        for one in done
    ]
    table = pd.DataFrame(rows)
    whole = ["folds", *(f"{kind}_{what}" for kind in KINDS for what in ("asked", "found"))]
    distributions = space.distributions.items()
    whole += [key for key, kind in distributions if isinstance(kind, IntDistribution)]
    return csv_bytes(table.astype(dict.fromkeys(whole, "Int64")))


def _counts(one: Done) -> dict[str, Any]:
    return {
        f"{kind}_{what}": one.told[what].get(kind, 0) if one.told else None
        for kind in KINDS
        for what in ("asked", "found")
    }


def _shown(one: Done, key: str, space: Space) -> Any:
    if key not in one.labels:
        return None
    value = space.dimensions[key].value(one.labels[key])
    return json.dumps(value) if isinstance(value, list | dict) else value


def comment(told: Mapping[str, Any]) -> list[str]:
    """Return the lines at the head of ``tuned.toml``."""
    best, files = told["best"], told["files"]
    names = ", ".join(f"{one['file']} (SHA-256 {one['sha256'][:12]})" for one in files)
    lines = [
        f"Found by pipelines.tune: study {told['study']}, trial {best['trial']} of "
        f"{told['finished']}, from {told['from']}.",
        f"Data: {names}.",
        f"Log loss {best['log_loss']:.4f} over the study's own folds, {best['gain']:+.4f} better "
        "than where it began: the best of many, so part of that is luck."
        if best["trial"]
        else f"Log loss {best['log_loss']:.4f} over the study's own folds: none was better than "
        "where it began.",
    ]
    if told["nested"] is None:
        return [*lines, "What is left of it on rows that no study saw: --nested K."]
    gain, number = told["nested"]["gain"], len(told["nested"]["splits"])
    return [
        *lines,
        f"On rows that no study saw ({number} outer splits, each with a study of its own): "
        f"{gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}] better.",
    ]
