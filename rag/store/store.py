"""Keep documents, chunks and vectors in one SQLite file."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryError
from rag.file_outcome import FileStatus
from rag.records import DEFAULT_CHUNKING, Chunk, Chunking, Document, DocumentInfo, ModelInfo, Passage
from rag.store import rows
from rag.store.contents import Contents
from rag.store.database import Connection, Database, Row, sole_holder
from rag.store.journal import Journal, finish
from rag.store.judgments import Judgments
from rag.store.questions import Questions
from rag.store.runs import Runs
from rag.store.shelves import Shelves
from rag.store.trash import Trash
from rag.store.vectors import VectorTable
from rag.store.votes import Votes

_DELETED_MEANWHILE = "A document was deleted while it was being searched. Ask again."
_STATE = "SELECT name, revision, embedder, embedder_sha256, indexed, lexical_indexed FROM shelves"


@dataclass(frozen=True, slots=True)
class EmbedderRef:
    """The embedder that a collection's vectors came from: its id, and the fingerprint it had."""

    id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class CollectionState:
    """A collection as it is now.

    `revision` changes whenever the collection does; `embedder` is None before the first document.
    `indexed` is the revision at which its vector index was last saved, None when it never was;
    `lexical_indexed` that of its lexical index.
    """

    name: str
    revision: str
    embedder: EmbedderRef | None
    indexed: str | None = None
    lexical_indexed: str | None = None


