"""Open the library's SQLite file, and read and change it safely between threads."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryError
from rag.store.migrations import MIGRATIONS, migrate

Connection = sqlite3.Connection
Row = tuple[Any, ...]

_BUSY_TIMEOUT_S = 30.0
_MAX_VARIABLES = 500  # per statement; SQLite's own limit is far higher, but not everywhere


class Database:
    """One SQLite file, its schema up to date, and one connection that threads share.

    With `read_only`, the file must be there and up to date, and nothing can be changed.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = _open_to_read(path) if read_only else _open(path)
        except (OSError, sqlite3.OperationalError) as exc:
            raise LibraryError(
                f"The library {path} cannot be opened: {exc}. RAG_HOME must name a folder that this "
                "process may write to."
            ) from exc
        except sqlite3.DatabaseError as exc:
            raise LibraryError(
                f"The library {path} is damaged: {exc}. Restore library.db from a backup, or set RAG_HOME "
                "to another folder and add the documents anew."
            ) from exc

    def close(self) -> None:
        """Close the file; the database cannot be used afterwards."""
        with self._lock:
            self._db.close()

    def read(self, statement: str, *values: object) -> list[Row]:
        """Return all rows that `statement` finds. Raises LibraryError."""
        try:
            with self._lock:
                return self._db.execute(statement, values).fetchall()
        except UnicodeEncodeError:  # half a surrogate pair, with which nothing stored is named
            return []
        except sqlite3.Error as exc:
            raise _unreadable(exc) from exc

    def stream(self, statement: str, *values: object) -> Iterator[Row]:
        """Yield the rows that `statement` finds, one at a time; nobody else reads or writes meanwhile."""
        try:
            with self._lock:
                yield from self._db.execute(statement, values)
        except sqlite3.Error as exc:
            raise _unreadable(exc) from exc

    def read_keys(self, statement: str, *values: object) -> NDArray[np.int64]:
        """Return the first column of the rows that `statement` finds, int64 [n]."""
        return np.array([row[0] for row in self.read(statement, *values)], dtype=np.int64)

    def read_by_key(self, statement: str, keys: NDArray[np.int64], *values: object) -> Iterator[Row]:
        """Yield the rows of `statement … IN (keys)`, in any order, `values` filling its earlier places."""
        for at in range(0, len(keys), _MAX_VARIABLES):
            block = [int(key) for key in keys[at : at + _MAX_VARIABLES]]
            yield from self.read(f"{statement} IN ({','.join('?' * len(block))})", *values, *block)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything read in the body come from one state of the file, whatever others change."""
        try:
            with self._lock, self._db:
                self._db.execute("BEGIN")
                yield
        except sqlite3.Error as exc:
            raise _unreadable(exc) from exc

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run the body as one transaction, or as nothing when it raises. Raises LibraryError."""
        try:
            with self._lock, self._db:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
        except sqlite3.Error as exc:
            raise LibraryError(f"The library could not be written: {exc}. Nothing was changed.") from exc


@contextmanager
def sole_holder(path: Path) -> Iterator[bool]:
    """Yield whether nobody else, in this process or another, is in such a body for the file `path`.

    SQLite's own lock, because the system takes it back from a killed process, on every system.
    """
    try:
        db = sqlite3.connect(path, timeout=0, isolation_level=None)
    except sqlite3.Error as exc:
        raise LibraryError(f"{path} cannot be written: {exc}. RAG_HOME must name a writable folder.") from exc
    try:
        yield _locks(db, path)
    finally:
        db.close()


def _locks(db: Connection, path: Path) -> bool:
    try:
        db.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return False
        raise LibraryError(f"{path} cannot be locked: {exc}. RAG_HOME must name a writable folder.") from exc
    return True


def _open(path: Path) -> Connection:
    # isolation_level=None: transactions begin and end where this module says so.
    db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # FULL: what has been reported as added survives a power cut.
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        # What was deleted for good cannot be read in the file either. So to delete a collection of 100,000
        # chunks takes 2.3 to 3.5 s, in which this process reads nothing, instead of 0.9 s: it is seldom done.
        db.execute("PRAGMA secure_delete = ON")
        migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _open_to_read(path: Path) -> Connection:
    # Not "mode=ro", with which SQLite cannot recover what a killed process has left in the log.
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None
    )
    try:
        db.execute("PRAGMA query_only = ON")
        schema = int(db.execute("PRAGMA user_version").fetchone()[0])
    except BaseException:
        db.close()
        raise
    if schema != len(MIGRATIONS):
        db.close()
        raise LibraryError(
            f"The library has schema {schema}, and this version works with schema {len(MIGRATIONS)}. Start "
            "the server once: it brings an older one up to date."
        )
    return db


def _unreadable(exc: sqlite3.Error) -> LibraryError:
    return LibraryError(
        f"The library could not be read: {exc}. Start again; if it stays, restore "
        "library.db from a backup, or set RAG_HOME to another folder and add the documents anew."
    )
