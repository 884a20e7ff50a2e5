"""Search collections as they stand, whatever is added to them or taken from them meanwhile."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.embed import Embedder
from rag.index import VectorIndex
from rag.library.live_vectors import LiveVectors
from rag.library.live_words import LiveWords
from rag.library.view import View
from rag.records import Passage
from rag.store import Store


class Searcher:
    """A collection as one question finds it: the embedder of its vectors, and the search in them.

    They stay together: re-embedded meanwhile, the collection is searched as it was. `vectors` are those of
    the passages that a search has returned, float32 [dim], by chunk id.
    """

    def __init__(
        self,
        embedder: Embedder,
        look: Callable[[dict[str, NDArray[np.float32]]], AbstractContextManager[View]],
    ) -> None:
        self.embedder = embedder
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._look = look

    @property
    def vectors(self) -> Mapping[str, NDArray[np.float32]]:
        """The vectors of the passages found so far, by chunk id."""
        return self._vectors

    def looking(self) -> AbstractContextManager[View]:
        """Return a context in which the collection stays as it is; nobody else searches meanwhile.

        It raises NotFoundError for an unknown document.
        """
        return self._look(self._vectors)

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[Passage, float]]:
        """Return the at most `k` passages nearest to `vector` of `embedder`, best first, with cosines."""
        with self.looking() as view:
            keys, cosines = view.nearest(vector, k)
            return list(zip(view.passages(keys), cosines.tolist(), strict=True))

    def matching(self, question: str, k: int) -> list[tuple[Passage, float]]:
        """Return the at most `k` passages that have words of `question`, best first, with BM25 scores."""
        with self.looking() as view:
            keys, scores = view.matching(question, k)
            return list(zip(view.passages(keys), scores.tolist(), strict=True))


class Searching:
    """The indexes of the collections of `store`: their vectors, and their words.

    Each is searched with the collection's own embedder, which `embedder` returns; `release` is told which
    one (sha256) its index no longer needs. `settling` is to be held while a document comes, changes or
    goes: what a search has found is still there to be read then. Safe between threads.
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
        self._vectors = LiveVectors(store, folder)
        self._words = LiveWords(store, folder)
        self._languages: dict[str, tuple[str, dict[str | None, int]]] = {}  # with the revision they are of
        self.settling = threading.Lock()

    def searcher(self, collection: str, *, document_id: str | None = None, words: bool = True) -> Searcher:
        """Return what one question needs to search `collection`, brought into memory and up to date.

        Without `words`, those are left as they are. With `document_id`, only that document is searched, and
        a search for an unknown one raises NotFoundError. Raises NotFoundError for an unknown collection,
        LibraryError when its embedder is not here.
        """
        index = None
        while index is None:  # until nobody re-embeds the collection between the two steps
            embedder = self._embedder(collection)
            index = self._index(collection, embedder)
        while words and not self._advance(collection):
            pass
        with self.settling:
            self._vectors.save(collection)
            self._words.save(collection)
        return Searcher(embedder, partial(self._looking, collection, document_id, embedder, index))

    def languages(self, collection: str) -> Mapping[str | None, int]:
        """Return how many documents of `collection` are in which language; none for an unknown one."""
        state = self._store.state(collection)
        revision, known = self._languages.get(collection, ("", {}))
        if state is not None and state.revision != revision:
            known = self._store.languages(collection)
            self._languages[collection] = state.revision, known
        return known if state else {}

    def is_current(self, collection: str, *, words: bool = True) -> bool:
        """Return whether a search finds all that it needs in memory and up to date."""
        with self.settling:
            return self._vectors.is_current(collection) and (not words or self._words.is_current(collection))

    def refresh(self, collection: str) -> None:
        """Bring what is in memory of the collection up to date, so that the next question need not."""
        with self._standing_still():
            self._vectors.refresh(collection)
            self._words.refresh(collection)

    def forget(self, collection: str) -> None:
        """Let go of the indexes of a collection that has another name by now, or is gone."""
        with self.settling:
            for indexes in (self._vectors, self._words):
                indexes.forget(collection)
                indexes.prune()
            self._languages.pop(collection, None)

    def _index(self, collection: str, embedder: Embedder) -> VectorIndex | None:
        with self._standing_still():
            before = self._vectors.model(collection)
            index = self._current(collection, embedder)
        if before not in (None, embedder.info.sha256):
            self._release(str(before))
        return index

    def _advance(self, collection: str) -> bool:
        with self._standing_still():
            return self._words.advance(collection)

    @contextmanager
    def _looking(
        self,
        collection: str,
        document_id: str | None,
        embedder: Embedder,
        index: VectorIndex,
        vectors: dict[str, NDArray[np.float32]],
    ) -> Iterator[View]:
        with self._standing_still():
            current = self._current(collection, embedder)
            within = None
            if document_id is not None:
                self._store.contents.key(collection, document_id)
            if document_id is not None or current is None:
                within = self._store.chunk_keys(collection, document_id=document_id)
            if current is None and within is not None:
                # Re-embedded since: the question's vector belongs to the older vectors, still in `index`.
                within = np.intersect1d(index.ids, within, assume_unique=True)
            yield View(
                self._store,
                index if current is None else current,
                words=partial(self._words.current, collection),
                languages=self.languages(collection),
                within=within,
                vectors=vectors,
            )

    def _current(self, collection: str, embedder: Embedder) -> VectorIndex | None:
        return self._vectors.current(collection, model=embedder.info.sha256, dim=embedder.dim)

    @contextmanager
    def _standing_still(self) -> Iterator[None]:
        """Keep other threads from the indexes, and let everything be read from one state of the store."""
        with self.settling, self._store.snapshot():
            yield
