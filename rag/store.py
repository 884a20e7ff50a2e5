"""Keep documents, chunks and vectors in one SQLite file."""

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.database import Connection, Database, Row, sole_holder
from rag.errors import LibraryError, NotFoundError
from rag.records import (
    DEFAULT_CHUNKING,
    Chunk,
    Chunking,
    Document,
    DocumentInfo,
    FileStatus,
    ModelInfo,
    Passage,
)
from rag.vectors import VectorTable

_DELETED_MEANWHILE = "A document was deleted while it was being searched. Ask again."
_STATE = "SELECT name, revision, embedder, embedder_sha256 FROM collections"


@dataclass(frozen=True, slots=True)
class EmbedderRef:
    """The embedder that a collection's vectors came from: its id, and the fingerprint it had."""

    id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class CollectionState:
    """A collection as it is now.

    `revision` changes whenever the collection does; `embedder` is None before the first document.
    """

    name: str
    revision: str
    embedder: EmbedderRef | None


class Store:
    """One SQLite file, one connection, safe between threads.

    Every change of a collection is one transaction and gives it a new revision. The chunks' `vectors` are
    in the same file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = Database(path)
        self.vectors = VectorTable(self._db)

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        self._db.close()

    def snapshot(self) -> AbstractContextManager[None]:
        """Return a context in which everything read comes from one state of the store."""
        return self._db.snapshot()

    def collections(self) -> tuple[str, ...]:
        """Return the names of the collections, sorted."""
        return tuple(state.name for state in self.states())

    def filled(self) -> tuple[str, ...]:
        """Return the names of the collections that hold a document, sorted."""
        rows = self._db.read(
            """SELECT name FROM collections
               WHERE EXISTS (SELECT 1 FROM documents WHERE collection = collections.key) ORDER BY name"""
        )
        return tuple(name for (name,) in rows)

    def states(self) -> tuple[CollectionState, ...]:
        """Return every collection's state, in order of name."""
        return tuple(_state(row) for row in self._db.read(f"{_STATE} ORDER BY name"))

    def state(self, collection: str) -> CollectionState | None:
        """Return the collection's state, None for an unknown one."""
        rows = self._db.read(f"{_STATE} WHERE name = ?", collection)
        return _state(rows[0]) if rows else None

    def existing(self, collection: str) -> CollectionState:
        """Return the collection's state. Raises NotFoundError, with the names of those there are."""
        state = self.state(collection)
        if state is None:
            known = ", ".join(self.filled()) or "none yet"
            raise NotFoundError(f"There is no collection {collection!r}. Collections: {known}.")
        return state

    def documents(self, collection: str) -> tuple[DocumentInfo, ...]:
        """Return the collection's documents, in order of name."""
        rows = self._db.read(
            """SELECT d.sha256, d.name, d.kind, d.size_bytes, d.page_count,
                      (SELECT count(*) FROM chunks WHERE document = d.key), d.added_at, d.language,
                      d.encoding, d.notes, d.chunk_target, d.chunk_overlap,
                      EXISTS (SELECT 1 FROM originals WHERE document = d.key)
               FROM documents d JOIN collections c ON c.key = d.collection
               WHERE c.name = ? ORDER BY d.name""",
            collection,
        )
        return tuple(_document_info(row) for row in rows)

    def name_of(self, collection: str, document_id: str) -> str | None:
        """Return the name under which the collection holds the document, None when it does not."""
        rows = self._db.read(
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
        embedder: ModelInfo,
        chunking: Chunking = DEFAULT_CHUNKING,
        original: bytes | None = None,
    ) -> FileStatus:
        """Add `document`, in place of one of the same name, unless its bytes are there already.

        Return which of the three it was. `vectors` float32 [n_chunks, dim] are the chunks' own, made by
        `embedder`; `chunking` is how long the chunks are. `original` is the file itself, where it is to be
        kept. The first document's embedder is the collection's; LibraryError refuses any other, and
        vectors of another length.
        """
        with self._change(collection) as (db, key):
            if self.name_of(collection, document.id):  # another process was faster
                return "unchanged"
            _claim(db, key, embedder)
            gone = db.execute("DELETE FROM documents WHERE collection = ? AND name = ?", (key, document.name))
            row = db.execute(
                """INSERT INTO documents (collection, sha256, name, kind, size_bytes, text, added_at,
                       language, encoding, page_count, unreadable, notes, headings, chunk_target,
                       chunk_overlap)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (
                    *(key, document.id, document.name, document.kind, size_bytes, document.text, _now()),
                    *(document.language, document.encoding, document.page_count or len(document.pages)),
                    *(_json(document.unreadable), _json(document.notes)),
                    _json([(heading.level, heading.title, heading.start) for heading in document.headings]),
                    *(chunking.target, chunking.overlap),
                ),
            )
            if original is not None:
                db.execute("INSERT INTO originals VALUES (?, ?)", (row.lastrowid, original))
            db.executemany(
                "INSERT INTO pages VALUES (?, ?, ?, ?)",
                [(row.lastrowid, page.number, page.start, page.end) for page in document.pages],
            )
            keys = [_put_chunk(db, row.lastrowid, chunk) for chunk in chunks]
            self.vectors.insert(db, collection, keys, vectors, model=embedder.sha256)
        return "replaced" if gone.rowcount else "added"

    def delete_document(self, collection: str, document_id: str) -> None:
        """Delete a document with its chunks and vectors."""
        with self._change(collection) as (db, key):
            db.execute("DELETE FROM documents WHERE collection = ? AND sha256 = ?", (key, document_id))

    def chunk_keys(self, collection: str, *, document_id: str | None = None) -> NDArray[np.int64]:
        """Return the keys of the collection's chunks, or of one document's, int64 [n], ascending."""
        return self._db.read_keys(
            """SELECT k.key FROM chunks k JOIN documents d ON d.key = k.document
               JOIN collections c ON c.key = d.collection
               WHERE c.name = ?1 AND (?2 IS NULL OR d.sha256 = ?2) ORDER BY k.key""",
            collection,
            document_id,
        )

    def texts(self, keys: NDArray[np.int64]) -> list[tuple[int, str]]:
        """Return key and text of those of the chunks `keys` that are still there, by key."""
        return sorted(self._db.read_by_key("SELECT key, text FROM chunks WHERE key", keys))

    def sole_reembedding(self, collection: str) -> AbstractContextManager[bool]:
        """Return a context that says whether nobody else, in any process, is in it for `collection`."""
        digest = sha256(collection.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return sole_holder(self._path.with_name(f"reembed-{digest}.lock"))

    def passages(self, keys: NDArray[np.int64]) -> tuple[Passage, ...]:
        """Return the chunks `keys` as passages, in the order of `keys`.

        Raises LibraryError when one has been deleted since.
        """
        rows = self._db.read_by_key(
            """SELECT k.key, d.sha256, d.name, k.text, k.start, k.end, k.page, k.headings, d.kind, d.language
               FROM chunks k JOIN documents d ON d.key = k.document WHERE k.key""",
            keys,
        )
        found = {row[0]: _passage(row[1:]) for row in rows}
        if len(found) != len(keys):
            raise LibraryError(_DELETED_MEANWHILE)
        return tuple(found[int(key)] for key in keys)

    @contextmanager
    def _change(self, collection: str) -> Iterator[tuple[Connection, int]]:
        """Run the body as one transaction on `collection` (made if new); yield it and its key."""
        with self._db.transaction() as db:
            row = db.execute(
                """INSERT INTO collections (name, revision) VALUES (?, ?)
                   ON CONFLICT (name) DO UPDATE SET revision = excluded.revision RETURNING key""",
                (collection, uuid.uuid4().hex),
            ).fetchone()
            yield db, int(row[0])


def _claim(db: Connection, key: int, embedder: ModelInfo) -> None:
    """Make `embedder` the collection's own if it has none. Raises LibraryError when it has another."""
    name, embedder_id, fingerprint = db.execute(
        """UPDATE collections SET embedder = coalesce(embedder, ?),
               embedder_sha256 = coalesce(embedder_sha256, ?)
           WHERE key = ? RETURNING name, embedder, embedder_sha256""",
        (embedder.id, embedder.sha256, key),
    ).fetchone()
    if fingerprint != embedder.sha256:
        raise LibraryError(
            f"Collection {name!r} was given another embedder, {embedder_id}, while the file was read with "
            f"{embedder.id}. Add the file again."
        )


def _put_chunk(db: Connection, document: int | None, chunk: Chunk) -> int:
    headings = _json(chunk.headings)
    row = db.execute(
        """INSERT INTO chunks (document, start, end, text, tokens, page, headings)
           VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING key""",
        (document, chunk.start, chunk.end, chunk.text, chunk.tokens, chunk.page, headings),
    )
    return int(row.fetchone()[0])


def _state(row: Row) -> CollectionState:
    name, revision, embedder_id, fingerprint = row
    return CollectionState(name, revision, EmbedderRef(embedder_id, fingerprint) if fingerprint else None)


def _document_info(row: Row) -> DocumentInfo:
    *plain, notes, target, overlap, has_original = row
    values = [*plain, tuple(json.loads(notes)), Chunking(target, overlap), bool(has_original)]
    return DocumentInfo(*values)


def _passage(row: Row) -> Passage:
    sha256, name, text, start, end, page, headings, kind, language = row
    return Passage(
        chunk_id=f"{sha256[:16]}-{start}-{end}",
        document_id=sha256,
        document=name,
        text=text,
        start=start,
        end=end,
        page=page,
        headings=tuple(json.loads(headings)),
        kind=kind,
        language=language,
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
