"""Change a collection in the background: add files to it, cut its documents anew, or import it whole."""

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from rag.amounts import counted, duration
from rag.errors import RagError
from rag.file_outcome import FileOutcome
from rag.ingest import SourceFile
from rag.jobs.jobs import Job, JobKey, Report
from rag.names import check_collection_name, file_name
from rag.records import Chunking
from rag.samples import SAMPLE_COLLECTION, bring_judgments
from rag.service import Service
from rag.transfer import import_collection

_log = logging.getLogger(__name__)

Tell = Callable[[Report], None]

_TICK_S = 0.2
# An estimate before this much was done would say little.
_LEAST_FRACTION, _LEAST_SECONDS = 0.02, 2.0
_LEAST_EMBEDDED = 16


def start_ingest(service: Service, files: Sequence[SourceFile], *, collection: str) -> Job:
    """Add `files` to `collection` after the jobs that change it already; return the job that does.

    Cancelled, it keeps the documents that are in, drops the one underway whole, and says what is left.
    Raises LibraryError when the collection cannot be called so.
    """
    check_collection_name(collection)
    key = JobKey("ingest", collection, uuid.uuid4().hex)

    def cancelled() -> bool:
        return service.jobs.is_cancelled(key)

    def work(tell: Tell) -> str:
        account = Account([(file_name(file.name), file.size_bytes) for file in files], tell)
        with _turn(service, key, tell) as mine:
            if mine:
                service.library.ingest(
                    files,
                    collection=collection,
                    on_progress=account.on_progress,
                    on_outcome=account.on_outcome,
                    cancelled=cancelled,
                )
                if collection == SAMPLE_COLLECTION:
                    bring_judgments(service.library)
        return account.end(cancelled=cancelled())

    title = f"Adding {counted(len(files), 'file')} to {collection}"
    return service.jobs.start(key, logged(title, work), title=title, subject="")


def start_rechunk(service: Service, collection: str, chunking: Chunking) -> Job:
    """Cut the documents of `collection` anew, or join whoever does; return the job."""
    key = JobKey("rechunk", collection)

    def work(tell: Tell) -> str:
        pace = Pace()

        def on_progress(done: int, total: int) -> None:
            fraction = done / total if total else None
            text = f"{done:,} of {counted(total, 'document')} cut anew"
            tell(Report(text, fraction, pace.remaining_s(fraction)))

        with _turn(service, key, tell) as mine:
            if not mine:
                return "Cancelled before it began: no document was cut anew."
            outcome = service.library.rechunk(
                collection,
                chunking,
                on_progress=on_progress,
                cancelled=lambda: service.jobs.is_cancelled(key),
            )
        return outcome.message

    title = f"Cutting {collection} into chunks of {chunking.target} tokens, {chunking.overlap} of overlap"
    return service.jobs.start(key, logged(title, work), title=title, subject="")


def start_import(
    service: Service, stream: IO[bytes], name: str | None, *, reembed: bool, seen_from: str
) -> Job:
    """Import the exported collection in `stream`, which is closed then; return the job.

    It is seen where the collection `seen_from` is.
    """
    key = JobKey("import", seen_from, uuid.uuid4().hex)

    def work(tell: Tell) -> str:
        pace = Pace()

        def on_progress(done: int, total: int) -> None:
            fraction = done / total if total else None
            text = f"{done:,} of {counted(total, 'document')} imported"
            tell(Report(text, fraction, pace.remaining_s(fraction)))

        tell(Report("checking the file"))
        with stream:
            return import_collection(
                service.library,
                stream,
                name,
                reembed=reembed,
                on_progress=on_progress,
                cancelled=lambda: service.jobs.is_cancelled(key),
            ).message

    title = f"Import of {name}" if name else "Import"
    return service.jobs.start(key, logged(title, work), title=title, subject="")


def measured_rate(service: Service) -> float | None:
    """Return how many chunks a second the last ingestion put in, None where none was long enough to say."""
    rates = (job.report.rate for job in service.jobs.all() if job.key.kind == "ingest")
    return next((rate for rate in rates if rate), None)


def outcomes_in_words(outcomes: Sequence[FileOutcome]) -> str:
    """Return how many files were added and how many were not, in one sentence."""
    counts = {
        status: sum(o.status == status for o in outcomes) for status in ("replaced", "unchanged", "failed")
    }
    notes = {
        "replaced": "in place of an older version",
        "unchanged": "already there",
        "failed": "could not be added",
    }
    added = sum(o.status in ("added", "replaced") for o in outcomes)
    parts = [f"{counts[status]} {notes[status]}" for status in counts if counts[status]]
    return "; ".join([f"{added} of {counted(len(outcomes), 'file')} added", *parts]) + "."


