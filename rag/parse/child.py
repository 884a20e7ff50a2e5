"""One process that reads files, as the one that asks it sees it."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from rag.config import bare_environment
from rag.parse.wire import Answer, Done, Ready, Refused, Request, next_answer, send

_ROOT = Path(__file__).resolve().parents[2]
_MODULE = "rag.parse.worker"
_START_S = 60.0  # on a machine that is busy or swaps
_TICK_S = 0.1
_END_S = 10.0


class GoneError(Exception):
    """The process has ended, or was ended, in the middle of its work.

    `late`: because its time was over. `status` is its exit status, below 0 for a signal. `why` is what it
    said itself.
    """

    def __init__(self, *, late: bool, status: int | None, why: str = "") -> None:
        ended = "it took too long" if late else f"it ended with status {status}"
        super().__init__(why or (ended if late or status is not None else "it gave an answer that is none"))
        self.late = late
        self.status = status


class Child:
    """A running process that reads files for one thread at a time.

    It is ended when it takes longer than `seconds` over an answer (not over all: `renew` begins anew), and
    when nobody has claimed it for `idle_s`. Time in which nobody waits for it does not count.
    """

    def __init__(self, *, memory_bytes: int, seconds: float, idle_s: float) -> None:
        self._seconds = seconds
        self._idle_s = idle_s
        self._left_s = 0.0
        self._cancelled: Callable[[], bool] = _never
        self._deadline: float | None = None
        self._idle_since: float | None = None
        self._late = False
        self.at_rest = False  # whether it waits for a request
        self._over = threading.Event()
        self._claiming = threading.Lock()
        # Its messages are for nobody: what they would say comes with its answers.
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", _MODULE, str(memory_bytes), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env=bare_environment() | {"TMPDIR": tempfile.gettempdir()},
            # Ctrl-C in the terminal is for whoever asks.
            start_new_session=sys.platform != "win32",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        threading.Thread(target=self._watch, name=f"watch {self.pid}", daemon=True).start()
        try:
            self.renew(_START_S)
            answer, _ = self.answer()
            if not isinstance(answer, Ready):
                why = answer.message if isinstance(answer, Refused) else ""
                raise GoneError(late=False, status=None, why=why)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def claim(self, cancelled: Callable[[], bool]) -> bool:
        """Return whether the process is still there; it then stays until it is released, or `cancelled`."""
        with self._claiming:
            self._cancelled = cancelled
            self._idle_since = None
            return not self._over.is_set() and self._process.poll() is None

    def release(self) -> None:
        """Say that nobody needs the process for now."""
        self._cancelled = _never
        self._idle_since = time.monotonic()

    def renew(self, seconds: float | None = None) -> None:
        """Give it `seconds`, by default its usual ones, for what is asked and answered from now on."""
        self._left_s = self._seconds if seconds is None else seconds

    def ask(self, request: Request, data: bytes) -> None:
        """Send a request. Raises GoneError."""
        self.at_rest = False
        with self._timed():
            send(cast(BinaryIO, self._process.stdin), request, data)

    def answer(self) -> tuple[Answer, bytes]:
        """Return the next answer, and the bytes that belong to it. Raises GoneError."""
        with self._timed():
            answer, data = next_answer(cast(BinaryIO, self._process.stdout))
        self.at_rest = isinstance(answer, Ready) or (isinstance(answer, Done | Refused) and not answer.ends)
        return answer, data

    def end(self) -> None:
        """End the process, whatever it does; return when it is gone."""
        self._over.set()
        self._kill()
        with suppress(subprocess.TimeoutExpired):  # in the middle of a disk that does not answer
            self._process.wait(_END_S)
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # a request that was never sent whole
                cast(BinaryIO, pipe).close()

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Count the time that the body takes as the process's, and end that when it has no more."""
        began = time.monotonic()
        self._deadline = began + self._left_s
        try:
            yield
        except (EOFError, OSError, OverflowError, msgspec.MsgspecError) as exc:
            raise self._gone() from exc
        finally:
            self._deadline = None
            self._left_s -= time.monotonic() - began

    def _gone(self) -> GoneError:
        # One that has ended by itself says why; one that talks nonsense is ended.
        status = None
        with suppress(subprocess.TimeoutExpired):
            status = self._process.wait(_TICK_S)
        self.end()
        return GoneError(late=self._late, status=status)

    def _watch(self) -> None:
        while not self._over.wait(_TICK_S):
            now, deadline = time.monotonic(), self._deadline
            if deadline is not None and (now > deadline or self._cancelled()):
                self._late = now > deadline
                self._kill()
                return
            with self._claiming:
                is_idle = self._idle_since is not None and now - self._idle_since > self._idle_s
                if is_idle:
                    self._over.set()
            if is_idle:
                self.end()

    def _kill(self) -> None:
        if self._process.poll() is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)


def _never() -> bool:
    return False
