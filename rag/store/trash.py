"""Keep what was deleted for a while, so that it can be had back.

The trash of a collection is a hidden collection: a document goes there whole, with its chunks and vectors,
and comes back whole.
"""

from datetime import UTC, datetime, timedelta

from rag.errors import LibraryError, NotFoundError
from rag.records import DeletedInfo
from rag.store.database import Connection, Database
from rag.store.rows import DOCUMENT_INFO, deleted_info

KEPT = timedelta(days=7)

# By collection, whose documents an index finds: to look at every row is to read through every text.
_LAIN = """SELECT key FROM documents
    WHERE collection IN (SELECT key FROM collections WHERE trash_of IS NOT NULL) AND trashed_at <= ?"""
_IN_TRASH = "JOIN collections t ON t.key = d.collection JOIN shelves c ON c.key = t.trash_of"


class Trash:
    """The trash of every collection. What has lain there for a week is deleted as the next thing comes.

    So it is when the library is opened.

    It holds one document of a name, and never one that the collection itself holds.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def documents(self, collection: str) -> tuple[DeletedInfo, ...]:
        """Return what can be restored to `collection`, the last deleted first."""
        statement = f"{DOCUMENT_INFO} {_IN_TRASH} WHERE c.name = ? ORDER BY d.trashed_at DESC, d.key DESC"
        return tuple(deleted_info(row) for row in self._db.read(statement, collection))

    def key(self, collection: str, document_id: str) -> int:
        """Return the key of a document in the trash. Raises NotFoundError when it is not there."""
        rows = self._db.read(
            """SELECT d.key FROM documents d JOIN collections t ON t.key = d.collection
               JOIN shelves c ON c.key = t.trash_of WHERE c.name = ? AND d.sha256 = ?""",
            collection,
            document_id,
        )
        if not rows:
            raise NotFoundError(
                f"The trash of collection {collection!r} holds no document with id {document_id!r} (any "
                f"more): what was deleted is kept for {KEPT.days} days. Add the file again."
            )
        return int(rows[0][0])

    def put(self, db: Connection, collection: int, document: int) -> str:
        """Within the transaction `db`, move `document` of `collection` (both keys) to its trash.

        Return its name. Raises NotFoundError when the collection does not hold it (any more).
        """
        row = db.execute(
            "SELECT name, sha256 FROM documents WHERE key = ? AND collection = ?", (document, collection)
        ).fetchone()
        if row is None:
            raise NotFoundError("The document was deleted meanwhile.")
        trash = _trash_of(db, collection)
        _delete_lain(db, _moment(datetime.now(UTC) - KEPT))
        db.execute("DELETE FROM documents WHERE collection = ? AND (name = ? OR sha256 = ?)", (trash, *row))
        values = (trash, _moment(datetime.now(UTC)), document)
        db.execute("UPDATE documents SET collection = ?, trashed_at = ? WHERE key = ?", values)
        return str(row[0])

    def forget(self, db: Connection, collection: int, document_id: str) -> None:
        """Within `db`, delete a document from the trash, if it is there: the collection has it again."""
        db.execute(
            """DELETE FROM documents WHERE sha256 = ?
               AND collection = (SELECT key FROM collections WHERE trash_of = ?)""",
            (document_id, collection),
        )

    def take(self, db: Connection, collection: int, document: int) -> str:
        """Within `db`, move `document` from the trash back to `collection` (both keys); return its name.

        What has taken its name since goes to the trash in its place. Raises LibraryError when it has not
        the collection's own vectors.
        """
        _keep_own_vectors(db, collection, document)
        (name,) = db.execute("SELECT name FROM documents WHERE key = ?", (document,)).fetchone()
        # No file is called so: the two may change places one after the other.
        db.execute("UPDATE documents SET name = ?, trashed_at = NULL WHERE key = ?", (f"\n{name}", document))
        for (newer,) in db.execute(
            "SELECT key FROM documents WHERE collection = ? AND name = ?", (collection, name)
        ).fetchall():
            self.put(db, collection, newer)
        db.execute(
            "UPDATE documents SET collection = ?, name = ? WHERE key = ?", (collection, name, document)
        )
        return str(name)

    def empty(self, *, older_than: timedelta = KEPT) -> int:
        """Delete for good what has been in the trash for longer than that; return how many it was."""
        before = _moment(datetime.now(UTC) - older_than)
        # Most openings find nothing, and need not write.
        if not self._db.read(f"{_LAIN} LIMIT 1", before):
            return 0
        with self._db.transaction() as db:
            return _delete_lain(db, before)


def _delete_lain(db: Connection, before: str) -> int:
    lain = db.execute(_LAIN, (before,)).fetchall()
    db.executemany("DELETE FROM documents WHERE key = ?", lain)
    return len(lain)


def _moment(at: datetime) -> str:
    # Finer than other times: what was deleted last is to be named first.
    return at.isoformat(timespec="microseconds")


def _trash_of(db: Connection, collection: int) -> int:
    # No collection that people name begins with a line break.
    db.execute(
        "INSERT OR IGNORE INTO collections (name, revision, trash_of) VALUES (?, '', ?)",
        (f"\n{collection}", collection),
    )
    row = db.execute("SELECT key FROM collections WHERE trash_of = ?", (collection,)).fetchone()
    return int(row[0])


def _keep_own_vectors(db: Connection, collection: int, document: int) -> None:
    if db.execute(
        """SELECT 1 FROM chunks k WHERE k.document = ? AND NOT EXISTS (
               SELECT 1 FROM vectors v WHERE v.chunk = k.key
               AND v.model = (SELECT embedder_sha256 FROM collections WHERE key = ?)) LIMIT 1""",
        (document, collection),
    ).fetchone():
        raise LibraryError(
            "The collection was given another embedder while the document was brought back. Restore it again."
        )
    db.execute(
        """DELETE FROM vectors WHERE chunk IN (SELECT key FROM chunks WHERE document = ?)
           AND model != (SELECT embedder_sha256 FROM collections WHERE key = ?)""",
        (document, collection),
    )