class Store:
    """One SQLite file, one connection, safe between threads.

    Every change of a collection is one transaction and gives it a new revision. The chunks' `vectors`, the
    `trash`, the `judgments`, `questions`, `runs` and `votes`, and the `journal` of what is being added are
    in the same file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = Database(path)
        self.journal = Journal(self._db, path.parent)
        self.shelves = Shelves(self._db, is_adding=self.journal.is_adding)
        self.vectors = VectorTable(self._db)
        self.contents = Contents(self._db, self.shelves, self.vectors)
        self.trash = Trash(self._db)
        self.judgments = Judgments(self._db, self.shelves)
        self.questions = Questions(self._db, self.shelves)
        self.runs = Runs(self._db, self.shelves)
        self.votes = Votes(self._db, self.shelves)

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
        found = self._db.read(
            """SELECT name FROM shelves s
               WHERE EXISTS (SELECT 1 FROM documents WHERE collection = s.key) ORDER BY name"""
        )
        return tuple(name for (name,) in found)

    def states(self) -> tuple[CollectionState, ...]:
        """Return every collection's state, in order of name."""
        return tuple(_state(row) for row in self._db.read(f"{_STATE} ORDER BY name"))

    def state(self, collection: str) -> CollectionState | None:
        """Return the collection's state, None for an unknown one."""
        found = self._db.read(f"{_STATE} WHERE name = ?", collection)
        return _state(found[0]) if found else None

    def existing(self, collection: str) -> CollectionState:
        """Return the collection's state. Raises NotFoundError, with the names of those there are."""
        state = self.state(collection)
        if state is None:
            raise self.shelves.unknown(collection)
        return state

    def documents(self, collection: str) -> tuple[DocumentInfo, ...]:
        """Return the collection's documents, in order of name."""
        statement = (
            f"{rows.DOCUMENT_INFO} JOIN shelves c ON c.key = d.collection WHERE c.name = ? ORDER BY d.name"
        )
        return tuple(rows.document_info(row) for row in self._db.read(statement, collection))

    def name_of(self, collection: str, document_id: str) -> str | None:
        """Return the name under which the collection holds the document, None when it does not."""
        found = self._db.read(
            """SELECT d.name FROM documents d JOIN shelves c ON c.key = d.collection
               WHERE c.name = ? AND d.sha256 = ?""",
            collection,
            document_id,
        )
        return str(found[0][0]) if found else None

    def chunking(self, collection: str) -> Chunking:
        """Return how long the chunks of `collection` are to be; the default for one not there yet."""
        return self.shelves.chunking(collection)

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
        finished: Sequence[int] = (),
    ) -> FileStatus:
        """Add `document`, in place of one of the same name, unless its bytes are there already.

        Return which of the three it was; the older one goes to the trash. `vectors` float32 [n_chunks, dim]
        are the chunks' own, made by `embedder`; `chunking` is how long the chunks are. `original` is the
        file itself, where it is to be kept; the entries `finished` leave the journal. The first document's
        embedder is the collection's; LibraryError refuses any other, and vectors of another length.
        """
        with self.shelves.change(collection, made=True) as (db, key):
            finish(db, finished)
            if self.name_of(collection, document.id):  # another process was faster
                return "unchanged"
            _claim(db, key, embedder)
            self.trash.forget(db, key, document.id)
            older = db.execute(
                "SELECT key FROM documents WHERE collection = ? AND name = ?", (key, document.name)
            ).fetchone()
            if older:
                self.trash.put(db, key, older[0])
            added = rows.insert_document(db, key, document, size_bytes, chunking)
            if original is not None:
                db.execute("INSERT INTO originals VALUES (?, ?)", (added, original))
            self.contents.insert_chunks(db, collection, added, chunks, vectors, embedder=embedder)
        return "replaced" if older else "added"

    def delete_document(self, collection: str, document_id: str) -> str:
        """Move a document to the trash and return its name. Raises NotFoundError when it is not there."""
        document = self.contents.key(collection, document_id)  # an unknown one makes no new revision
        with self.shelves.change(collection) as (db, key):
            return self.trash.put(db, key, document)

    def restore_document(self, collection: str, document_id: str) -> str:
        """Move a document from the trash back, and what has taken its name since there; return its name.

        Raises NotFoundError when it is not there, LibraryError when its vectors are not the collection's.
        """
        with self.shelves.change(collection) as (db, key):
            return self.trash.take(db, key, self.trash.key(collection, document_id))

    def chunk_keys(self, collection: str, *, document_id: str | None = None) -> NDArray[np.int64]:
        """Return the keys of the collection's chunks, or of one document's, int64 [n], ascending."""
        return self._db.read_keys(
            """SELECT k.key FROM chunks k JOIN documents d ON d.key = k.document
               JOIN shelves c ON c.key = d.collection
               WHERE c.name = ?1 AND (?2 IS NULL OR d.sha256 = ?2) ORDER BY k.key""",
            collection,
            document_id,
        )

    def texts(self, keys: NDArray[np.int64]) -> list[tuple[int, str]]:
        """Return key and text of those of the chunks `keys` that are still there, by key."""
        return sorted(self._db.read_by_key("SELECT key, text FROM chunks WHERE key", keys))

    def languages(self, collection: str) -> dict[str | None, int]:
        """Return how many documents of `collection` are in which language; none for an unknown one."""
        found = self._db.read(
            """SELECT d.language, count(*) FROM documents d JOIN shelves c ON c.key = d.collection
               WHERE c.name = ? GROUP BY d.language""",
            collection,
        )
        return {language: int(n) for language, n in found}

    def texts_with_language(self, keys: NDArray[np.int64]) -> list[tuple[int, str, str | None]]:
        """Return key, text and document's language of those of the chunks `keys` that are there, by key."""
        found = list(self._db.read_by_key("SELECT key, text, document FROM chunks WHERE key", keys))
        documents = np.unique(np.array([document for *_, document in found], dtype=np.int64))
        # Not by a join: a document's row is as long as its text.
        of: dict[int, str | None] = dict(
            self._db.read_by_key("SELECT key, language FROM documents WHERE key", documents)
        )
        return sorted((int(key), str(text), of[document]) for key, text, document in found)

    def sole_rebuild(self, collection: str) -> AbstractContextManager[bool]:
        """Return a context that says whether nobody else, in any process, is in it for `collection`.

        Whoever re-embeds, re-chunks or imports a collection is in it.
        """
        digest = sha256(collection.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return sole_holder(self._path.with_name(f"rebuild-{digest}.lock"))

    @contextmanager
    def alone_at(self, collection: str) -> Iterator[None]:
        """Run the body while nobody else rebuilds `collection`. Raises LibraryError where somebody does."""
        with self.sole_rebuild(collection) as alone:
            if not alone:
                raise LibraryError(
                    f"Collection {collection!r} is being re-embedded, re-chunked or imported already. "
                    "Wait until that is done, or cancel it."
                )
            yield

    def passages(self, keys: NDArray[np.int64]) -> tuple[Passage, ...]:
        """Return the chunks `keys` as passages, in the order of `keys`.

        Raises LibraryError when one has been deleted since.
        """
        found = dict(rows.passage(row) for row in self._db.read_by_key(f"{rows.PASSAGE} WHERE k.key", keys))
        if len(found) != len(keys):
            raise LibraryError(_DELETED_MEANWHILE)
        return tuple(found[int(key)] for key in keys)


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


def _state(row: Row) -> CollectionState:
    name, revision, embedder_id, fingerprint, indexed, lexical_indexed = row
    ref = EmbedderRef(embedder_id, fingerprint) if fingerprint else None
    return CollectionState(name, revision, ref, indexed, lexical_indexed)
