"""Keep each collection's vector index in step with the store."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryError, NotFoundError
from rag.index import VectorIndex
from rag.store import Store
from rag.wording import counted


@dataclass(frozen=True, slots=True)
class _Loaded:
    index: VectorIndex
    revision: str


class LiveIndexes:
    """The indexes in memory, and their files under `folder`, for the vectors of one embedder.

    Each is derived from the store and made again where it is missing, damaged or behind. Not safe
    between threads: its owner locks.
    """

    def __init__(self, store: Store, folder: Path, *, model: str, dim: int) -> None:
        self._store = store
        self._folder = folder
        self._model = model
        self._dim = dim
        self._loaded: dict[str, _Loaded] = {}

    def is_current(self, collection: str) -> bool:
        """Return whether the collection's index is in memory and holds what the store holds."""
        loaded = self._loaded.get(collection)
        return loaded is not None and loaded.revision == self._store.revision(collection)

    def current(self, collection: str) -> VectorIndex:
        """Return the collection's index, brought to what the store holds now.

        Raises NotFoundError for an unknown collection, LibraryError for one that another embedder made.
        """
        revision = self._store.revision(collection)
        if revision is None:
            known = ", ".join(self._store.collections()) or "none yet"
            raise NotFoundError(f"There is no collection {collection!r}. Collections: {known}.")
        loaded = self._loaded.get(collection)
        if loaded is None:
            self._refuse_other_embedder(collection)
            saved = VectorIndex.load(self._path(revision), dim=self._dim)
            loaded = _Loaded(saved or VectorIndex(self._dim), "")
        if loaded.revision != revision:
            self._sync(loaded.index, self._store.chunk_keys(collection))
            loaded = self._loaded[collection] = _Loaded(loaded.index, revision)
        return loaded.index

    def save(self, collection: str) -> None:
        """Write the collection's index where the next start finds it; remove files of older ones."""
        index = self.current(collection)
        revisions = (self._store.revision(name) for name in self._store.collections())
        kept = {self._path(revision) for revision in revisions if revision}
        # The file only saves time: where it cannot be written, the next start makes the index anew.
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            index.save(self._path(self._loaded[collection].revision))
            for path in self._folder.glob("*.faiss"):
                if path not in kept:
                    path.unlink(missing_ok=True)

    def _path(self, revision: str) -> Path:
        # With the model's name, because another embedder's vectors of the same chunks are others.
        return self._folder / f"{revision}-{self._model[:16]}.faiss"

    def _refuse_other_embedder(self, collection: str) -> None:
        if foreign := self._store.count_foreign_vectors(collection, model=self._model):
            raise LibraryError(
                f"{counted(foreign, 'chunk')} of collection {collection!r} came from another embedder than "
                "the one in use. Set RAG_EMBEDDER back to it, or set RAG_HOME to another folder and add the "
                "documents again."
            )

    def _sync(self, index: VectorIndex, keys: NDArray[np.int64]) -> None:
        # A key is never given twice, so equal keys are equal vectors.
        have = index.ids
        index.remove(np.setdiff1d(have, keys, assume_unique=True))
        missing = np.setdiff1d(keys, have, assume_unique=True)
        index.add(missing, self._store.vectors(missing, dim=self._dim))
