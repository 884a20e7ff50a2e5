"""Give a collection chunks of another length, document by document."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

from rag.amounts import counted
from rag.chunk import split
from rag.embed import Embedder, embed_in_blocks
from rag.errors import NotFoundError
from rag.records import Chunk, Chunking, Document
from rag.store import Store

OnProgress = Callable[[int, int], None]  # (documents done, documents in all)
Cancelled = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class RechunkOutcome:
    """What became of a collection. `message` is a sentence for the person who asked for it.

    `documents` were cut anew in this run; `pending` still have chunks of their former length, because
    it was cancelled: the next run goes on with them.
    """

    chunking: Chunking
    documents: int
    pending: int
    message: str


class _CancelledError(Exception):
    """The document underway is not to be cut any more."""


class Rechunking:
    """Cuts documents of `store` anew, from their stored text, each in one transaction.

    Questions are answered all the while, from documents of both lengths. `embedder` returns a
    collection's; `settling` is held while chunks take their place.
    """

    def __init__(
        self,
        store: Store,
        *,
        embedder: Callable[[str], Embedder],
        settling: AbstractContextManager[object],
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._settling = settling

    def preview(self, collection: str, key: int, chunking: Chunking) -> tuple[Chunk, ...]:
        """Return the document `key`, cut as `chunking` says; nothing is kept."""
        return _cut(self._store.contents.document(key), self._embedder(collection), chunking)

    def collection(
        self, collection: str, chunking: Chunking, on_progress: OnProgress | None, cancelled: Cancelled
    ) -> RechunkOutcome:
        """Make `chunking` that of the collection, and cut each document that has another; return how it went.

        What is added meanwhile is cut so from the start. Raises NotFoundError for an unknown collection.
        """
        self._store.existing(collection)
        if self._store.chunking(collection) != chunking:
            self._store.shelves.set_chunking(collection, chunking)
        done, stopped = 0, False
        while not stopped and len(keys := self._store.contents.cut_otherwise(collection)):
            total = done + len(keys)
            for key in keys.tolist():
                if on_progress:
                    on_progress(done, total)
                with suppress(NotFoundError):  # deleted meanwhile
                    if stopped := not self.document(collection, key, cancelled):
                        break
                done += 1
        if on_progress and not stopped:
            on_progress(done, done)
        pending = len(self._store.contents.cut_otherwise(collection))
        return RechunkOutcome(chunking, done, pending, _message(collection, chunking, done, pending))

    def document(self, collection: str, key: int, cancelled: Cancelled = lambda: False) -> bool:
        """Cut and embed one document as `collection` wants it; return False when it was cancelled before.

        The document may be in the collection's trash. Raises NotFoundError when it is gone.
        """
        embedder, chunking = self._embedder(collection), self._store.chunking(collection)
        document = self._store.contents.document(key)
        chunks = _cut(document, embedder, chunking)

        def pause() -> None:
            if cancelled():
                raise _CancelledError

        try:
            vectors = embed_in_blocks(embedder, [chunk.text for chunk in chunks], pause)
        except _CancelledError:
            return False
        with self._settling:  # a search that has found the older chunks still gets to read them
            self._store.contents.replace_chunks(
                collection, key, chunks, vectors, chunking=chunking, embedder=embedder.info
            )
        return True


def _cut(document: Document, embedder: Embedder, chunking: Chunking) -> tuple[Chunk, ...]:
    return split(document, embedder.offsets, room=embedder.passage_room, chunking=chunking)


def _message(collection: str, chunking: Chunking, done: int, pending: int) -> str:
    size = f"about {chunking.target} tokens, with {chunking.overlap} of the one before"
    if pending:
        return (
            f"Cancelled: {counted(done, 'document')} of collection {collection!r} now have chunks of {size}, "
            f"{pending} still have their former ones. All can be searched."
        )
    if not done:
        return f"Collection {collection!r} has chunks of {size}: nothing was to be done."
    return f"Collection {collection!r} now has chunks of {size}: {counted(done, 'document')} cut anew."
