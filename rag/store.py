"""Keep documents, chunks and vectors in one SQLite file."""

import json
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryError
from rag.migrations import migrate
from rag.records import Chunk, Document, DocumentInfo, FileStatus, Passage

_Row = tuple[Any, ...]
_LITTLE_FLOAT32 = np.dtype("<f4")
_BUSY_TIMEOUT_S = 30.0
_DELETED_MEANWHILE = "A document was deleted while it was being searched. Ask again."
_MAX_VARIABLES = 500  # per statement; SQLite's own limit is far higher, but not everywhere


class Store:
    """One SQLite file, one connection, safe between threads.

    Every change of a collection is one transaction and gives it a new revision.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = _open(path)
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
        """Close the file; the store cannot be used afterwards."""
        with self._lock:
            self._db.close()

    def collections(self) -> tuple[str, ...]:
        """Return the names of the collections, sorted."""
        return tuple(row[0] for row in self._read("SELECT name FROM collections ORDER BY name"))

    def revision(self, collection: str) -> str | None:
        """Return a value that changes whenever the collection does; None for an unknown collection."""
        rows = self._read("SELECT revision FROM collections WHERE name = ?", collection)
        return str(rows[0][0]) if rows else None

    def documents(self, collection: str) -> tuple[DocumentInfo, ...]:
        """Return the collection's documents, in order of name."""
        rows = self._read(
            """SELECT d.sha256, d.name, d.kind, d.size_bytes,
                      (SELECT count(*) FROM pages WHERE document = d.key),
                      (SELECT count(*) FROM chunks WHERE document = d.key), d.added_at
               FROM documents d JOIN collections c ON c.key = d.collection
               WHERE c.name = ? ORDER BY d.name""",
            collection,
        )
        return tuple(DocumentInfo(*row) for row in rows)

    def name_of(self, collection: str, document_id: str) -> str | None:
        """Return the name under which the collection holds the document, None when it does not."""
        rows = self._read(
            """SELECT d.name FROM documents d JOIN collections c ON c.key = d.collection
               WHERE c.name = ? AND d.sha256 = ?""",
            collection,
            document_id,
        )
        return str(rows[0][0]) if rows else None

    def put_document(
        self,
        collection: str,
        document: Document,
        *,
        size_bytes: int,
        chunks: Sequence[Chunk],
        vectors: NDArray[np.float32],
        model: str,
    ) -> FileStatus:
        """Add `document`, in place of one of the same name, unless its bytes are there already.

        Return which of the three it was. `vectors` float32 [n_chunks, dim] are the chunks' own, made by
        the embedder `model` (sha256).
        """
        with self._change(collection) as key:
            if self.name_of(collection, document.id):  # another process was faster
                return "unchanged"
            gone = self._db.execute(
                "DELETE FROM documents WHERE collection = ? AND name = ?", (key, document.name)
            )
            row = self._db.execute(
                """INSERT INTO documents (collection, sha256, name, kind, size_bytes, text, added_at)
                   VALUES (?, ?, ?, ?, ?, ?, ?)""",
                (key, document.id, document.name, document.kind, size_bytes, document.text, _now()),
            )
            self._db.executemany(
                "INSERT INTO pages VALUES (?, ?, ?, ?)",
                [(row.lastrowid, page.number, page.start, page.end) for page in document.pages],
            )
            for chunk, vector in zip(chunks, vectors, strict=True):
                self._put_chunk(row.lastrowid, chunk, vector, model)
        return "replaced" if gone.rowcount else "added"

    def _put_chunk(self, document: int | None, chunk: Chunk, vector: NDArray[np.float32], model: str) -> None:
        headings = json.dumps(chunk.headings, ensure_ascii=False)
        row = self._db.execute(
            """INSERT INTO chunks (document, start, end, text, tokens, page, headings)
               VALUES (?, ?, ?, ?, ?, ?, ?)""",
            (document, chunk.start, chunk.end, chunk.text, chunk.tokens, chunk.page, headings),
        )
        blob = vector.astype(_LITTLE_FLOAT32).tobytes()
        self._db.execute("INSERT INTO vectors VALUES (?, ?, ?)", (row.lastrowid, model, blob))

    def delete_document(self, collection: str, document_id: str) -> None:
        """Delete a document with its chunks and vectors."""
        with self._change(collection) as key:
            self._db.execute("DELETE FROM documents WHERE collection = ? AND sha256 = ?", (key, document_id))

    def chunk_keys(self, collection: str, *, document_id: str | None = None) -> NDArray[np.int64]:
        """Return the keys of the collection's chunks, or of one document's, int64 [n], ascending."""
        rows = self._read(
            """SELECT k.key FROM chunks k JOIN documents d ON d.key = k.document
               JOIN collections c ON c.key = d.collection
               WHERE c.name = ?1 AND (?2 IS NULL OR d.sha256 = ?2) ORDER BY k.key""",
            collection,
            document_id,
        )
        return np.array([row[0] for row in rows], dtype=np.int64)

    def count_foreign_vectors(self, collection: str, *, model: str) -> int:
        """Return how many of the collection's vectors another embedder than `model` (sha256) made."""
        rows = self._read(
            """SELECT count(*) FROM vectors v JOIN chunks k ON k.key = v.chunk
               JOIN documents d ON d.key = k.document JOIN collections c ON c.key = d.collection
               WHERE c.name = ? AND v.model != ?""",
            collection,
            model,
        )
        return int(rows[0][0])

    def vectors(self, keys: NDArray[np.int64], *, dim: int) -> NDArray[np.float32]:
        """Return the vectors of the chunks `keys`, float32 [n, dim], in the order of `keys`.

        Raises LibraryError when one has been deleted since.
        """
        found = np.empty((len(keys), dim), dtype=np.float32)
        at = {int(key): position for position, key in enumerate(keys)}
        for chunk, blob in self._by_key("SELECT chunk, vector FROM vectors WHERE chunk", keys):
            found[at.pop(chunk)] = np.frombuffer(blob, dtype=_LITTLE_FLOAT32)
        if at:
            raise LibraryError(_DELETED_MEANWHILE)
        return found

    def passages(self, keys: NDArray[np.int64]) -> tuple[Passage, ...]:
        """Return the chunks `keys` as passages, in the order of `keys`.

        Raises LibraryError when one has been deleted since.
        """
        rows = self._by_key(
            """SELECT k.key, d.sha256, d.name, k.text, k.start, k.end, k.page, k.headings
               FROM chunks k JOIN documents d ON d.key = k.document WHERE k.key""",
            keys,
        )
        found = {row[0]: _passage(*row[1:]) for row in rows}
        if len(found) != len(keys):
            raise LibraryError(_DELETED_MEANWHILE)
        return tuple(found[int(key)] for key in keys)

    def _read(self, statement: str, *values: object) -> list[_Row]:
        try:
            with self._lock:
                return self._db.execute(statement, values).fetchall()
        except UnicodeEncodeError:  # half a surrogate pair, with which nothing stored is named
            return []
        except sqlite3.Error as exc:
            raise LibraryError(
                f"The library could not be read: {exc}. Start again; if it stays, restore "
                "library.db from a backup, or set RAG_HOME to another folder and add the documents anew."
            ) from exc

    def _by_key(self, statement: str, keys: NDArray[np.int64]) -> Iterator[_Row]:
        for at in range(0, len(keys), _MAX_VARIABLES):
            block = [int(key) for key in keys[at : at + _MAX_VARIABLES]]
            yield from self._read(f"{statement} IN ({','.join('?' * len(block))})", *block)

    @contextmanager
    def _change(self, collection: str) -> Iterator[int]:
        """Run the body as one transaction on `collection` (made if new) and yield its key."""
        try:
            with self._lock, self._db:
                self._db.execute("BEGIN IMMEDIATE")
                row = self._db.execute(
                    """INSERT INTO collections (name, revision) VALUES (?, ?)
                       ON CONFLICT (name) DO UPDATE SET revision = excluded.revision RETURNING key""",
                    (collection, uuid.uuid4().hex),
                ).fetchone()
                yield int(row[0])
        except sqlite3.Error as exc:
            raise LibraryError(f"The library could not be written: {exc}. Nothing was changed.") from exc


def _open(path: Path) -> sqlite3.Connection:
    # isolation_level=None: transactions begin and end where this module says so.
    db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # FULL: what has been reported as added survives a power cut.
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _passage(
    sha256: str, name: str, text: str, start: int, end: int, page: int | None, headings: str
) -> Passage:
    return Passage(
        chunk_id=f"{sha256[:16]}-{start}-{end}",
        document_id=sha256,
        document=name,
        text=text,
        start=start,
        end=end,
        page=page,
        headings=tuple(json.loads(headings)),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
