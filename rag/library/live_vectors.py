"""Keep each collection's vector index in step with the store."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.index import VectorIndex
from rag.library.live_index import LiveIndexes, Saved
from rag.store import CollectionState, Store


class LiveVectors(LiveIndexes[VectorIndex]):
    """The indexes of the collections' vectors; the maker of each is an embedder, by its sha256."""

    suffix = ".faiss"

    def __init__(self, store: Store, folder: Path) -> None:
        super().__init__(store, folder)
        self._dims: dict[str, int] = {}  # of each embedder's vectors

    def model(self, collection: str) -> str | None:
        """Return the embedder (sha256) of the index in memory; None when there is none."""
        loaded = self._loaded.get(collection)
        return loaded.maker if loaded else None

    def current(self, collection: str, *, model: str, dim: int) -> VectorIndex | None:
        """Return the index of the vectors by the embedder `model`, brought to what the store holds now.

        None when the collection has another embedder by now. Raises NotFoundError for an unknown one.
        """
        state = self._store.existing(collection)
        if state.embedder and state.embedder.sha256 != model:
            return None
        self._dims[model] = dim
        return self._brought(state, model).index

    def refresh(self, collection: str) -> None:
        """Bring the index in memory, if any, to what the store holds now."""
        if loaded := self._loaded.get(collection):
            self.current(collection, model=loaded.maker, dim=loaded.index.dim)

    @staticmethod
    def saved(state: CollectionState) -> Saved | None:
        """Return when the collection's index was saved last; None when it never was, or is of no use now."""
        if state.indexed is None or state.embedder is None:
            return None
        return Saved(state.indexed, state.embedder.sha256)

    def _note_saved(self, collection: str, revision: str) -> None:
        self._store.shelves.note_index(collection, revision)

    def _empty(self, maker: str) -> VectorIndex:
        return VectorIndex(self._dims[maker])

    def _read(self, path: Path, maker: str) -> VectorIndex | None:
        return VectorIndex.load(path, dim=self._dims[maker])

    def _add(self, index: VectorIndex, keys: NDArray[np.int64], maker: str) -> None:
        index.add(keys, self._store.vectors.of(keys, model=maker, dim=index.dim))

    def _reserve(self, index: VectorIndex, n: int) -> None:
        index.reserve(n)
