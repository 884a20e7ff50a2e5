"""Read a document back as it was parsed and cut, and give it other chunks."""

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryError, NotFoundError
from rag.records import Chunk, Chunking, Document, Heading, ModelInfo
from rag.store import rows
from rag.store.database import Connection, Database
from rag.store.shelves import Shelves
from rag.store.vectors import VectorTable


class Contents:
    """The documents of the library, by key: those of the collections, and those in their trash."""

    def __init__(self, db: Database, shelves: Shelves, vectors: VectorTable) -> None:
        self._db = db
        self._shelves = shelves
        self._vectors = vectors

    def key(self, collection: str, document_id: str) -> int:
        """Return the key of a document of `collection`. Raises NotFoundError."""
        found = self._db.read(
            """SELECT d.key FROM documents d JOIN shelves c ON c.key = d.collection
               WHERE c.name = ? AND d.sha256 = ?""",
            collection,
            document_id,
        )
        if not found:
            raise NotFoundError(f"Collection {collection!r} holds no document with id {document_id!r}.")
        return int(found[0][0])

    def document(self, key: int) -> Document:
        """Return the document as it was parsed. Raises NotFoundError when it is gone.

        Of one that was added before its headings were kept, they are those that its chunks name.
        """
        found = self._db.read(
            """SELECT sha256, name, kind, text, page_count, unreadable, encoding, language, notes, headings
               FROM documents WHERE key = ?""",
            key,
        )
        if not found:
            raise NotFoundError("The document was deleted meanwhile.")
        sha256, name, kind, text, page_count, unreadable, encoding, language, notes, headings = found[0]
        of_pages = self._db.read(
            "SELECT number, start, end FROM pages WHERE document = ? ORDER BY start", key
        )
        return Document(
            id=sha256,
            name=name,
            kind=kind,
            text=text,
            pages=rows.pages(of_pages),
            headings=rows.headings(headings) if headings else headings_of(text, self.chunks(key)),
            page_count=page_count,
            unreadable=tuple(json.loads(unreadable)),
            encoding=encoding,
            language=language,
            notes=tuple(json.loads(notes)),
        )

    def lengths(self, collection: str) -> dict[str, int]:
        """Return how many characters the text of each document of `collection` has, by document id."""
        rows_found = self._db.read(
            """SELECT d.sha256, length(d.text) FROM documents d JOIN shelves c ON c.key = d.collection
               WHERE c.name = ?""",
            collection,
        )
        return {str(sha256): int(n_chars) for sha256, n_chars in rows_found}

    def chunks(self, key: int) -> tuple[Chunk, ...]:
        """Return the document's chunks, in order; none when it is gone."""
        found = self._db.read(
            f"{rows.CHUNK} WHERE d.key = ? ORDER BY k.start, k.end",
            key,
        )
        return tuple(rows.chunk(row) for row in found)

    def original(self, key: int) -> bytes | None:
        """Return the file as it was added; None where it was not kept."""
        found = self._db.read("SELECT data FROM originals WHERE document = ?", key)
        return bytes(found[0][0]) if found else None

    def is_as_set(self, key: int, collection: str) -> bool:
        """Return whether the document's chunks and vectors are as those of `collection` are to be."""
        return bool(
            self._db.read(
                """SELECT 1 FROM documents d, shelves c WHERE d.key = ?1 AND c.name = ?2
                   AND d.chunk_target = c.chunk_target AND d.chunk_overlap = c.chunk_overlap
                   AND NOT EXISTS (SELECT 1 FROM chunks k WHERE k.document = d.key AND NOT EXISTS (
                       SELECT 1 FROM vectors v WHERE v.chunk = k.key AND v.model = c.embedder_sha256))""",
                key,
                collection,
            )
        )

    def cut_otherwise(self, collection: str) -> NDArray[np.int64]:
        """Return the keys of the documents whose chunks are not as long as they are to be, int64 [n]."""
        return self._db.read_keys(
            """SELECT d.key FROM documents d JOIN shelves c ON c.key = d.collection WHERE c.name = ?
               AND (d.chunk_target != c.chunk_target OR d.chunk_overlap != c.chunk_overlap) ORDER BY d.key""",
            collection,
        )

    def replace_chunks(
        self,
        collection: str,
        key: int,
        chunks: Sequence[Chunk],
        vectors: NDArray[np.float32],
        *,
        chunking: Chunking,
        embedder: ModelInfo,
    ) -> None:
        """Give the document `chunks`, with vectors float32 [n_chunks, dim] by `embedder`, for its own.

        In one transaction; a document that is gone is passed over. Raises NotFoundError when the collection
        is gone, LibraryError when it has another embedder by now.
        """
        with self._shelves.change(collection) as (db, shelf):
            _keep_to(db, shelf, embedder)
            values = (chunking.target, chunking.overlap, key)
            if not db.execute(
                "UPDATE documents SET chunk_target = ?, chunk_overlap = ? WHERE key = ?", values
            ).rowcount:
                return
            db.execute("DELETE FROM chunks WHERE document = ?", (key,))
            self.insert_chunks(db, collection, key, chunks, vectors, embedder=embedder)

    def insert_chunks(
        self,
        db: Connection,
        collection: str,
        key: int,
        chunks: Sequence[Chunk],
        vectors: NDArray[np.float32],
        *,
        embedder: ModelInfo,
    ) -> None:
        """Within the transaction `db`, keep `chunks` and their vectors as those of the document `key`."""
        keys = rows.insert_chunks(db, key, chunks)
        self._vectors.insert(db, collection, keys, vectors, model=embedder.sha256)


def _keep_to(db: Connection, collection: int, embedder: ModelInfo) -> None:
    (own,) = db.execute("SELECT embedder_sha256 FROM collections WHERE key = ?", (collection,)).fetchone()
    if own not in (None, embedder.sha256):
        raise LibraryError(
            "The collection was given another embedder while a document was cut anew. Try again."
        )


def headings_of(text: str, chunks: Sequence[Chunk]) -> tuple[Heading, ...]:
    """Return the headings that the paths of `chunks` (in order) name, where `text` has them.

    Levels are depths in the path. Two headings of one path in a row cannot be told apart, nor can one
    be found below which nothing stands.
    """
    found: list[Heading] = []
    path: tuple[str, ...] = ()
    searched = 0
    for chunk in chunks:
        if chunk.headings == path:
            continue
        for depth in range(_new_from(path, chunk.headings), len(chunk.headings)):
            title = chunk.headings[depth]
            line = _line_of(title, text, searched, chunk.end)
            start = max(chunk.start, searched) if line is None else line
            searched = start if line is None else start + len(title)
            found.append(Heading(depth + 1, title, start))
        path = chunk.headings
    return tuple(found)


def _new_from(before: tuple[str, ...], path: tuple[str, ...]) -> int:
    """Return the first depth at which `path` has a heading that is not the one of `before`."""
    same = next((n for n, pair in enumerate(zip(before, path, strict=False)) if pair[0] != pair[1]), None)
    # A path that only lost its end belongs to another heading of the same title.
    return min(len(before), len(path) - 1) if same is None else same


def _line_of(title: str, text: str, start: int, end: int) -> int | None:
    """Return where the first line between `start` and `end` begins that says `title` and no more."""
    while (at := text.find(title, start, end)) >= 0:
        line_start = text.rfind("\n", 0, at) + 1
        line_end = text.find("\n", at)
        line = text[line_start : line_end if line_end >= 0 else len(text)]
        if line.strip("#= \t") == title:  # Markdown keeps its marks
            return line_start
        start = at + len(title)
    return None
