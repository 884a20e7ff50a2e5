"""Write down what is being added before it is, so that what a dead process left undone can be named."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from rag.errors import LibraryError
from rag.store.database import Connection, Database, sole_holder
from rag.store.rows import now

_LEFT_OVER_S = 600  # between a lock and its entries there are moments


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A file that was being added, or waited for its turn, when its process ended: rolled back.

    Of a file of several documents, those that were done are there. `began_at` is ISO 8601, UTC.
    """

    collection: str
    name: str
    began_at: str


class Journal:
    """Which files are being added, by which process, and which were left undone.

    Each call that adds files holds a lock of its own while it runs: the system gives that back when
    a process dies, and what it had written down is nobody's.
    """

    def __init__(self, db: Database, folder: Path) -> None:
        self._db = db
        self._folder = folder

    @contextmanager
    def adding(self, collection: str, names: Sequence[str]) -> Iterator[tuple[int, ...]]:
        """Write down that files called `names` are being added; yield the keys of the entries, in order.

        What is handed to `Store.put_document` as `finished` is taken out with that very document, the rest
        when the body ends. Where nothing can be written (a full disk), the keys name nothing, and the
        files themselves fail.
        """
        owner, keys = uuid4().hex, tuple[int, ...]()
        try:
            with ExitStack() as held:
                with suppress(LibraryError):
                    held.enter_context(sole_holder(self._lock(owner)))
                    keys = self._begin(owner, collection, names)
                try:
                    yield keys or (0,) * len(names)
                finally:
                    self._remove(keys)
        finally:
            with suppress(OSError):
                self._lock(owner).unlink(missing_ok=True)

    def unfinished(self) -> tuple[Unfinished, ...]:
        """Return what processes that are gone have left undone, in the order in which it was begun."""
        dead = self._dead_owners()
        rows = self._db.read("SELECT owner, collection, name, began_at FROM unfinished ORDER BY key")
        return tuple(Unfinished(*entry) for owner, *entry in rows if owner in dead)

    def acknowledge(self) -> None:
        """Forget what was left undone: whoever should know, knows."""
        dead = self._dead_owners()
        if dead:
            with self._db.transaction() as db:
                db.executemany("DELETE FROM unfinished WHERE owner = ?", [(owner,) for owner in dead])
        for owner in dead:
            with suppress(OSError):
                self._lock(owner).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove the locks of dead processes that have left nothing undone, or nothing that still is."""
        owners = {owner for (owner,) in self._db.read("SELECT DISTINCT owner FROM unfinished")}
        for path in self._folder.glob("adding-*.lock*"):
            owner = path.name.removeprefix("adding-").partition(".")[0]
            with suppress(OSError):
                # One that is about to be held is new, and one that is held has an entry from then on.
                if owner not in owners and time.time() - path.stat().st_mtime > _LEFT_OVER_S:
                    path.unlink(missing_ok=True)

    def is_adding(self, collection: str) -> bool:
        """Return whether somebody, in any process, is adding files to `collection` now."""
        rows = self._db.read("SELECT DISTINCT owner FROM unfinished WHERE collection = ?", collection)
        return any(self._lives(owner) for (owner,) in rows)

    def _begin(self, owner: str, collection: str, names: Sequence[str]) -> tuple[int, ...]:
        dead = self._dead_owners()
        with self._db.transaction() as db:
            for name in set(names) if dead else ():  # what was left undone is being done now
                _forget(db, dead, collection, name)
            return tuple(_note(db, owner, collection, name) for name in names)

    def _remove(self, keys: Sequence[int]) -> None:
        with suppress(LibraryError), self._db.transaction() as db:
            finish(db, keys)

    def _dead_owners(self) -> set[str]:
        owners = self._db.read("SELECT DISTINCT owner FROM unfinished")
        return {owner for (owner,) in owners if not self._lives(owner)}

    def _lives(self, owner: str) -> bool:
        if not self._lock(owner).exists():
            return False
        with sole_holder(self._lock(owner)) as alone:
            return not alone

    def _lock(self, owner: str) -> Path:
        return self._folder / f"adding-{owner}.lock"


def finish(db: Connection, keys: Sequence[int]) -> None:
    """Within the transaction `db`, take out the entries `keys`."""
    db.executemany("DELETE FROM unfinished WHERE key = ?", [(key,) for key in keys])


def _forget(db: Connection, owners: set[str], collection: str, name: str) -> None:
    db.executemany(
        "DELETE FROM unfinished WHERE owner = ? AND collection = ? AND name = ?",
        [(owner, collection, name) for owner in owners],
    )


def _note(db: Connection, owner: str, collection: str, name: str) -> int:
    row = db.execute(
        "INSERT INTO unfinished (collection, name, owner, began_at) VALUES (?, ?, ?, ?) RETURNING key",
        (collection, name, owner, now()),
    )
    return int(row.fetchone()[0])
