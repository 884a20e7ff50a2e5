"""Make, rename and delete collections, and keep how long their chunks are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from rag.errors import LibraryError, NotFoundError
from rag.records import DEFAULT_CHUNKING, Chunking
from rag.store.database import Connection, Database


class Shelves:
    """The collections as people see them: all but the trash.

    One of which `is_adding` says that somebody is adding to it is neither renamed nor deleted.
    """

    def __init__(self, db: Database, *, is_adding: Callable[[str], bool]) -> None:
        self._db = db
        self._is_adding = is_adding

    def create(self, name: str) -> None:
        """Make an empty collection. Raises LibraryError when there is one of that name."""
        with self._db.transaction() as db:
            _refuse_taken(db, name)
            db.execute("INSERT INTO collections (name, revision) VALUES (?, ?)", (name, uuid4().hex))

    def rename(self, old: str, new: str) -> None:
        """Call the collection `old` `new`.

        Raises NotFoundError; LibraryError when `new` is taken, or while files are being added.
        """
        with self.change(old) as (db, key):
            self._refuse_underway(old)
            if old != new:
                _refuse_taken(db, new)
                db.execute("UPDATE collections SET name = ? WHERE key = ?", (new, key))
                db.execute("UPDATE unfinished SET collection = ? WHERE collection = ?", (new, old))

    def delete(self, name: str) -> None:
        """Delete a collection with all that is in it, its trash and its judgments.

        Raises NotFoundError, and LibraryError while files are being added.
        """
        with self.change(name) as (db, key):
            self._refuse_underway(name)
            db.execute("DELETE FROM collections WHERE key = ?", (key,))
            db.execute("DELETE FROM unfinished WHERE collection = ?", (name,))

    def chunking(self, name: str) -> Chunking:
        """Return how long the chunks of the collection are to be; the default for one not there yet."""
        rows = self._db.read("SELECT chunk_target, chunk_overlap FROM shelves WHERE name = ?", name)
        return Chunking(*rows[0]) if rows else DEFAULT_CHUNKING

    def set_chunking(self, name: str, chunking: Chunking) -> None:
        """Set how long the chunks are to be; those that are there stay. Raises NotFoundError."""
        with self.change(name) as (db, key):
            values = (chunking.target, chunking.overlap, key)
            db.execute("UPDATE collections SET chunk_target = ?, chunk_overlap = ? WHERE key = ?", values)

    def note_index(self, name: str, revision: str) -> None:
        """Remember that the collection's vector index was saved as it was at `revision`."""
        with self._db.transaction() as db:
            db.execute(
                "UPDATE collections SET indexed = ? WHERE trash_of IS NULL AND name = ?", (revision, name)
            )

    def note_lexical_index(self, name: str, revision: str) -> None:
        """Remember that the collection's lexical index was saved as it was at `revision`."""
        with self._db.transaction() as db:
            db.execute(
                "UPDATE collections SET lexical_indexed = ? WHERE trash_of IS NULL AND name = ?",
                (revision, name),
            )

    @contextmanager
    def named(self, name: str) -> Iterator[tuple[Connection, int]]:
        """Run the body as one transaction; yield it and the collection's key. Its documents stay the same.

        Raises NotFoundError for an unknown collection.
        """
        with self._db.transaction() as db:
            row = db.execute("SELECT key FROM shelves WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise self.unknown(name)
            yield db, int(row[0])

    @contextmanager
    def change(self, name: str, *, made: bool = False) -> Iterator[tuple[Connection, int]]:
        """Run the body as one transaction on the collection; yield it and the collection's key.

        The collection has a new revision then. With `made`, one that is not there is made; otherwise
        NotFoundError is raised.
        """
        with self._db.transaction() as db:
            revision = uuid4().hex
            if made:
                db.execute(
                    "INSERT OR IGNORE INTO collections (name, revision) VALUES (?, ?)", (name, revision)
                )
            row = db.execute(
                "UPDATE collections SET revision = ? WHERE trash_of IS NULL AND name = ? RETURNING key",
                (revision, name),
            ).fetchone()
            if row is None:
                raise self.unknown(name)
            yield db, int(row[0])

    def _refuse_underway(self, name: str) -> None:
        # Within the transaction: whoever begins to add has to wait for its end.
        if self._is_adding(name):
            raise LibraryError(
                f"Collection {name!r} is being added to. Wait until that is done, or cancel it."
            )

    def unknown(self, name: str) -> NotFoundError:
        """Return the error that says that there is no such collection, with the names of those there are."""
        rows = self._db.read(
            "SELECT name FROM shelves s WHERE EXISTS (SELECT 1 FROM documents WHERE collection = s.key) "
            "ORDER BY name"
        )
        known = ", ".join(name for (name,) in rows) or "none yet"
        return NotFoundError(f"There is no collection {name!r}. Collections: {known}.")


def _refuse_taken(db: Connection, name: str) -> None:
    if db.execute("SELECT 1 FROM collections WHERE name = ?", (name,)).fetchone():
        raise LibraryError(f"There is a collection {name!r} already. Choose another name.")
