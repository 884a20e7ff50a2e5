"""Collections of documents: added once, found again, never half there."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from rag.chunk import split
from rag.embed import Embedder
from rag.errors import DocumentError, LibraryError, NotFoundError, TooLargeError
from rag.live_index import LiveIndexes
from rag.parse import parse
from rag.parse.clean import clean
from rag.records import Chunk, Document, DocumentInfo, FileOutcome, FileStatus, Passage
from rag.store import Store
from rag.wording import counted

MAX_NAME_CHARS = 200
_EMBED_BLOCK = 16  # chunks between two reports of progress

# (file name, chunks embedded, chunks in all); both 0 when the file's turn begins
OnProgress = Callable[[str, int, int], None]
OnOutcome = Callable[[FileOutcome], None]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file on its way in. `read` is called once, when its turn comes, and may raise OSError."""

    name: str
    size_bytes: int
    read: Callable[[], bytes]


class Library:
    """The store, and the vector indexes derived from it.

    Safe between threads; a change made by another process is seen at the next search.
    """

    def __init__(self, store: Store, embedder: Embedder, *, home: Path, max_file_bytes: int) -> None:
        self._store = store
        self._embedder = embedder
        self._max_file_bytes = max_file_bytes
        self._indexes = LiveIndexes(store, home / "index", model=embedder.info.sha256, dim=embedder.dim)
        self._searching = threading.Lock()
        self._ingesting = threading.Lock()

    def collections(self) -> tuple[str, ...]:
        """Return the names of the collections, sorted."""
        return self._store.collections()

    def documents(self, collection: str) -> tuple[DocumentInfo, ...]:
        """Return the documents of `collection`, in order of name; none for one that does not exist."""
        return self._store.documents(collection)

    def ingest(
        self,
        files: Iterable[SourceFile],
        *,
        collection: str,
        on_progress: OnProgress | None = None,
        on_outcome: OnOutcome | None = None,
    ) -> tuple[FileOutcome, ...]:
        """Add `files` to `collection` and return what became of each, in order.

        A file that fails costs itself alone. Bytes that are there already are not added again. A file
        takes the place of an older one of its name, but not of one that came in the same call. Raises
        LibraryError when nothing can be added to `collection`.
        """
        _check_collection_name(collection)
        if collection in self.collections():
            self.load(collection)  # refuses a collection that another embedder made
        outcomes: list[FileOutcome] = []
        for file in files:
            taken = {outcome.document for outcome in outcomes}
            with self._ingesting:
                outcomes.append(self._ingest_one(file, collection, taken, on_progress))
            if on_outcome:
                on_outcome(outcomes[-1])
        self._save_index(collection)
        return tuple(outcomes)

    def _ingest_one(
        self, file: SourceFile, collection: str, taken: set[str | None], on_progress: OnProgress | None
    ) -> FileOutcome:
        name = _clean_name(file.name)
        if on_progress:
            on_progress(name, 0, 0)
        try:
            data = self._read(file, name)
            document_id = sha256(data).hexdigest()
            if held_as := self._store.name_of(collection, document_id):
                return self._unchanged(name, held_as, collection, document_id)
            document = parse(_free_name(name, taken), data)
            chunks = split(document, self._embedder.offsets)
            vectors = self._embed(document.name, chunks, on_progress)
            status = self._put(document, chunks, vectors, collection, len(data))
        except (DocumentError, LibraryError) as exc:
            return FileOutcome(name, "failed", str(exc))
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

    def _put(
        self,
        document: Document,
        chunks: Sequence[Chunk],
        vectors: NDArray[np.float32],
        collection: str,
        size_bytes: int,
    ) -> FileStatus:
        with self._searching:  # a search that has found the older version still gets to read it
            return self._store.put_document(
                collection,
                document,
                size_bytes=size_bytes,
                chunks=chunks,
                vectors=vectors,
                model=self._embedder.info.sha256,
            )

    def _embed(
        self, name: str, chunks: Sequence[Chunk], on_progress: OnProgress | None
    ) -> NDArray[np.float32]:
        vectors = np.empty((len(chunks), self._embedder.dim), dtype=np.float32)
        for at in range(0, len(chunks), _EMBED_BLOCK):
            block = chunks[at : at + _EMBED_BLOCK]
            vectors[at : at + len(block)] = self._embedder.embed_passages([c.text for c in block]).vectors
            if on_progress:
                on_progress(name, at + len(block), len(chunks))
        return vectors

    def delete(self, document_id: str, *, collection: str) -> str:
        """Delete a document and return its name. Raises NotFoundError when it is not there."""
        name = self._name_of(document_id, collection)
        with self._searching:
            self._store.delete_document(collection, document_id)
        self._save_index(collection)
        return name

    def nearest(
        self, vector: NDArray[np.float32], k: int, *, collection: str, document_id: str | None = None
    ) -> list[tuple[Passage, float]]:
        """Return the at most `k` passages of `collection` nearest to `vector`, best first, with cosines.

        With `document_id`, only that document's. Raises NotFoundError for an unknown collection or
        document.
        """
        with self._searching:
            index = self._indexes.current(collection)
            within = None
            if document_id is not None:
                self._name_of(document_id, collection)
                within = self._store.chunk_keys(collection, document_id=document_id).tolist()
            keys, cosines = index.search(vector, k, within=within)
            passages = self._store.passages(keys)
        return list(zip(passages, cosines.tolist(), strict=True))

    def close(self) -> None:
        """Close the library's file; the library cannot be used afterwards."""
        self._store.close()

    def is_current(self, collection: str) -> bool:
        """Return whether a search finds the collection's index in memory and up to date."""
        with self._searching:
            return self._indexes.is_current(collection)

    def load(self, collection: str) -> None:
        """Bring the collection's index into memory and up to date, so that a search need not.

        Raises NotFoundError for an unknown collection, LibraryError for one that another embedder made.
        """
        with self._searching:
            self._indexes.current(collection)

    def _save_index(self, collection: str) -> None:
        with self._searching:
            if self._store.revision(collection) is not None:
                self._indexes.save(collection)

    def _name_of(self, document_id: str, collection: str) -> str:
        name = self._store.name_of(collection, document_id)
        if name is None:
            raise NotFoundError(f"Collection {collection!r} holds no document with id {document_id!r}.")
        return name


def _ingested(name: str, document: Document, n_chunks: int, status: FileStatus) -> FileOutcome:
    n_pages = len(document.pages)
    size = ([counted(n_pages, "page")] if n_pages else []) + [counted(n_chunks, "chunk")]
    notes = f", kept as {document.name}" if document.name != name else ""
    notes += ", in place of the older version" if status == "replaced" else ""
    message = f"{name}: {', '.join(size)}{notes}."
    return FileOutcome(name, status, message, document.id, document.name, n_pages, n_chunks)


def _check_collection_name(name: str) -> None:
    if not (0 < len(name) <= 64 and name == clean(name) and "\n" not in name):
        raise LibraryError(
            f"{name!r} cannot name a collection: expected 1 to 64 characters, without line breaks, "
            "control characters or spaces at the ends."
        )


def _clean_name(name: str) -> str:
    """Return a file's name as it can be stored and shown: one line, at most 200 characters."""
    return " ".join(clean(name).split())[-MAX_NAME_CHARS:].lstrip() or "unnamed"


def _free_name(name: str, taken: set[str | None]) -> str:
    """Return `name`, numbered if it is `taken`."""
    path, number, free = PurePath(name), 2, name
    while free in taken:
        free, number = str(path.with_stem(f"{path.stem} ({number})")), number + 1
    return free
