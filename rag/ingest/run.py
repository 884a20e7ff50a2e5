"""One ingestion: take what has been read ahead, embed it, keep it, and say what became of each file."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial

from rag.embed import Embedder
from rag.errors import DocumentError, LibraryError
from rag.file_outcome import FileOutcome, FileStatus
from rag.ingest.intake import Begun, Cut, Ended, Event, Intake, Known, Lost, Over
from rag.ingest.outcomes import (
    Tally,
    document_outcome,
    failed_outcome,
    lost_outcome,
    records_outcome,
    unchanged_outcome,
)
from rag.ingest.together import Together
from rag.names import free_name
from rag.records import Document
from rag.store import Store

_TOGETHER = 32  # chunks that are embedded together, where they are at hand
_TICK_S = 0.1

# (file name, chunks embedded, chunks in all); both 0 when the file's turn begins. Of a file of records, the
# last is an estimate.
OnProgress = Callable[[str, int, int], None]
OnOutcome = Callable[[FileOutcome], None]
Cancelled = Callable[[], bool]


class CancelledError(Exception):
    """Whoever asked for it wants no more."""


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told how far it is, and who may end it."""

    on_progress: OnProgress | None
    on_outcome: OnOutcome | None
    cancelled: Cancelled | None

    def pause(self) -> None:
        """Give whoever asked for it the occasion to end it. Raises CancelledError."""
        if self.cancelled and self.cancelled():
            raise CancelledError

    def progress(self, name: str, embedded: int, chunks: int) -> None:
        """Say how far the file `name` is."""
        if self.on_progress:
            self.on_progress(name, embedded, chunks)


@dataclass(slots=True)
class _File:
    """The file whose turn it is, and what is known of it so far."""

    name: str = ""
    size_bytes: int = 0
    index: int | None = None
    tally: Tally | None = None  # where it is a file of records
    error: LibraryError | None = None
    read_bytes: int = 0
    embedded: int = 0


