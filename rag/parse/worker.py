"""Read files in a process of its own: `python -m rag.parse.worker MEMORY_BYTES SECONDS`.

A file may crash its reader, hang it, or ask for more memory than there is. What that costs is this process.
Requests come through standard input, one at a time, and end with it; answers leave through standard output.
"""

import gc
import os
import queue
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import BinaryIO

from rag.errors import ArchiveLimitError, DocumentError
from rag.machine.memory import give_memory_back, resident_bytes
from rag.parse import open_file
from rag.parse.blocks import Failed, Member
from rag.parse.language import detect
from rag.parse.pdf.page import render_page
from rag.parse.wire import (
    MOST_BYTES,
    OUT_OF_MEMORY,
    RECORDS,
    Answer,
    Done,
    Drawn,
    DrawPage,
    Found,
    Inside,
    ReadFile,
    Ready,
    Refused,
    Request,
    Unread,
    next_request,
    send,
)
from rag.records import Document

if sys.platform != "win32":
    import resource

_MOST_FILES = 200  # libraries leak; a new process does not know what an old one has lost
_MOST_GROWTH_BYTES = 256_000_000
_SPARE_SECONDS = 10  # whoever asks ends a file that takes too long before the system does

Piece = Document | Member | Failed


def main() -> None:
    """Answer requests until there are no more."""
    memory_bytes, seconds = int(sys.argv[1]), float(sys.argv[2])
    requests, answers = _own_pipes()
    try:
        worker = Worker(answers, memory_bytes=memory_bytes, seconds=seconds)
    except OSError as exc:  # a disk that is full, or cannot be written to
        why = f"{exc.strerror or exc}: {tempfile.tempdir or 'no folder for temporary files'}"
        send(answers, Refused("not_read", why, ends=True))
        return
    worker.work(requests)


class Worker:
    """Reads one file after the other, and answers on `answers`."""

    def __init__(self, answers: BinaryIO, *, memory_bytes: int, seconds: float) -> None:
        self._answers = answers
        self._seconds = seconds
        self._files = 0
        self._inbox: queue.SimpleQueue[tuple[Request, bytes]] = queue.SimpleQueue()
        detect("Every file needs what tells languages apart, and that unpacks itself onto the disk.")
        _limit(memory_bytes)
        self._resident = resident_bytes() or 0

    def work(self, requests: BinaryIO) -> None:
        """Answer `requests`; return when this process should be replaced."""
        # In a thread of its own: when whoever asks has gone or was killed, whatever is being read ends.
        threading.Thread(target=self._listen, args=(requests,), daemon=True).start()
        send(self._answers, Ready())
        while not self._answer(*self._inbox.get()):
            pass

    def _listen(self, requests: BinaryIO) -> None:
        status = 0
        try:
            while True:
                self._inbox.put(next_request(requests))
        except MemoryError:
            status = OUT_OF_MEMORY
        finally:
            os._exit(status)

    def _answer(self, request: Request, data: bytes) -> bool:
        """Answer one request; return whether it was the last one."""
        out_of_memory = False
        try:
            for number, (answer, payload) in enumerate(_answers(request, data)):
                if number % RECORDS == 0:
                    _limit_cpu(self._seconds)
                send(self._answers, answer, payload)
        except DocumentError as exc:
            send(self._answers, Refused(exc.reason, str(exc)))
            return False
        except MemoryError:
            out_of_memory = True  # answered where nothing holds on to that memory any more
        except Exception as exc:
            send(self._answers, _unforeseen(request, exc))
            raise
        if out_of_memory:
            _give_more()
            send(self._answers, Refused("too_large", "", ends=True))
            return True
        del data
        ends = self._is_worn()
        send(self._answers, Done(ends))
        return ends

    def _is_worn(self) -> bool:
        self._files += 1
        if self._files < _MOST_FILES and (resident_bytes() or 0) - self._resident <= _MOST_GROWTH_BYTES:
            return False
        give_memory_back()
        return self._files >= _MOST_FILES or (resident_bytes() or 0) - self._resident > _MOST_GROWTH_BYTES


def _answers(request: Request, data: bytes) -> Iterator[tuple[Answer, bytes | None]]:
    if isinstance(request, DrawPage):
        yield Drawn(), render_page(data, request.page, marks=request.marks, width=request.width)
        return
    for piece in open_file(request.name, data, password=request.password):
        if request.refusal and isinstance(piece, Member):
            raise ArchiveLimitError(request.refusal)
        yield _piece(piece)


def _piece(piece: Piece) -> tuple[Answer, bytes | None]:
    match piece:
        case Document():
            return Found(piece), None
        case Failed():
            return Unread(piece), None
        case Member(name, data) if len(data) > MOST_BYTES:
            message = f"{name} has {len(data) / 1e6:,.0f} MB, more than can be taken out of another file."
            return Unread(Failed(name, "too_large", message)), None
        case Member(name, data):
            return Inside(name), data


def _unforeseen(request: Request, exc: Exception) -> Refused:
    name = request.name if isinstance(request, ReadFile) else f"Page {request.page}"
    message = (
        f"{name} could not be read: it is probably damaged, in a way that its reader did not expect "
        f"({type(exc).__name__}). Open it with the program that wrote it, save it anew and add that."
    )
    return Refused("damaged", message, "".join(traceback.format_exception(exc)), ends=True)


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes to whoever asks, and leave the readers' libraries others to read from and write to."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, answers


def _limit(memory_bytes: int) -> None:
    """Take no more memory than that, write no file, and be the first to go where the system has none left."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    if sys.platform != "win32":
        _set(resource.RLIMIT_AS, _address_space() + memory_bytes)
        for what in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
            resource.setrlimit(what, (0, 0))


def _give_more() -> None:
    """Make room for an answer where there was none for the file."""
    gc.collect()
    if sys.platform != "win32":
        _set(resource.RLIMIT_AS, resource.RLIM_INFINITY)


def _limit_cpu(seconds: float) -> None:
    """Compute for no longer than that from now on, whether anybody is still there to end it or not."""
    if sys.platform != "win32":
        used = resource.getrusage(resource.RUSAGE_SELF)
        _set(resource.RLIMIT_CPU, ceil(used.ru_utime + used.ru_stime + seconds) + _SPARE_SECONDS)


if sys.platform != "win32":

    def _set(what: int, most: int) -> None:
        # Only the soft limit, which can be raised again. macOS knows some limits by name alone.
        with suppress(OSError, ValueError):
            resource.setrlimit(what, (most, resource.getrlimit(what)[1]))


def _address_space() -> int:
    """Return how much the process has mapped; most of it, such as the code of libraries, costs nothing."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 500_000_000


if __name__ == "__main__":
    main()
