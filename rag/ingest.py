"""Add files to a collection: read, parsed, chunked, embedded, and kept whole or not at all."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from rag.chunk import split
from rag.embed import Embedder
from rag.errors import DocumentError, LibraryError, TooLargeError
from rag.names import file_name, free_name
from rag.parse import parse
from rag.records import Chunk, Document, FileOutcome, FileStatus
from rag.store import Store
from rag.wording import counted

_EMBED_BLOCK = 16  # chunks between two reports of progress

MAX_DOCUMENT_CHARS = 5_000_000  # some 2,500 pages; its tokens take 600 MB of memory meanwhile

# (file name, chunks embedded, chunks in all); both 0 when the file's turn begins
OnProgress = Callable[[str, int, int], None]
OnOutcome = Callable[[FileOutcome], None]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file on its way in. `read` is called once, when its turn comes, and may raise OSError."""

    name: str
    size_bytes: int
    read: Callable[[], bytes]


class Ingestion:
    """Adds files to collections of `store`, one after the other.

    `embedder` returns a collection's; `settling` is held while a document takes its place.
    """

    def __init__(
        self,
        store: Store,
        *,
        embedder: Callable[[str], Embedder],
        settling: AbstractContextManager[object],
        max_file_bytes: int,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._settling = settling
        self._max_file_bytes = max_file_bytes

    def add(
        self, file: SourceFile, collection: str, taken: set[str | None], on_progress: OnProgress | None
    ) -> FileOutcome:
        """Add `file` under a name that is not `taken`; return what became of it."""
        name = file_name(file.name)
        if on_progress:
            on_progress(name, 0, 0)
        try:
            data = self._read(file, name)
            document_id = sha256(data).hexdigest()
            if held_as := self._store.name_of(collection, document_id):
                return self._unchanged(name, held_as, collection, document_id)
            document = parse(free_name(name, taken), data)
            _check_length(name, document.text)
            embedder = self._embedder(collection)
            chunks = split(document, embedder.offsets, room=embedder.passage_room)
            vectors = _embed(embedder, document.name, chunks, on_progress)
            with self._settling:  # a search that has found the older version still gets to read it
                status = self._store.put_document(
                    collection,
                    document,
                    size_bytes=len(data),
                    chunks=chunks,
                    vectors=vectors,
                    embedder=embedder.info,
                )
        except (DocumentError, LibraryError) as exc:
            reason = exc.reason if isinstance(exc, DocumentError) else "not_stored"
            return FileOutcome(name, "failed", str(exc), reason=reason)
        if status == "unchanged":  # another process was faster, perhaps under another name
            held_as = self._store.name_of(collection, document_id) or name
            return self._unchanged(name, held_as, collection, document_id)
        return _ingested(name, document, len(chunks), status)

    def _read(self, file: SourceFile, name: str) -> bytes:
        self._check_size(name, file.size_bytes)
        try:
            data = file.read()
        except OSError as exc:
            raise DocumentError(f"{name} could not be read: {exc.strerror or exc}.") from exc
        self._check_size(name, len(data))
        return data

    def _check_size(self, name: str, n_bytes: int) -> None:
        if n_bytes > self._max_file_bytes:
            raise TooLargeError(
                f"{name} has {n_bytes / 1e6:.1f} MB; the limit is {self._max_file_bytes / 1e6:.0f} MB "
                "(RAG_MAX_UPLOAD_MB). Split it, or raise the limit."
            )

    def _unchanged(self, name: str, held_as: str, collection: str, document_id: str) -> FileOutcome:
        known_as = "" if held_as == name else f" as {held_as}"
        chunks = len(self._store.chunk_keys(collection, document_id=document_id))
        message = f"{name} is already there{known_as}."
        return FileOutcome(name, "unchanged", message, document_id, held_as, chunks=chunks)


def _check_length(name: str, text: str) -> None:
    if len(text) > MAX_DOCUMENT_CHARS:
        raise TooLargeError(
            f"{name} holds {len(text):,} characters of text; at most {MAX_DOCUMENT_CHARS:,} fit one "
            "document. Split it."
        )


def _embed(
    embedder: Embedder, name: str, chunks: Sequence[Chunk], on_progress: OnProgress | None
) -> NDArray[np.float32]:
    vectors = np.empty((len(chunks), embedder.dim), dtype=np.float32)
    for at in range(0, len(chunks), _EMBED_BLOCK):
        block = chunks[at : at + _EMBED_BLOCK]
        vectors[at : at + len(block)] = embedder.embed_passages([c.text for c in block]).vectors
        if on_progress:
            on_progress(name, at + len(block), len(chunks))
    return vectors


def _ingested(name: str, document: Document, n_chunks: int, status: FileStatus) -> FileOutcome:
    n_pages = len(document.pages)
    size = ([counted(n_pages, "page")] if n_pages else []) + [counted(n_chunks, "chunk")]
    notes = f", kept as {document.name}" if document.name != name else ""
    notes += ", in place of the older version" if status == "replaced" else ""
    message = f"{name}: {', '.join(size)}{notes}."
    return FileOutcome(name, status, message, document.id, document.name, n_pages, n_chunks)
