"""Keep each collection's vector index in step with the store."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.index import VectorIndex
from rag.store import Store

_LEFT_OVER_S = 600  # no index takes so long to write


@dataclass(frozen=True, slots=True)
class _Loaded:
    index: VectorIndex
    model: str
    revision: str


class LiveIndexes:
    """The indexes in memory, and their files under `folder`: one a collection, of its embedder's vectors.

    Each is derived from the store and made again where it is missing, damaged or behind. Not safe
    between threads: its owner locks, and lets the store stand still meanwhile.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._loaded: dict[str, _Loaded] = {}
        self._sweep()

    def is_current(self, collection: str) -> bool:
        """Return whether the collection's index is in memory and holds what the store holds."""
        loaded = self._loaded.get(collection)
        state = self._store.state(collection)
        return loaded is not None and state is not None and loaded.revision == state.revision

    def model(self, collection: str) -> str | None:
        """Return the embedder (sha256) of the index in memory; None when there is none."""
        loaded = self._loaded.get(collection)
        return loaded.model if loaded else None

    def current(self, collection: str, *, model: str, dim: int) -> VectorIndex | None:
        """Return the index of the vectors by the embedder `model`, brought to what the store holds now.

        None when the collection has another embedder by now. Raises NotFoundError for an unknown one.
        """
        state = self._store.existing(collection)
        if state.embedder and state.embedder.sha256 != model:
            return None
        loaded = self._loaded.get(collection)
        if loaded is None or loaded.model != model:
            saved = VectorIndex.load(self._path(state.revision, model), dim=dim)
            loaded = _Loaded(saved or VectorIndex(dim), model, "")
        if loaded.revision != state.revision:
            self._sync(loaded, self._store.chunk_keys(collection))
            self._loaded[collection] = _Loaded(loaded.index, model, state.revision)
        return loaded.index

    def save(self, collection: str) -> None:
        """Write the index in memory, if any, where the next start finds it; remove files of older ones."""
        loaded = self._loaded.get(collection)
        if loaded is None or self.current(collection, model=loaded.model, dim=loaded.index.dim) is None:
            return
        states = self._store.states()
        kept = {self._path(state.revision, state.embedder.sha256) for state in states if state.embedder}
        # The file only saves time: where it cannot be written, the next start makes the index anew.
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            loaded.index.save(self._path(self._loaded[collection].revision, loaded.model))
            for path in self._folder.glob("*.faiss"):
                if path not in kept:
                    path.unlink(missing_ok=True)

    def _path(self, revision: str, model: str) -> Path:
        # With the model's name, because another embedder's vectors of the same chunks are others.
        return self._folder / f"{revision}-{model[:16]}.faiss"

    def _sync(self, loaded: _Loaded, keys: NDArray[np.int64]) -> None:
        # A key is never given twice, so equal keys are equal vectors.
        have = loaded.index.ids
        loaded.index.remove(np.setdiff1d(have, keys, assume_unique=True))
        missing = np.setdiff1d(keys, have, assume_unique=True)
        vectors = self._store.vectors.of(missing, model=loaded.model, dim=loaded.index.dim)
        loaded.index.add(missing, vectors)

    def _sweep(self) -> None:
        """Remove what a process that was killed while it saved an index has left behind."""
        with suppress(OSError):
            for path in self._folder.glob("*.partial"):
                if time.time() - path.stat().st_mtime > _LEFT_OVER_S:
                    path.unlink(missing_ok=True)