class Run:
    """Does the work in `step`, again and again; `outcomes` are of what is done, in order."""

    def __init__(
        self,
        store: Store,
        intake: Intake,
        collection: str,
        entries: Sequence[int],
        told: Told,
        *,
        settling: AbstractContextManager[object],
    ) -> None:
        self.outcomes: list[FileOutcome] = []
        self.is_over = False
        self._store = store
        self._ahead = intake.ahead
        self._collection = collection
        self._entries = entries
        self._told = told
        self._settling = settling
        self._file = _File()
        self._taken: set[str | None] = set()
        self._finished: list[int] = []  # entries of the journal

    def step(
        self,
        running: Future[None],
        *,
        embedder: Callable[[str], Embedder],
        ingesting: AbstractContextManager[object],
    ) -> None:
        """Take the next few documents, which `running` reads, and keep them.

        When cancelled it is over, and what was underway is dropped.
        """
        try:
            events = self._next(running)
            if not any(isinstance(event, Cut) for event in events):
                self._settle(events, None)
                return
            with ingesting:
                try:
                    together = self._together(events, embedder(self._collection))
                except LibraryError as exc:
                    self._settle(events, exc)
                else:
                    self._settle(events, together)
        except CancelledError:
            self._cut_off()

    def _next(self, running: Future[None]) -> list[Event]:
        """Return the next events: as many as are ready, up to those that are worth embedding together."""
        self._told.pause()
        while (event := self._ahead.get(_TICK_S)) is None:
            self._told.pause()
            if running.done():
                running.result()
        events, n_chunks = [event], _weight(event)
        while n_chunks < _TOGETHER and (more := self._ahead.get()):
            events.append(more)
            n_chunks += _weight(more)
        return events

    def _together(self, events: Sequence[Event], embedder: Embedder) -> Together:
        """Return the documents that have to be embedded: others may have come by another way meanwhile."""
        new = {
            event.document.id: event
            for event in reversed(events)
            if isinstance(event, Cut) and event.chunks and not self._held_as(event.document.id)
        }
        cuts = [event for event in events if isinstance(event, Cut) and event is new.get(event.document.id)]
        return Together(cuts, embedder, self._store.chunking(self._collection))

    def _settle(self, events: Sequence[Event], together: Together | LibraryError | None) -> None:
        for event in events:
            match event:
                case Begun(name, size_bytes, index):
                    self._begin(_File(name, size_bytes, index))
                case Known(document_id):
                    self._tell(self._unchanged(document_id))
                case Cut():
                    self._keep(event, together)
                case Lost(failed, is_record):
                    if is_record:
                        self._tally().lose(failed)
                    else:
                        self._tell(lost_outcome(failed))
                case Ended(error):
                    self._end(error or self._file.error)
                case Over():
                    self.is_over = True

    def _begin(self, file: _File) -> None:
        if file.index is not None:
            self._finished += self._entries[: file.index][-1:]  # the one before, and all that is in it
        self._file = file
        self._told.progress(file.name, 0, 0)

    def _keep(self, cut: Cut, together: Together | LibraryError | None) -> None:
        file = self._file
        if file.error:  # a disk that is full stays so for the rest of the records
            return
        file.read_bytes += cut.size_bytes
        try:
            if isinstance(together, LibraryError):
                raise together
            document, n_chunks, status = self._put(cut, together)
        except LibraryError as exc:
            file.error = exc
            return
        if cut.is_record:
            self._tally().add(document, n_chunks, status)
        elif status == "unchanged":
            self._tell(self._unchanged(document.id))
        else:
            self._tell(document_outcome(file.name, document, n_chunks, status))

    def _put(self, cut: Cut, together: Together | None) -> tuple[Document, int, FileStatus]:
        """Add the document, unless it is there already; return it as it is called there, and its chunks."""
        document = replace(cut.document, name=self._free_name(cut))
        fitting = together.fitting(cut) if together else None
        if not together or not fitting:
            return document, 0, "unchanged"
        vectors = together.vectors(cut, partial(self._progress, cut))
        # Of a mail, what is attached to it is still to come.
        is_all = not cut.is_record and self._file.index is not None and document.kind != "eml"
        finished = [*self._finished, *([self._entries[self._file.index or 0]] if is_all else [])]
        with self._settling:  # a search that has found the older version still gets to read it
            status = self._store.put_document(
                self._collection,
                document,
                size_bytes=cut.size_bytes,
                chunks=fitting.chunks,
                vectors=vectors,
                embedder=fitting.embedder.info,
                chunking=fitting.chunking,
                original=cut.original,
                finished=finished,
            )
        self._finished.clear()
        self._file.embedded += len(fitting.chunks)
        return document, len(fitting.chunks), status

    def _progress(self, cut: Cut, embedded: int, chunks: int) -> None:
        file = self._file
        if cut.is_record:
            embedded, chunks = file.embedded + embedded, file.embedded + chunks
            chunks = max(chunks, chunks * file.size_bytes // max(1, file.read_bytes))
        self._told.progress(file.name, embedded, chunks)
        if embedded < chunks:
            self._told.pause()

    def _free_name(self, cut: Cut) -> str:
        if cut.is_record:
            return self._tally().kept + cut.document.name.removeprefix(self._file.name)
        return free_name(cut.document.name, self._taken)

    def _tally(self) -> Tally:
        if self._file.tally is None:
            self._file.tally = Tally(free_name(self._file.name, self._taken))
        return self._file.tally

    def _end(self, error: DocumentError | LibraryError | None) -> None:
        name, tally = self._file.name, self._file.tally
        self._file.tally = None
        if tally is None:
            if error:
                self._tell(failed_outcome(name, error))
            return
        if tally.counts:
            self._taken.add(tally.kept)
        if not error and not tally.n_lost:
            try:
                self._remove_vanished(tally)
            except LibraryError as exc:
                error = exc
        self._tell(records_outcome(name, tally, error))

    def _remove_vanished(self, tally: Tally) -> None:
        """Remove the records that an older version of the file had, and this one has no more."""
        for held in self._store.documents(self._collection):
            if held.name.startswith(f"{tally.kept}#") and held.id not in tally.ids:
                with self._settling:
                    self._store.delete_document(self._collection, held.id)
                tally.n_removed += 1

    def _cut_off(self) -> None:
        """Drop what is underway, and say what is there of a file of records that was not read to its end."""
        self.is_over = True
        if self._file.tally and self._file.tally.counts:
            self._tell(records_outcome(self._file.name, self._file.tally, None, cancelled=True))

    def _tell(self, outcome: FileOutcome) -> None:
        self.outcomes.append(outcome)
        self._taken.add(outcome.document)
        if self._told.on_outcome:
            self._told.on_outcome(outcome)

    def _held_as(self, document_id: str) -> str | None:
        return self._store.name_of(self._collection, document_id)

    def _unchanged(self, document_id: str) -> FileOutcome:
        name = self._file.name
        held_as = self._held_as(document_id) or name
        n_chunks = len(self._store.chunk_keys(self._collection, document_id=document_id))
        return unchanged_outcome(name, document_id, held_as, n_chunks)


def _weight(event: Event) -> int:
    return len(event.chunks) if isinstance(event, Cut) else 0
