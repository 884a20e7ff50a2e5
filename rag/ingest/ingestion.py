"""Add files to a collection: each document kept whole or not at all, each file with its own outcome."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

from rag.embed import Embedder
from rag.file_outcome import FileOutcome
from rag.ingest.intake import Intake, SourceFile
from rag.ingest.run import Cancelled, OnOutcome, OnProgress, Run, Told
from rag.names import file_name
from rag.parse.contain import Parsers
from rag.store import Store


class Ingestion:
    """Adds files to collections of `store`: the next ones are read while the present one is embedded.

    `embedder` returns a collection's; `ingesting` is held while documents are embedded and take their
    place, `settling` while one does.
    """

    def __init__(
        self,
        store: Store,
        parsers: Parsers,
        *,
        embedder: Callable[[str], Embedder],
        ingesting: AbstractContextManager[object],
        settling: AbstractContextManager[object],
        max_file_bytes: int,
    ) -> None:
        self.store = store
        self.embedder = embedder
        self.ingesting = ingesting
        self.settling = settling
        self._parsers = parsers
        self._max_file_bytes = max_file_bytes

    def add(
        self,
        files: Sequence[SourceFile],
        collection: str,
        *,
        on_progress: OnProgress | None = None,
        on_outcome: OnOutcome | None = None,
        cancelled: Cancelled | None = None,
    ) -> tuple[FileOutcome, ...]:
        """Add `files` and return what became of each, in order; when `cancelled`, of those that are done."""
        intake = Intake(
            self.store,
            self._parsers,
            collection=collection,
            embedder=lambda: self.embedder(collection),
            max_file_bytes=self._max_file_bytes,
        )
        names = [file_name(file.name) for file in files]
        with self.store.journal.adding(collection, names) as entries, _running(intake, files) as running:
            run = Run(
                self.store,
                intake,
                collection,
                entries,
                Told(on_progress, on_outcome, cancelled),
                settling=self.settling,
            )
            while not run.is_over:
                run.step(running, embedder=self.embedder, ingesting=self.ingesting)
            return tuple(run.outcomes)


@contextmanager
def _running(intake: Intake, files: Sequence[SourceFile]) -> Iterator[Future[None]]:
    """Let a thread of its own read `files`, for as long as the body runs."""
    with ThreadPoolExecutor(1, thread_name_prefix="intake") as thread:
        try:
            yield thread.submit(intake.run, files)
        finally:
            intake.ahead.close()
