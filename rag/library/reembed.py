"""Give a collection another embedder: the same chunks, new vectors."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.amounts import counted
from rag.embed import Embedder
from rag.errors import LibraryError
from rag.library.library import Library
from rag.machine.memory import give_memory_back
from rag.records import ModelInfo

BLOCK = 16  # chunks a transaction: what a kill can cost

OnProgress = Callable[[int, int], None]  # (chunks that have their new vector, chunks in all)


@dataclass(frozen=True, slots=True)
class ReembedOutcome:
    """What became of a collection. `message` is a sentence for the person who asked for it.

    `changed` is False when `embedder` was its embedder already. Of its `chunks`, `embedded` got their
    vector in this run, and `unread` are longer than the embedder's window: it did not read them whole.
    """

    embedder: ModelInfo
    changed: bool
    chunks: int
    embedded: int
    unread: int
    seconds: float
    message: str


def reembed(
    library: Library, collection: str, embedder_id: str, on_progress: OnProgress | None = None
) -> ReembedOutcome:
    """Make `embedder_id` (an id, or a folder) the embedder of `collection`; return how it went.

    Questions are answered from the older vectors until all chunks have a new one; then the collection
    changes over in one step. A run that is killed changes nothing, and the next one goes on where it
    stopped. Raises NotFoundError for an unknown collection, ModelError when the embedder cannot be used,
    LibraryError when the collection is being re-embedded already.
    """
    library.store.existing(collection)
    with library.store.alone_at(collection):
        embedder = library.embedders.fresh(embedder_id)
        try:
            if not library.embedders.finds(embedder.info.id, embedder.info.sha256):
                raise LibraryError(
                    f"{embedder_id} would be lost to collection {collection!r} at the next start, because "
                    "it is not in the model cache. Copy its folder there (RAG_MODEL_CACHE), and name it by "
                    f"its id, {embedder.info.id}."
                )
            return _Run(library, collection, embedder, on_progress).outcome()
        finally:
            library.release(embedder.info.sha256)  # where nothing came of it, nobody needs it


class _Run:
    """One re-embedding, alone at its collection."""

    def __init__(
        self, library: Library, collection: str, embedder: Embedder, on_progress: OnProgress | None
    ) -> None:
        self._library = library
        self._store = library.store
        self._collection = collection
        self._embedder = embedder
        self._on_progress = on_progress
        self._embedded = 0

    def outcome(self) -> ReembedOutcome:
        """Do it, and return how it went."""
        began = time.perf_counter()
        info = self._embedder.info
        before = self._library.embedder_ref(self._collection)
        changed = before is None or before.sha256 != info.sha256
        if changed:
            self._embed_missing()
            # Nothing is added here any more; what another process adds meanwhile is embedded too.
            with self._library.ingesting:
                while not self._store.vectors.switch(self._collection, info):
                    self._embed_missing()
            self._take_over()
        chunks, unread = self._count()
        message = _message(self._collection, info.id, chunks if changed else None, unread)
        seconds = time.perf_counter() - began
        return ReembedOutcome(info, changed, chunks, self._embedded, unread, seconds, message)

    def _embed_missing(self) -> None:
        model = self._embedder.info.sha256
        while len(missing := self._store.vectors.missing(self._collection, model=model)):
            total = len(self._store.chunk_keys(self._collection))
            self._report(total - len(missing), total)
            for at in range(0, len(missing), BLOCK):
                block = missing[at : at + BLOCK]
                self._embed(block)
                self._report(total - len(missing) + at + len(block), total)

    def _embed(self, keys: NDArray[np.int64]) -> None:
        chunks = self._store.texts(keys)
        vectors = self._embedder.embed_passages([text for _, text in chunks]).vectors
        model = self._embedder.info.sha256
        self._store.vectors.add(self._collection, [key for key, _ in chunks], vectors, model=model)
        self._embedded += len(chunks)

    def _report(self, done: int, total: int) -> None:
        if self._on_progress:
            self._on_progress(min(done, total), total)

    def _take_over(self) -> None:
        """Have the new index ready for the next question, and give back the older embedder's memory."""
        self._library.searcher(self._collection)
        give_memory_back()

    def _count(self) -> tuple[int, int]:
        """Return how many chunks there are, and how many of them the embedder does not read whole."""
        keys = self._store.chunk_keys(self._collection)
        room = self._embedder.passage_room
        return len(keys), sum(
            len(self._embedder.offsets(text)) > room
            for at in range(0, len(keys), BLOCK)
            for _, text in self._store.texts(keys[at : at + BLOCK])
        )


def _message(collection: str, embedder_id: str, embedded: int | None, unread: int) -> str:
    if embedded is None:
        return f"Collection {collection!r} has the embedder {embedder_id} already: nothing was done."
    notes = f" Longer than its window, and not read whole: {counted(unread, 'chunk')}." if unread else ""
    return (
        f"Collection {collection!r} now has the embedder {embedder_id}: {counted(embedded, 'chunk')}.{notes}"
    )
