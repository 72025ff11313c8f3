"""Where a study lies: SQLite in its folder, a journal file, or any database that Optuna can use."""

import json
import logging
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, get_storage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pipelines.run.folder import RunError

JOURNAL = "journal:"
PATIENCE = 60  # seconds for which SQLite waits until another process has written
ANSWER = 10  # seconds within which a server answers
AGAIN = 1.0  # seconds for which opening is tried again


class _WriteAhead(sqlite3.Connection):
    """Writes to a log first: a commit then waits for no disk, and outlives a kill."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        # Another process may do the same at this moment; who asks what is no database is told so.
        with suppress(sqlite3.DatabaseError):
            self.execute("PRAGMA journal_mode = WAL")
            self.execute("PRAGMA synchronous = NORMAL")


CONNECTING: dict[str, dict[str, Any]] = {
    "sqlite": {"connect_args": {"timeout": PATIENCE, "factory": _WriteAhead}},
    "postgresql": {"connect_args": {"connect_timeout": ANSWER}, "pool_pre_ping": True},
    "mysql": {"connect_args": {"connect_timeout": ANSWER}, "pool_pre_ping": True},
}
ATTRIBUTES = sqlalchemy.table(
    "trial_user_attributes",
    sqlalchemy.column("trial_id"),
    sqlalchemy.column("key"),
    sqlalchemy.column("value_json"),
)


class Store:
    """An open storage; use it as a context.

    Parameters
    ----------
    url : str
        ``journal:PATH``, or a URL as SQLAlchemy takes it.

    Raises
    ------
    RunError
        It does not answer, or is none.

    Attributes
    ----------
    optuna : BaseStorage
        What Optuna's studies take.
    shown : str
        The URL without its password.
    """

    def __init__(self, url: str) -> None:
        self.shown = url
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # it tells of each trial by itself
        if url.startswith(JOURNAL):
            self._lock = JournalFileSymlinkLock(url.removeprefix(JOURNAL) + ".claim")
            self.optuna: BaseStorage = _journal(Path(url.removeprefix(JOURNAL)), url)
            self._engine = None
        else:
            database = self._database(url)
            self.optuna, self._engine = get_storage(database), database.engine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        self.optuna.remove_session()
        if self._engine is not None:
            self._engine.dispose()

    def _database(self, url: str) -> RDBStorage:
        try:
            parsed = sqlalchemy.engine.make_url(url)
        except SQLAlchemyError:
            raise RunError(
                f"--storage {url}: expected journal:PATH or a URL such as "
                "postgresql://user:password@host/database, found neither."
            ) from None
        self.shown = parsed.render_as_string(hide_password=True)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        kind = parsed.get_backend_name()
        try:
            with self.answering():
                return _opened(url, kind)
        except RuntimeError as error:  # tables of another Optuna
            raise RunError(
                f"--storage {self.shown}: {_first_line(error)}. Name another storage."
            ) from None

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Say of a storage that fails that it does, and how, in a line."""
        try:
            yield
        except ImportError as error:
            raise RunError(
                f"--storage {self.shown}: its driver is not installed ({_first_line(error)}). "
                "Install it, or name another storage."
            ) from None
        except (SQLAlchemyError, StorageInternalError) as error:
            cause = error.__cause__ if isinstance(error, StorageInternalError) else error
            found = getattr(cause, "orig", None) or cause or error
            raise RunError(
                f"--storage {self.shown}: does not answer as a database "
                f"({_first_line(found)}). Start it, or name another storage."
            ) from None

    def study(self, name: str) -> optuna.Study:
        """Return a study as it stands now: one object keeps what it has seen once."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return optuna.load_study(study_name=name, storage=self.optuna)

    def swap(self, trial_id: int, key: str, seen: str, mine: str) -> bool:
        """Set an attribute of a trial, if it still is what was seen.

        Returns
        -------
        bool
            Of several processes that saw the same, True for one of them.
        """
        if self._engine is None:
            return self._swap_in_journal(trial_id, key, seen, mine)
        change = (
            sqlalchemy.update(ATTRIBUTES)
            .where(ATTRIBUTES.c.trial_id == trial_id, ATTRIBUTES.c.key == key)
            .where(ATTRIBUTES.c.value_json == json.dumps(seen))
            .values(value_json=json.dumps(mine))
        )
        with self.answering(), self._engine.begin() as connection:
            return bool(connection.execute(change).rowcount)

    def _swap_in_journal(self, trial_id: int, key: str, seen: str, mine: str) -> bool:
        """Do the same under a lock: a journal's last word would win, not its first."""
        self._lock.acquire()
        try:
            known = self.optuna.get_trial(trial_id).user_attrs.get(key)
            if known == seen:
                self.optuna.set_trial_user_attr(trial_id, key, mine)
            return bool(known == seen)
        finally:
            self._lock.release()


def _opened(url: str, kind: str) -> RDBStorage:
    """Open a database; where others make its tables at this moment, once more."""
    start = time.monotonic()
    while True:
        try:
            return RDBStorage(url, CONNECTING.get(kind, {}))
        except DBAPIError:
            if time.monotonic() - start > AGAIN:
                raise
            time.sleep(AGAIN / 4)


def _journal(path: Path, url: str) -> JournalStorage:
    if not path.name:
        raise RunError(f"--storage {url}: expected the path of a file behind journal:.")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        raise RunError(f"--storage {url}: expected a file, found a folder or a device.")
    try:
        return JournalStorage(JournalFileBackend(str(path)))
    except (ValueError, KeyError, TypeError):
        raise RunError(
            f"--storage {url}: expected a journal of Optuna's, found another file. Name another."
        ) from None


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
