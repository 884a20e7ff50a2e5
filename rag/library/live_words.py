"""Keep each collection's lexical index in step with the store."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.lexical import LexicalIndex
from rag.library.live_index import LiveIndexes, Saved
from rag.store import CollectionState
from rag.terms import VERSION, terms

# Chunks that are cut into terms in one go, up to a second's work: questions are answered in between.
_STEP = 2_000


class LiveWords(LiveIndexes[LexicalIndex]):
    """The indexes of the words of the collections' chunks, each chunk read in its document's language.

    The maker of each is the version of rag.terms.
    """

    suffix = ".bm25"

    def advance(self, collection: str, *, at_most: int = _STEP) -> bool:
        """Bring the index `at_most` chunks nearer to what the store holds now; return whether it is there.

        Raises NotFoundError for an unknown collection.
        """
        state = self._store.existing(collection)
        return self._brought(state, VERSION, at_most=at_most).revision == state.revision

    def current(self, collection: str) -> LexicalIndex:
        """Return the index, brought to what the store holds now.

        Raises NotFoundError for an unknown collection.
        """
        return self._brought(self._store.existing(collection), VERSION).index

    def refresh(self, collection: str) -> None:
        """Bring the index in memory, if any, to what the store holds now."""
        if collection in self._loaded:
            self.current(collection)

    @staticmethod
    def saved(state: CollectionState) -> Saved | None:
        """Return when the collection's index was saved last; None when it never was, or is of no use now."""
        return Saved(state.lexical_indexed, VERSION) if state.lexical_indexed else None

    def _note_saved(self, collection: str, revision: str) -> None:
        self._store.shelves.note_lexical_index(collection, revision)

    def _empty(self, maker: str) -> LexicalIndex:
        return LexicalIndex()

    def _read(self, path: Path, maker: str) -> LexicalIndex | None:
        return LexicalIndex.load(path)

    def _add(self, index: LexicalIndex, keys: NDArray[np.int64], maker: str) -> None:
        found = self._store.texts_with_language(keys)
        index.add([key for key, _, _ in found], [terms(text, language) for _, text, language in found])
