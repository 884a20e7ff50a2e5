"""Collections of documents: added once, found again, never half there."""

import shlex
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.embed import Embedder
from rag.embedders import Embedders
from rag.errors import LibraryError, ModelError, NotFoundError
from rag.index import VectorIndex
from rag.ingest import Ingestion, OnOutcome, OnProgress, SourceFile
from rag.live_index import LiveIndexes
from rag.names import check_collection_name
from rag.records import DocumentInfo, FileOutcome, Passage
from rag.retrieve import Nearest
from rag.store import EmbedderRef, Store


@dataclass(frozen=True, slots=True, eq=False)
class Searcher:
    """A collection as one question finds it: the embedder of its vectors, and the search in them.

    The two stay together: re-embedded meanwhile, the collection is searched as it was.
    """

    embedder: Embedder
    nearest: Nearest


class Library:
    """The store, and the vector indexes derived from it: each collection with an embedder of its own.

    Safe between threads; a change made by another process is seen at the next search. `ingesting` is
    held while a file is added.
    """

    def __init__(self, store: Store, embedders: Embedders, *, home: Path, max_file_bytes: int) -> None:
        self.store = store
        self.embedders = embedders
        self.ingesting = threading.Lock()
        self._indexes = LiveIndexes(store, home / "index")
        self._searching = threading.Lock()
        self._ingestion = Ingestion(
            store, embedder=self.embedder, settling=self._searching, max_file_bytes=max_file_bytes
        )

    def collections(self) -> tuple[str, ...]:
        """Return the names of the collections, sorted."""
        return self.store.collections()

    def filled(self) -> tuple[str, ...]:
        """Return the names of the collections that hold a document, sorted."""
        return self.store.filled()

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
    ) -> tuple[FileOutcome, ...]:
        """Add `files` to `collection` and return what became of each, in order.

        A file that fails costs itself alone. Bytes that are there already are not added again. A file
        takes the place of an older one of its name, but not of one that came in the same call. Raises
        LibraryError when nothing can be added to `collection`.
        """
        check_collection_name(collection)
        self.embedder(collection)  # refuses a collection whose embedder is not here
        outcomes: list[FileOutcome] = []
        for file in files:
            taken = {outcome.document for outcome in outcomes}
            with self.ingesting:
                outcomes.append(self._ingestion.add(file, collection, taken, on_progress))
            if on_outcome:
                on_outcome(outcomes[-1])
        if collection in self.collections():
            self.searcher(collection)
            self.save_index(collection)
        return tuple(outcomes)

    def delete(self, document_id: str, *, collection: str) -> str:
        """Delete a document and return its name. Raises NotFoundError when it is not there."""
        name = self._name_of(document_id, collection)
        with self._searching:
            self.store.delete_document(collection, document_id)
        self.save_index(collection)
        return name

    def searcher(self, collection: str, *, document_id: str | None = None) -> Searcher:
        """Return what one question needs to search `collection`, brought into memory and up to date.

        With `document_id`, only that document is searched; `nearest` raises NotFoundError for an unknown
        one. Raises NotFoundError for an unknown collection, LibraryError when its embedder is not here.
        """
        index = None
        while index is None:  # until nobody re-embeds the collection between the two steps
            embedder = self.embedder(collection)
            index = self._index(collection, embedder)
        search = partial(self._nearest, collection, document_id, embedder, index)
        return Searcher(embedder, search)

    def _index(self, collection: str, embedder: Embedder) -> VectorIndex | None:
        with self._standing_still():
            before = self._indexes.model(collection)
            index = self._current(collection, embedder)
        if before not in (None, embedder.info.sha256):
            self.release(str(before))
        return index

    def _nearest(
        self,
        collection: str,
        document_id: str | None,
        embedder: Embedder,
        index: VectorIndex,
        vector: NDArray[np.float32],
        k: int,
    ) -> list[tuple[Passage, float]]:
        """Return the at most `k` passages nearest to `vector` of `embedder`, best first, with cosines."""
        with self._standing_still():
            # Re-embedded since: the question's vector belongs to the older vectors, still in `index`.
            current = self._current(collection, embedder)
            index = index if current is None else current
            within = None
            if document_id is not None:
                self._name_of(document_id, collection)
                within = self.store.chunk_keys(collection, document_id=document_id).tolist()
            keys, cosines = index.search(vector, k, within=within)
            passages = self.store.passages(keys)
        return list(zip(passages, cosines.tolist(), strict=True))

    def _current(self, collection: str, embedder: Embedder) -> VectorIndex | None:
        return self._indexes.current(collection, model=embedder.info.sha256, dim=embedder.dim)

    @contextmanager
    def _standing_still(self) -> Iterator[None]:
        """Keep other threads from the indexes, and let everything be read from one state of the store."""
        with self._searching, self.store.snapshot():
            yield

    def release(self, fingerprint: str) -> None:
        """Let go of the embedder with this fingerprint, unless a collection needs it."""
        if all(not s.embedder or s.embedder.sha256 != fingerprint for s in self.store.states()):
            self.embedders.release(fingerprint)

    def is_current(self, collection: str) -> bool:
        """Return whether a search finds all that it needs in memory and up to date."""
        with self._searching:
            return self._indexes.is_current(collection)

    def close(self) -> None:
        """Close the library's file; the library cannot be used afterwards."""
        self.store.close()

    def save_index(self, collection: str) -> None:
        """Write the collection's index, if it is in memory, where the next start finds it."""
        with self._standing_still():
            self._indexes.save(collection)

    def _name_of(self, document_id: str, collection: str) -> str:
        name = self.store.name_of(collection, document_id)
        if name is None:
            raise NotFoundError(f"Collection {collection!r} holds no document with id {document_id!r}.")
        return name