class Pace:
    """How fast something goes since this was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long it has been going."""
        return time.perf_counter() - self._began

    def remaining_s(self, fraction: float | None) -> float | None:
        """Return how much longer it takes at this pace; None while too little is done to say."""
        if fraction is None or fraction < _LEAST_FRACTION or self.seconds < _LEAST_SECONDS:
            return None
        return self.seconds * (1 - fraction) / fraction


class Account:
    """How far the ingestion of `files` (name, bytes) is; each change is told as a Report."""

    def __init__(self, files: Sequence[tuple[str, int]], tell: Tell) -> None:
        self._files = files
        self._tell = tell
        self._total = sum(size for _, size in files) or 1
        self._outcomes: tuple[FileOutcome, ...] = ()
        self._at = 0  # the files before it are done
        self._done_bytes = 0
        self._reading: tuple[str, int] = ("", 0)  # the document underway, and its chunks embedded so far
        self._embedded = 0
        self._pace = Pace()

    def on_progress(self, name: str, embedded: int, chunks: int) -> None:
        """Take note that of the document `name`, that many chunks of so many are embedded."""
        self._advance(self._place(name))  # an archive is done when the next file has its turn
        before = self._reading[1] if self._reading[0] == name else 0
        self._embedded += max(0, embedded - before)
        self._reading = (name, embedded)
        part = embedded / chunks if chunks else 0.0
        doing = f"{embedded:,} of {counted(chunks, 'chunk')} embedded" if chunks else "reading"
        self._report(f"{name}: {doing}", part)

    def on_outcome(self, outcome: FileOutcome) -> None:
        """Take note of what became of a file, or of one in an archive."""
        self._outcomes = (*self._outcomes, outcome)
        at = self._place(outcome.name)
        whole = at < len(self._files) and self._files[at][0] == outcome.name
        self._advance(at + whole)
        self._report(outcome.message)

    def end(self, *, cancelled: bool) -> str:
        """Report that nothing more is done; return what came of it, in words."""
        if not cancelled:
            self._advance(len(self._files))
        self._report("")
        said = outcomes_in_words(self._outcomes) if self._outcomes else "No file was added."
        left = len(self._files) - self._at
        return f"{said} Cancelled: {counted(left, 'file')} not added." if cancelled and left else said

    def _place(self, name: str) -> int:
        """Return which file `name` is, or is part of; the outcomes come in the order of the files."""
        for at in range(self._at, len(self._files)):
            file = self._files[at][0]
            if name == file or name.startswith((f"{file}/", f"{file}#")):
                return at
        return self._at

    def _advance(self, at: int) -> None:
        self._done_bytes += sum(size for _, size in self._files[self._at : at])
        self._at = max(self._at, at)

    def _report(self, text: str, part: float | None = None) -> None:
        underway = self._files[self._at][1] if self._at < len(self._files) and part else 0
        fraction = min(1.0, (self._done_bytes + (part or 0.0) * underway) / self._total)
        enough = self._embedded >= _LEAST_EMBEDDED and self._pace.seconds >= _LEAST_SECONDS
        self._tell(
            Report(
                text,
                fraction,
                self._pace.remaining_s(fraction),
                part,
                self._outcomes,
                tuple(name for name, _ in self._files[self._at :]),
                self._embedded / self._pace.seconds if enough else None,
            )
        )


@contextmanager
def _turn(service: Service, key: JobKey, tell: Tell) -> Iterator[bool]:
    """Wait until no other job changes the collection; yield False when cancelled meanwhile."""
    turn = service.jobs.turn(key.name)
    while not turn.acquire(timeout=_TICK_S):
        tell(Report("waiting for what changes this collection already"))
        if service.jobs.is_cancelled(key):
            yield False
            return
    try:
        yield True
    finally:
        turn.release()


def logged(title: str, work: Callable[[Tell], str]) -> Callable[[Tell], str]:
    """Return `work` with its end in the log: what came of it and how long it took, or why it failed."""

    def logged_work(tell: Tell) -> str:
        began = time.perf_counter()
        try:
            outcome = work(tell)
        except RagError as exc:
            _log.warning("%s failed: %s", title, exc)
            raise
        _log.info("%s: %s It took %s", title, outcome, duration(time.perf_counter() - began))
        return outcome

    return logged_work
