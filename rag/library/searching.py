"""Search collections as they stand, whatever is added to them or taken from them meanwhile."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.embed import Embedder
from rag.index import VectorIndex
from rag.library.live_index import LiveIndexes
from rag.records import Passage
from rag.retrieve import Nearest
from rag.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class Searcher:
    """A collection as one question finds it: the embedder of its vectors, and the search in them.

    They stay together: re-embedded meanwhile, the collection is searched as it was. `vectors` are those of
    the passages that `nearest` has returned, float32 [dim], by chunk id.
    """

    embedder: Embedder
    nearest: Nearest
    vectors: Mapping[str, NDArray[np.float32]]


class Searching:
    """The vector indexes of the collections of `store`, each searched with the collection's own embedder.

    `embedder` returns a collection's; `release` is told which one (sha256) its index no longer needs.
    `settling` is to be held while a document comes, changes or goes: what a search has found is still
    there to be read then. Safe between threads.
    """

    def __init__(
        self,
        store: Store,
        *,
        embedder: Callable[[str], Embedder],
        release: Callable[[str], None],
        folder: Path,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._release = release
        self._indexes = LiveIndexes(store, folder)
        self.settling = threading.Lock()

    def searcher(self, collection: str, *, document_id: str | None = None) -> Searcher:
        """Return what one question needs to search `collection`, brought into memory and up to date.

        With `document_id`, only that document is searched; `nearest` raises NotFoundError for an unknown
        one. Raises NotFoundError for an unknown collection, LibraryError when its embedder is not here.
        """
        index = None
        while index is None:  # until nobody re-embeds the collection between the two steps
            embedder = self._embedder(collection)
            index = self._index(collection, embedder)
        with self.settling:
            self._indexes.save(collection)
        vectors: dict[str, NDArray[np.float32]] = {}
        search = partial(self._nearest, collection, document_id, embedder, index, vectors)
        return Searcher(embedder, search, vectors)

    def is_current(self, collection: str) -> bool:
        """Return whether a search finds all that it needs in memory and up to date."""
        with self.settling:
            return self._indexes.is_current(collection)

    def refresh(self, collection: str) -> None:
        """Bring the collection's index up to date if it is in memory, so that the next question need not."""
        with self._standing_still():
            self._indexes.refresh(collection)

    def forget(self, collection: str) -> None:
        """Let go of the index of a collection that has another name by now, or is gone."""
        with self.settling:
            self._indexes.forget(collection)
            self._indexes.prune()

    def _index(self, collection: str, embedder: Embedder) -> VectorIndex | None:
        with self._standing_still():
            before = self._indexes.model(collection)
            index = self._current(collection, embedder)
        if before not in (None, embedder.info.sha256):
            self._release(str(before))
        return index

    def _nearest(
        self,
        collection: str,
        document_id: str | None,
        embedder: Embedder,
        index: VectorIndex,
        vectors: dict[str, NDArray[np.float32]],
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
                self._store.contents.key(collection, document_id)
                within = self._store.chunk_keys(collection, document_id=document_id).tolist()
            keys, cosines = index.search(vector, k, within=within)
            passages = self._store.passages(keys)
            vectors.update(zip((p.chunk_id for p in passages), index.vectors(keys), strict=True))
        return list(zip(passages, cosines.tolist(), strict=True))

    def _current(self, collection: str, embedder: Embedder) -> VectorIndex | None:
        return self._indexes.current(collection, model=embedder.info.sha256, dim=embedder.dim)

    @contextmanager
    def _standing_still(self) -> Iterator[None]:
        """Keep other threads from the indexes, and let everything be read from one state of the store."""
        with self.settling, self._store.snapshot():
            yield
