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

# A collection that is another's trash holds what was deleted from it, whole: to undo is to move it back.
_WHAT_A_LIBRARY_PAGE_SHOWS = (
    "ALTER TABLE collections ADD COLUMN trash_of INTEGER REFERENCES collections(key) ON DELETE CASCADE",
    "ALTER TABLE collections ADD COLUMN indexed TEXT",  # the revision of its saved vector index
    "ALTER TABLE collections ADD COLUMN chunk_target INTEGER NOT NULL DEFAULT 220",  # tokens
    "ALTER TABLE collections ADD COLUMN chunk_overlap INTEGER NOT NULL DEFAULT 40",
    "ALTER TABLE documents ADD COLUMN language TEXT",  # ISO 639-1
    "ALTER TABLE documents ADD COLUMN encoding TEXT",
    "ALTER TABLE documents ADD COLUMN page_count INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE documents ADD COLUMN unreadable TEXT NOT NULL DEFAULT '[]'",  # a JSON array of page numbers
    "ALTER TABLE documents ADD COLUMN notes TEXT NOT NULL DEFAULT '[]'",  # a JSON array of sentences
    "ALTER TABLE documents ADD COLUMN headings TEXT",  # JSON [[level, title, start], …]; NULL: not kept yet
    "ALTER TABLE documents ADD COLUMN chunk_target INTEGER NOT NULL DEFAULT 220",  # that its chunks have
    "ALTER TABLE documents ADD COLUMN chunk_overlap INTEGER NOT NULL DEFAULT 40",
    "ALTER TABLE documents ADD COLUMN trashed_at TEXT",  # NULL outside the trash
    "UPDATE documents SET page_count = (SELECT count(*) FROM pages WHERE document = documents.key)",
    "CREATE VIEW shelves AS SELECT * FROM collections WHERE trash_of IS NULL",  # what people see
    """CREATE TABLE originals (
        document INTEGER PRIMARY KEY REFERENCES documents(key) ON DELETE CASCADE,
        data BLOB NOT NULL  -- the file as it was added; kept where its pages can be shown as images
    )""",
    """CREATE TABLE unfinished (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        collection TEXT NOT NULL,
        name TEXT NOT NULL,
        owner TEXT NOT NULL,  -- whose lock tells whether its ingestion still runs
        began_at TEXT NOT NULL
    )""",
    """CREATE TABLE judgments (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL REFERENCES collections(key) ON DELETE CASCADE,
        query TEXT NOT NULL,
        sha256 TEXT NOT NULL,  -- of the document, which may be deleted and come back
        start INTEGER NOT NULL,
        end INTEGER NOT NULL,
        grade INTEGER NOT NULL,
        judged_at TEXT NOT NULL,
        UNIQUE (collection, query, sha256, start, end)
    )""",
)

# Grades may be missing, and each judge has one of his own. What was asked is kept as it was answered.
_WHAT_JUDGING_NEEDS = (
    "ALTER TABLE collections ADD COLUMN guidelines TEXT NOT NULL DEFAULT ''",  # empty: the usual ones
    """CREATE TABLE judgments_by_judge (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL REFERENCES collections(key) ON DELETE CASCADE,
        query TEXT NOT NULL,
        sha256 TEXT NOT NULL,  -- of the document, which may be deleted and come back
        start INTEGER NOT NULL,
        end INTEGER NOT NULL,
        grade INTEGER,  -- NULL: cannot be judged
        judge TEXT NOT NULL DEFAULT '',
        note TEXT NOT NULL DEFAULT '',
        judged_at TEXT NOT NULL,
        UNIQUE (collection, query, sha256, start, end, judge)
    )""",
    """INSERT INTO judgments_by_judge (collection, query, sha256, start, end, grade, judged_at)
       SELECT collection, query, sha256, start, end, grade, judged_at FROM judgments ORDER BY key""",
    "DROP TABLE judgments",
    "ALTER TABLE judgments_by_judge RENAME TO judgments",
    """CREATE TABLE questions (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL REFERENCES collections(key) ON DELETE CASCADE,
        query TEXT NOT NULL,
        id TEXT NOT NULL,  -- its name in a data set, or empty
        origin TEXT NOT NULL,
        added_at TEXT NOT NULL,
        UNIQUE (collection, query)
    )""",
    """CREATE TABLE runs (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        collection INTEGER NOT NULL REFERENCES collections(key) ON DELETE CASCADE,
        query TEXT NOT NULL,
        asked_at TEXT NOT NULL,
        kept INTEGER NOT NULL DEFAULT 0,
        info TEXT NOT NULL,  -- JSON: what a list shows
        result BLOB NOT NULL  -- JSON, compressed: every hit with its text
    )""",
    "CREATE INDEX runs_by_query ON runs (collection, query)",
    """CREATE TABLE votes (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL REFERENCES collections(key) ON DELETE CASCADE,
        query TEXT NOT NULL,
        a TEXT NOT NULL,  -- JSON: a model, of the two the first by id and sha256
        b TEXT NOT NULL,
        choice TEXT NOT NULL,
        judge TEXT NOT NULL,
        voted_at TEXT NOT NULL,
        UNIQUE (collection, query, a, b, judge)
    )""",
)

# Rows of documents hold whole texts: what only asks for their languages would read all of them.
_WHAT_LEXICAL_SEARCH_NEEDS = (
    "ALTER TABLE collections ADD COLUMN lexical_indexed TEXT",  # the revision of its saved lexical index
    "CREATE INDEX documents_by_language ON documents (collection, language)",
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


def m003_what_a_library_page_shows(db: sqlite3.Connection) -> None:
    """A collection's chunk size and trash; a document's language, encoding and original; judgments."""
    for statement in _WHAT_A_LIBRARY_PAGE_SHOWS:
        db.execute(statement)


def m004_what_judging_needs(db: sqlite3.Connection) -> None:
    """Judges, notes and guidelines; a collection's questions, recorded runs, votes between rerankers."""
    for statement in _WHAT_JUDGING_NEEDS:
        db.execute(statement)


def m005_what_lexical_search_needs(db: sqlite3.Connection) -> None:
    """When a collection's lexical index was saved, and which languages its documents are in."""
    for statement in _WHAT_LEXICAL_SEARCH_NEEDS:
        db.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    m001_documents_chunks_vectors,
    m002_vectors_by_several_embedders,
    m003_what_a_library_page_shows,
    m004_what_judging_needs,
    m005_what_lexical_search_needs,
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
