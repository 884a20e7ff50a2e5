"""Keep each collection's indexes in step with the store."""

import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryError
from rag.index import VectorIndex
from rag.lexical import LexicalIndex
from rag.store import CollectionState, Store

_LEFT_OVER_S = 600  # no index takes so long to write
BLOCK = 10_000  # chunks in memory beside the index that they are added to

# A file is written anew when this share of the index is not in it: adding one document to a large collection
# costs no more than to a small one, and what is missing in the file is read from the store in no time.
_WORTH_SAVING = 0.1

I = TypeVar("I", VectorIndex, LexicalIndex)  # noqa: E741


class Saved(NamedTuple):
    """At which of a collection's revisions its index was saved, and what had made it."""

    revision: str
    maker: str


@dataclass(slots=True)
class _Loaded(Generic[I]):
    """An index in memory, as it was at `revision`; `unsaved` counts what its file has not followed."""

    index: I
    maker: str
    revision: str | None
    unsaved: int = 0


class LiveIndexes(ABC, Generic[I]):
    """The indexes of one kind in memory, and their files under `folder`: one a collection.

    Each is derived from the store and made again where it is missing, damaged or of another library. What
    makes it has a name, the maker: another one's index of the same chunks is another.
    Not safe between threads: its owner locks, and lets the store stand still while it reads.
    """

    suffix: ClassVar[str]

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._loaded: dict[str, _Loaded[I]] = {}
        self._sweep()

    def is_current(self, collection: str) -> bool:
        """Return whether the collection's index is in memory and holds what the store holds."""
        loaded = self._loaded.get(collection)
        state = self._store.state(collection)
        return loaded is not None and state is not None and loaded.revision == state.revision

    def save(self, collection: str) -> None:
        """Save the index in memory, if any and if it is worth it, where the next start finds it.

        Nothing is read meanwhile, so the store need not stand still.
        """
        loaded = self._loaded.get(collection)
        if not loaded or not loaded.revision or loaded.unsaved < max(1, _WORTH_SAVING * len(loaded.index)):
            return
        # The file only saves time: where it cannot be written, the next start makes the index anew.
        with suppress(OSError, LibraryError):
            self._folder.mkdir(exist_ok=True)
            loaded.index.save(self.file(self._folder, Saved(loaded.revision, loaded.maker)))
            self._note_saved(collection, loaded.revision)
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
        kept = {self.file(self._folder, saved) for state in states if (saved := self.saved(state))}
        with suppress(OSError):
            for path in self._folder.glob(f"*{self.suffix}"):
                if path not in kept:
                    path.unlink(missing_ok=True)

    @classmethod
    def file(cls, folder: Path, saved: Saved) -> Path:
        """Return where an index is saved."""
        return folder / f"{saved.revision}-{saved.maker[:16]}{cls.suffix}"

    @staticmethod
    @abstractmethod
    def saved(state: CollectionState) -> Saved | None:
        """Return when the collection's index was saved last; None when it never was, or is of no use now."""

    @abstractmethod
    def _note_saved(self, collection: str, revision: str) -> None:
        """Have the store remember that the collection's index was saved as it was at `revision`."""

    @abstractmethod
    def _empty(self, maker: str) -> I:
        """Return an index without anything in it."""

    @abstractmethod
    def _read(self, path: Path, maker: str) -> I | None:
        """Return the index saved at `path`; None when it is missing or damaged."""

    @abstractmethod
    def _add(self, index: I, keys: NDArray[np.int64], maker: str) -> None:
        """Add the chunks `keys` to the index."""

    def _reserve(self, index: I, n: int) -> None:
        """Make room for `n` chunks more."""

    def _brought(self, state: CollectionState, maker: str, *, at_most: int | None = None) -> _Loaded[I]:
        """Return the index brought to what the store holds now, or nearer by `at_most` chunks."""
        loaded = self._loaded.get(state.name)
        if loaded is None or loaded.maker != maker:
            loaded = self._load(state, maker)
        self._loaded[state.name] = loaded
        if loaded.revision != state.revision:
            changed, whole = self._sync(loaded, self._store.chunk_keys(state.name), at_most)
            loaded.unsaved += changed
            if whole:
                loaded.revision = state.revision
        return loaded

    def _load(self, state: CollectionState, maker: str) -> _Loaded[I]:
        # The store must remember the very revision at which the file was saved: then its keys are keys of
        # this store. In a backup that was put back, a key may name another chunk than the file knows.
        saved = self.saved(state)
        if saved and saved.maker == maker and (index := self._read(self.file(self._folder, saved), maker)):
            return _Loaded(index, maker, saved.revision)
        return _Loaded(self._empty(maker), maker, None)

    def _sync(self, loaded: _Loaded[I], keys: NDArray[np.int64], at_most: int | None) -> tuple[int, bool]:
        """Give the index the chunks `keys` and no other; return how many changed, and whether it has all."""
        # A key is never given twice, so equal keys are equal chunks.
        have = loaded.index.ids
        gone = np.setdiff1d(have, keys, assume_unique=True)
        missing = np.setdiff1d(keys, have, assume_unique=True)
        now = missing[:at_most]
        if len(gone):  # FAISS moves all vectors even where it removes none
            loaded.index.remove(gone)
        self._reserve(loaded.index, len(now))
        for at in range(0, len(now), BLOCK):
            self._add(loaded.index, now[at : at + BLOCK], loaded.maker)
        return len(gone) + len(now), len(now) == len(missing)

    def _sweep(self) -> None:
        """Remove what a process that was killed while it saved an index has left behind."""
        with suppress(OSError):
            for path in self._folder.glob("*.partial"):
                if time.time() - path.stat().st_mtime > _LEFT_OVER_S:
                    path.unlink(missing_ok=True)
