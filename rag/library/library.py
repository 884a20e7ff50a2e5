"""Collections of documents: added once, found again, never half there."""

import shlex
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from rag.chunk import check_chunking
from rag.embed import Embedder
from rag.errors import LibraryError, ModelError
from rag.evidence import Judgment
from rag.file_outcome import FileOutcome
from rag.ingest import Ingestion, OnOutcome, OnProgress, SourceFile
from rag.library.embedders import Embedders
from rag.library.rechunk import Cancelled, Rechunking, RechunkOutcome
from rag.library.rechunk import OnProgress as OnRechunked
from rag.library.searching import Searcher, Searching
from rag.names import check_collection_name
from rag.parse.contain import Parsers
from rag.records import Chunk, Chunking, DeletedInfo, Document, DocumentInfo
from rag.store import EmbedderRef, Store
from rag.store.journal import Unfinished


class Library:
    """The store, and the indexes derived from it: of vectors, each collection by its embedder, and of words.

    Safe between threads; a change made by another process is seen at the next search. `ingesting` is
    held while a document is added. `parsers` read the files; they are closed with the library. A file
    may have `max_file_bytes`.
    """

    def __init__(
        self, store: Store, embedders: Embedders, parsers: Parsers, *, home: Path, max_file_bytes: int
    ) -> None:
        self.store = store
        self.embedders = embedders
        self.parsers = parsers
        self.max_file_bytes = max_file_bytes
        self.ingesting = threading.Lock()
        self._search = Searching(store, embedder=self.embedder, release=self.release, folder=home / "index")
        settling = self._search.settling
        self._rechunking = Rechunking(store, embedder=self.embedder, settling=settling)
        self._ingestion = Ingestion(
            store,
            parsers,
            embedder=self.embedder,
            ingesting=self.ingesting,
            settling=settling,
            max_file_bytes=max_file_bytes,
        )
        with suppress(LibraryError):  # on a full disk, what there is can be searched all the same
            store.trash.empty()
            store.journal.sweep()

    def collections(self) -> tuple[str, ...]:
        """Return the names of the collections, empty ones too, sorted."""
        return self.store.collections()

    def filled(self) -> tuple[str, ...]:
        """Return the names of the collections that hold a document, sorted."""
        return self.store.filled()

    def create_collection(self, name: str) -> None:
        """Make an empty collection. Raises LibraryError when it cannot be called so, or is there already."""
        check_collection_name(name)
        self.store.shelves.create(name)

    def rename_collection(self, old: str, new: str) -> None:
        """Call the collection `old` `new`.

        Raises NotFoundError, and LibraryError when it cannot be called so, or is being changed.
        """
        check_collection_name(new)
        with self._at_rest(old):
            self.store.shelves.rename(old, new)
        self._search.forget(old)

    def delete_collection(self, name: str) -> None:
        """Delete a collection with its documents, trash and judgments, for good.

        Raises NotFoundError, and LibraryError when it is being changed.
        """
        embedder = self.embedder_ref(name)
        with self._at_rest(name), self._search.settling:
            self.store.shelves.delete(name)
        self._search.forget(name)
        if embedder:
            self.release(embedder.sha256)

    @contextmanager
    def _at_rest(self, collection: str) -> Iterator[None]:
        self.store.existing(collection)
        with self.store.alone_at(collection):
            yield

    def documents(self, collection: str) -> tuple[DocumentInfo, ...]:
        """Return the documents of `collection`, in order of name; none for one that does not exist."""
        return self.store.documents(collection)

    def embedder_ref(self, collection: str) -> EmbedderRef | None:
        """Return which embedder the collection's vectors came from; None where there are none yet."""
        state = self.store.state(collection)
        return state.embedder if state else None

    def embedder(self, collection: str) -> Embedder:
        """Return the collection's own embedder; the default one where there are no vectors yet.

        Raises LibraryError when it is not on this machine.
        """
        ref = self.embedder_ref(collection)
        if ref is None:
            return self.embedders.default
        try:
            return self.embedders.of(ref.id, ref.sha256)
        except ModelError as exc:
            raise LibraryError(
                f"Collection {collection!r} can neither be searched nor added to, because the embedder of "
                "its vectors is not here. Re-embed it with one that is (python -m rag reembed ID "
                f"--collection {shlex.quote(collection)}), or bring that one back. {exc}"
            ) from exc

    def ingest(
        self,
        files: Iterable[SourceFile],
        *,
        collection: str,
        on_progress: OnProgress | None = None,
        on_outcome: OnOutcome | None = None,
        cancelled: Cancelled | None = None,
    ) -> tuple[FileOutcome, ...]:
        """Add `files` to `collection` and return what became of each, in order.

        A file that fails costs itself alone. The files in an archive, and those attached to a mail, have
        outcomes of their own; a file of records has one for all. Bytes that are there already are not added
        again. A file takes the place of an older one of its name, but not of one that came in the same
        call; of a file of records, each record does. Once `cancelled`, which is asked again and again, the
        outcomes of what is done are returned. Raises LibraryError when nothing can be added to `collection`.
        """
        check_collection_name(collection)
        self.embedder(collection)  # refuses a collection whose embedder is not here
        outcomes = self._ingestion.add(
            list(files), collection, on_progress=on_progress, on_outcome=on_outcome, cancelled=cancelled
        )
        if collection in self.collections():
            self.searcher(collection)
        return outcomes

    def delete(self, document_id: str, *, collection: str) -> str:
        """Move a document to the trash and return its name. Raises NotFoundError when it is not there."""
        with self._search.settling:
            name = self.store.delete_document(collection, document_id)
        self._search.refresh(collection)
        return name

    def restore(self, document_id: str, *, collection: str) -> str:
        """Bring a document back from the trash and return its name: undo its deletion, or its replacement.

        What has taken its name since goes to the trash. Where the collection's chunks or embedder are
        others by now, it is cut and embedded anew. Raises NotFoundError when it is not there (any more).
        """
        key = self.store.trash.key(collection, document_id)
        if not self.store.contents.is_as_set(key, collection):
            self._rechunking.document(collection, key)
        with self._search.settling:
            name = self.store.restore_document(collection, document_id)
        self._search.refresh(collection)
        return name

    def trash(self, collection: str) -> tuple[DeletedInfo, ...]:
        """Return what can be restored to `collection`, the last deleted first."""
        return self.store.trash.documents(collection)

    def document(self, collection: str, document_id: str) -> tuple[Document, tuple[Chunk, ...]]:
        """Return a document as it was parsed, and its chunks, in order. Raises NotFoundError."""
        with self.store.snapshot():
            key = self.store.contents.key(collection, document_id)
            return self.store.contents.document(key), self.store.contents.chunks(key)

    def original(self, collection: str, document_id: str) -> bytes | None:
        """Return a document's file as it was added; None where it was not kept. Raises NotFoundError."""
        return self.store.contents.original(self.store.contents.key(collection, document_id))

    def chunking(self, collection: str) -> Chunking:
        """Return how long the chunks of `collection` are to be; the default for one not there yet."""
        return self.store.chunking(collection)

    def chunking_pending(self, collection: str) -> int:
        """Return how many documents have chunks of a former length: `rechunk` was cancelled, or killed."""
        return len(self.store.contents.cut_otherwise(collection))

    def preview_chunking(self, collection: str, chunking: Chunking, document_id: str) -> tuple[Chunk, ...]:
        """Return a document's chunks as they would be; nothing is kept. Raises LibraryError."""
        check_chunking(chunking)
        return self._rechunking.preview(
            collection, self.store.contents.key(collection, document_id), chunking
        )

    def rechunk(
        self,
        collection: str,
        chunking: Chunking,
        *,
        on_progress: OnRechunked | None = None,
        cancelled: Cancelled = lambda: False,
    ) -> RechunkOutcome:
        """Make `chunking` that of the collection, and cut each document that has another; return how it went.

        It is searched all the while. A run that was cancelled or killed keeps what is done, and the next one
        goes on. Raises NotFoundError; LibraryError for lengths that cannot be, and when the collection is
        being re-embedded or re-chunked.
        """
        check_chunking(chunking)
        with self.store.alone_at(collection):
            outcome = self._rechunking.collection(collection, chunking, on_progress, cancelled)
        self.searcher(collection)
        return outcome

    def unfinished(self) -> tuple[Unfinished, ...]:
        """Return which files were being added, or waited for it, when a process ended: rolled back."""
        return self.store.journal.unfinished()

    def acknowledge(self) -> None:
        """Forget what `unfinished` returns: whoever should know, knows."""
        self.store.journal.acknowledge()

    def judge(self, judgment: Judgment, *, collection: str) -> None:
        """Keep `judgment`, in place of an earlier one of the same span for the same question."""
        self.store.judgments.put(collection, [judgment])

    def judgments(self, collection: str, query: str | None = None) -> tuple[Judgment, ...]:
        """Return the collection's judgments, or those for one question, in the order of their making."""
        return self.store.judgments.of(collection, query)

    def searcher(self, collection: str, *, document_id: str | None = None, words: bool = True) -> Searcher:
        """Return what one question needs to search `collection`, brought into memory and up to date.

        Without `words`, those are left as they are. With `document_id`, only that document is searched, and
        a search for an unknown one raises NotFoundError. Raises NotFoundError for an unknown collection,
        LibraryError when its embedder is not here.
        """
        return self._search.searcher(collection, document_id=document_id, words=words)

    def languages(self, collection: str) -> Mapping[str | None, int]:
        """Return how many documents of `collection` are in which language (ISO 639-1, None: not sure)."""
        return self._search.languages(collection)

    def release(self, fingerprint: str) -> None:
        """Let go of the embedder with this fingerprint, unless a collection needs it."""
        if all(not s.embedder or s.embedder.sha256 != fingerprint for s in self.store.states()):
            self.embedders.release(fingerprint)

    def is_current(self, collection: str, *, words: bool = True) -> bool:
        """Return whether a search finds all that it needs in memory and up to date, its words or not."""
        return self._search.is_current(collection, words=words)

    def close(self) -> None:
        """Close the library's file, and end what reads files; the library cannot be used afterwards."""
        self.parsers.close()
        self.store.close()
