"""The library's schema, as numbered steps."""

import sqlite3
from collections.abc import Callable

from rag.errors import LibraryError

_DOCUMENTS_CHUNKS_VECTORS = (
    """CREATE TABLE collections (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        revision TEXT NOT NULL  -- a fresh random value with every change
    )""",
    """CREATE TABLE documents (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL REFERENCES collections(key) ON DELETE CASCADE,
        sha256 TEXT NOT NULL,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        text TEXT NOT NULL,
        added_at TEXT NOT NULL,
        UNIQUE (collection, sha256),
        UNIQUE (collection, name)
    )""",
    """CREATE TABLE pages (
        document INTEGER NOT NULL REFERENCES documents(key) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        start INTEGER NOT NULL,
        end INTEGER NOT NULL,
        PRIMARY KEY (document, number)
    ) WITHOUT ROWID""",
    """CREATE TABLE chunks (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        document INTEGER NOT NULL REFERENCES documents(key) ON DELETE CASCADE,
        start INTEGER NOT NULL,
        end INTEGER NOT NULL,
        text TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        page INTEGER,
        headings TEXT NOT NULL,  -- a JSON array, outermost first
        UNIQUE (document, start, end)
    )""",
    """CREATE TABLE vectors (
        chunk INTEGER PRIMARY KEY REFERENCES chunks(key) ON DELETE CASCADE,
        model TEXT NOT NULL,  -- sha256 of the embedder's graph
        vector BLOB NOT NULL  -- float32, little-endian
    )""",
)

# SQLite cannot change a table's primary key: a new table takes the old one's place.
_VECTORS_BY_SEVERAL_EMBEDDERS = (
    "ALTER TABLE collections ADD COLUMN embedder TEXT",  # both are NULL before the first document
    "ALTER TABLE collections ADD COLUMN embedder_sha256 TEXT",
    """UPDATE collections SET embedder_sha256 = (
           SELECT v.model FROM vectors v JOIN chunks k ON k.key = v.chunk
           JOIN documents d ON d.key = k.document WHERE d.collection = collections.key LIMIT 1)""",
    # Until now there was no other one.
    "UPDATE collections SET embedder = 'BAAI/bge-small-en-v1.5' WHERE embedder_sha256 IS NOT NULL",
    """CREATE TABLE vectors_by_model (
        chunk INTEGER NOT NULL REFERENCES chunks(key) ON DELETE CASCADE,
        model TEXT NOT NULL,  -- sha256 of the embedder
        vector BLOB NOT NULL,  -- float32, little-endian
        PRIMARY KEY (chunk, model)
    )""",
    "INSERT INTO vectors_by_model SELECT chunk, model, vector FROM vectors",
    "DROP TABLE vectors",
    "ALTER TABLE vectors_by_model RENAME TO vectors",
)


def m001_documents_chunks_vectors(db: sqlite3.Connection) -> None:
    """Collections of documents, their pages, chunks and vectors.

    Keys are AUTOINCREMENT so that none is ever given twice: the vector index knows chunks by key.
    """
    for statement in _DOCUMENTS_CHUNKS_VECTORS:
        db.execute(statement)


def m002_vectors_by_several_embedders(db: sqlite3.Connection) -> None:
    """Vectors by several embedders side by side; a collection names the one it is searched with."""
    for statement in _VECTORS_BY_SEVERAL_EMBEDDERS:
        db.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    m001_documents_chunks_vectors,
    m002_vectors_by_several_embedders,
)


def migrate(db: sqlite3.Connection) -> None:
    """Bring `db` up to date: each missing step in one transaction with its record.

    Raises LibraryError when a newer version of the program has written the file.
    """
    done = int(db.execute("PRAGMA user_version").fetchone()[0])
    if done > len(MIGRATIONS):
        raise LibraryError(
            f"The library has schema {done}, made by a newer version; this one knows schema "
            f"{len(MIGRATIONS)}. Install the newer version, or set RAG_HOME to another folder."
        )
    for number, step in enumerate(MIGRATIONS[done:], start=done + 1):
        with db:
            db.execute("BEGIN IMMEDIATE")
            # Another process may have taken this step while this one waited for the lock.
            if int(db.execute("PRAGMA user_version").fetchone()[0]) < number:
                step(db)
                db.execute(f"PRAGMA user_version = {number}")
