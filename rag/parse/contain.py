"""Read files in processes of their own: what a file does to its reader costs that file alone."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count

from rag.errors import DamagedDocumentError, DocumentError, TookTooLongError, TooLargeError
from rag.file_outcome import Reason
from rag.parse.blocks import Failed, Member
from rag.parse.child import Child, GoneError
from rag.parse.wire import (
    OUT_OF_MEMORY,
    RECORDS,
    Answer,
    Done,
    Drawn,
    DrawPage,
    Found,
    Inside,
    ReadFile,
    Refused,
    Unread,
)
from rag.records import Document

_log = logging.getLogger(__name__)

IDLE_S = 60.0
_PAGE_S = 15.0
_START_S = 10.0  # that one which is about to begin is waited for at the end
_ERROR_TYPES: tuple[type[DocumentError], ...] = (DocumentError, *DocumentError.__subclasses__())
_ERRORS: dict[Reason, type[DocumentError]] = {error.reason: error for error in _ERROR_TYPES}


class Parsers:
    """Processes that read files, begun when they are needed; `workers` of them at work at a time.

    A file that takes longer than `timeout_s` (a file of records: for a thousand of them), takes more than
    `memory_bytes`, or crashes its reader is refused, and the next one finds a new process. One that has
    had nothing to do for `idle_s` is ended. Safe between threads.
    """

    def __init__(self, *, timeout_s: float, memory_bytes: int, workers: int, idle_s: float = IDLE_S) -> None:
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._workers = workers
        self._idle_s = idle_s
        self._turns = threading.Semaphore(workers)
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._busy: set[Child] = set()
        self._closed = False
        self._starting: threading.Thread | None = None

    def start(self) -> None:
        """Begin a process where there is none, so that the first file finds it; return at once."""
        with self._lock:
            if not (self._closed or self._starting or self._idle or self._busy):
                self._starting = threading.Thread(target=self._start, name="first reader", daemon=True)
                self._starting.start()

    def open(
        self,
        name: str,
        data: bytes,
        *,
        password: str | None = None,
        refusal: str = "",
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[Document | Member | Failed]:
        """Yield what is in the file `name`, as `rag.parse.open_file` does, and with its errors.

        Raises TookTooLongError, TooLargeError for memory, and DamagedDocumentError for a crash besides.
        Time that passes before the next piece is asked for costs the file nothing, and nobody else's turn.
        Where there is a `refusal`, a file with others in it is refused with that message.
        `cancelled` is asked all the while, in a thread of its own; once it is, any error may be raised.
        """
        with ExitStack() as held:
            with self._turns:
                child = held.enter_context(self._child(name, cancelled))
                held.enter_context(self._explained(name, self._timeout_s))
                child.renew(self._timeout_s)
                child.ask(ReadFile(name, password, refusal), data)
                answer, payload = _hear(name, child)
            for number in count(1):
                if isinstance(answer, Done):
                    return
                yield _piece(answer, payload)
                if number % RECORDS == 0:
                    child.renew(self._timeout_s)
                with self._turns:
                    answer, payload = _hear(name, child)

    def page_image(self, data: bytes, page: int, *, marks: Sequence[str], width: int) -> bytes:
        """Return page `page` of a PDF file as a PNG, the texts `marks` highlighted; pages count from 1.

        It waits for no file that is read: somebody is waiting for it. Raises a DocumentError.
        """
        name, seconds = f"Page {page}", min(_PAGE_S, self._timeout_s)
        with self._child(name) as child, self._explained(name, seconds):
            child.renew(seconds)
            child.ask(DrawPage(page, tuple(marks), width), data)
            drawn, image = _hear(name, child)
            if not isinstance(drawn, Drawn):
                raise GoneError(late=False, status=None)
            _hear(name, child)  # that it is done, and can do something else
            return image

    def close(self) -> None:
        """End all processes; nothing can be read afterwards, and what is being read is given up."""
        with self._lock:
            self._closed = True
            children = [*self._idle, *self._busy]
            self._idle.clear()
            starting = self._starting
        for child in children:
            child.end()
        if starting:
            starting.join(_START_S)

    def _start(self) -> None:
        # In a turn of its own: whoever wants to read meanwhile, and has to wait, finds it.
        try:
            with self._turns, self._child("The first file"):
                pass
        except DocumentError as exc:  # the file that needs one will say so
            _log.warning("%s", exc)
        finally:
            self._starting = None

    @contextmanager
    def _child(self, name: str, cancelled: Callable[[], bool] = lambda: False) -> Iterator[Child]:
        """Yield a process for one file; the next one gets it too if it has come to the end of this one."""
        child = self._idle_child(cancelled) or self._new_child(name)
        child.claim(cancelled)
        try:
            yield child
        finally:
            with self._lock:
                self._busy.discard(child)
                keep = child.at_rest and not self._closed and len(self._idle) < self._workers
                if keep:
                    child.release()
                    self._idle.append(child)
            if not keep:
                child.end()

    def _idle_child(self, cancelled: Callable[[], bool]) -> Child | None:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.claim(cancelled):
                    self._busy.add(child)
                    return child
                child.end()  # which it has already, but not been waited for
        return None

    def _new_child(self, name: str) -> Child:
        try:
            child = Child(memory_bytes=self._memory_bytes, seconds=self._timeout_s, idle_s=self._idle_s)
        except (OSError, GoneError) as exc:
            message = (
                f"{name} could not be read: no process could be started for it ({exc}). See what "
                "`python -m rag doctor` says."
            )
            raise DocumentError(message) from exc
        with self._lock:
            if not self._closed:
                self._busy.add(child)
                return child
        child.end()
        raise _closing(name)

    @contextmanager
    def _explained(self, name: str, seconds: float) -> Iterator[None]:
        """Say what became of the file where the process that read it has gone."""
        try:
            yield
        except GoneError as exc:
            if self._closed:
                raise _closing(name) from exc
            if exc.late:
                raise TookTooLongError(
                    f"{name} was not read within {seconds:g} s (RAG_PARSE_TIMEOUT_S). Split it, or save it "
                    "anew with the program that wrote it."
                ) from exc
            if exc.status == OUT_OF_MEMORY:
                raise TooLargeError(
                    f"{name} needs more than {self._memory_bytes / 1e6:,.0f} MB of memory to read "
                    "(RAG_PARSE_MEMORY_MB). Split it, or raise the limit."
                ) from exc
            _log.warning("The process that read %r has crashed: %s", name, exc)
            raise DamagedDocumentError(
                f"{name} made its reader crash: it is damaged, or was made to do that. Open it with the "
                "program that wrote it, save it anew and add that."
            ) from exc


def _hear(name: str, child: Child) -> tuple[Answer, bytes]:
    """Return the next answer about the file `name`. Raises the error that it is refused with."""
    answer, payload = child.answer()
    if not isinstance(answer, Refused):
        return answer, payload
    if answer.details:
        _log.warning("The reader of %r failed.\n%s", name, answer.details)
    if answer.ends and not answer.message:
        raise GoneError(late=False, status=OUT_OF_MEMORY)
    raise _ERRORS.get(answer.reason, DocumentError)(answer.message)


def _piece(answer: Answer, payload: bytes) -> Document | Member | Failed:
    match answer:
        case Found(document):
            return document
        case Inside(name):
            return Member(name, payload)
        case Unread(failed):
            return failed
        case _:  # out of turn
            raise GoneError(late=False, status=None)


def _closing(name: str) -> DocumentError:
    return DocumentError(f"{name} was not read, because the program is ending. Add it again.")
