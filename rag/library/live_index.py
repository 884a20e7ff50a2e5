"""Keep each collection's vector index in step with the store."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryError
from rag.index import VectorIndex
from rag.store import CollectionState, Store

_LEFT_OVER_S = 600  # no index takes so long to write
_BLOCK = 10_000  # vectors in memory beside the index that they are added to

# A file is written anew when this share of the index is not in it: adding one document to a large collection
# costs no more than to a small one, and what is missing in the file is read from the store in no time.
_WORTH_SAVING = 0.1


def index_file(folder: Path, revision: str, model: str) -> Path:
    """Return where the index of `model`'s vectors is saved, as the collection was at `revision`."""
    # With the model's name, because another embedder's vectors of the same chunks are others.
    return folder / f"{revision}-{model[:16]}.faiss"


@dataclass(slots=True)
class _Loaded:
    """An index in memory, as it was at `revision`; `unsaved` counts what its file has not followed."""

    index: VectorIndex
    model: str
    revision: str | None
    unsaved: int = 0


class LiveIndexes:
    """The indexes in memory, and their files under `folder`: one a collection, of its embedder's vectors.

    Each is derived from the store and made again where it is missing, damaged or of another library.
    Not safe between threads: its owner locks, and lets the store stand still while it reads.
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
            loaded = self._load(state, model, dim)
        if loaded.revision != state.revision:
            loaded.unsaved += self._sync(loaded, self._store.chunk_keys(collection))
            loaded.revision = state.revision
        self._loaded[collection] = loaded
        return loaded.index

    def refresh(self, collection: str) -> None:
        """Bring the index in memory, if any, to what the store holds now."""
        if loaded := self._loaded.get(collection):
            self.current(collection, model=loaded.model, dim=loaded.index.dim)

    def save(self, collection: str) -> None:
        """Write the index in memory, if any and if it is worth it, where the next start finds it.

        Nothing is read meanwhile, so the store need not stand still.
        """
        loaded = self._loaded.get(collection)
        if not loaded or not loaded.revision or loaded.unsaved < max(1, _WORTH_SAVING * len(loaded.index)):
            return
        # The file only saves time: where it cannot be written, the next start makes the index anew.
        with suppress(OSError, LibraryError):
            self._folder.mkdir(exist_ok=True)
            loaded.index.save(index_file(self._folder, loaded.revision, loaded.model))
            self._store.shelves.note_index(collection, loaded.revision)
            loaded.unsaved = 0
            self.prune()

    def forget(self, collection: str) -> None:
        """Let go of the index in memory: the collection has another name by now, or is gone."""
        self._loaded.pop(collection, None)

    def prune(self) -> None:
        """Remove the files that no collection is going to load, and the indexes whose collection is gone."""
        states = self._store.states()
        for name in self._loaded.keys() - {state.name for state in states}:  # another process took it away
            del self._loaded[name]
        kept = {path for state in states if (path := self._saved(state))}
        with suppress(OSError):
            for path in self._folder.glob("*.faiss"):
                if path not in kept:
                    path.unlink(missing_ok=True)

    def _load(self, state: CollectionState, model: str, dim: int) -> _Loaded:
        # The store must remember the very revision at which the file was saved: then its keys are keys of
        # this store. In a backup that was put back, a key may name another chunk than the file knows.
        saved = (
            VectorIndex.load(index_file(self._folder, state.indexed, model), dim=dim)
            if state.indexed
            else None
        )
        return _Loaded(saved or VectorIndex(dim), model, state.indexed if saved else None)

    def _saved(self, state: CollectionState) -> Path | None:
        if state.indexed is None or state.embedder is None:
            return None
        return index_file(self._folder, state.indexed, state.embedder.sha256)

    def _sync(self, loaded: _Loaded, keys: NDArray[np.int64]) -> int:
        """Give the index the vectors of `keys` and no other; return how many changed."""
        # A key is never given twice, so equal keys are equal vectors.
        have = loaded.index.ids
        gone = np.setdiff1d(have, keys, assume_unique=True)
        missing = np.setdiff1d(keys, have, assume_unique=True)
        if len(gone):  # FAISS moves all vectors even where it removes none
            loaded.index.remove(gone)
        loaded.index.reserve(len(missing))
        for at in range(0, len(missing), _BLOCK):
            block = missing[at : at + _BLOCK]
            vectors = self._store.vectors.of(block, model=loaded.model, dim=loaded.index.dim)
            loaded.index.add(block, vectors)
        return len(gone) + len(missing)

    def _sweep(self) -> None:
        """Remove what a process that was killed while it saved an index has left behind."""
        with suppress(OSError):
            for path in self._folder.glob("*.partial"):
                if time.time() - path.stat().st_mtime > _LEFT_OVER_S:
                    path.unlink(missing_ok=True)
