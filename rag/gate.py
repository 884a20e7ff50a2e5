"""Let in as many questions as the cores can serve, and only so many wait."""

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from rag.errors import BusyError
from rag.timing import Pulse

THREADS_PER_SLOT = 4
_TICK_S = 0.1
_PATIENCE_S = 60.0
_FIRST_GUESS_S = 1.0  # what a turn takes, until one has been measured


def slots_for(threads: int) -> int:
    """Return how many questions `threads` model workers serve at once.

    The pairs of one keep a few cores busy and its time its own; on many cores, another fills the gaps.
    """
    return max(1, threads // THREADS_PER_SLOT)


class Gate:
    """Lets in `slots` at once, first come, first served; at most `queue` wait. Safe between threads."""

    def __init__(self, *, slots: int, queue: int) -> None:
        self.slots, self.queue = slots, queue
        self._lock = threading.Lock()
        self._in_use = 0
        self._waiting: deque[threading.Event] = deque()
        self._turn_s = _FIRST_GUESS_S

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    @property
    def in_use(self) -> int:
        """How many have their turn now."""
        return self._in_use

    @contextmanager
    def turn(self, pulse: Pulse | None = None) -> Iterator[bool]:
        """Wait for a turn, and have it while the body runs; yield whether there was a wait.

        While it waits, `pulse` hears how many are before it; what `pulse` raises gives up its place.
        Raises BusyError when the queue is full, or after a minute in it.
        """
        called = self._enter()
        if called is not None:
            self._wait(called, pulse)
        began = time.perf_counter()
        try:
            yield called is not None
        finally:
            self._leave(time.perf_counter() - began)

    def _enter(self) -> threading.Event | None:
        """Return None for who may go on at once, and else what is set when the turn has come."""
        with self._lock:
            if self._in_use < self.slots and not self._waiting:
                self._in_use += 1
                return None
            if len(self._waiting) >= self.queue:
                message = (
                    f"The server is busy: as many questions wait as may wait, {self.queue} (RAG_QUEUE). "
                    "Ask again in a moment."
                )
                raise BusyError(message, retry_after_s=self._wait_estimate_s())
            called = threading.Event()
            self._waiting.append(called)
            return called

    def _wait(self, called: threading.Event, pulse: Pulse | None) -> None:
        end = time.monotonic() + _PATIENCE_S
        try:
            while not called.wait(_TICK_S):
                if time.monotonic() > end:
                    message = f"The server is busy: this question waited {_PATIENCE_S:.0f} s for its turn."
                    raise BusyError(message, retry_after_s=self._wait_estimate_s())
                if pulse:
                    pulse("queue", 0, self._before(called))
        except BaseException:  # whatever ends the wait, the place goes to the next one
            self._give_up(called)
            raise

    def _before(self, called: threading.Event) -> int:
        with self._lock:
            return self._in_use + (self._waiting.index(called) if called in self._waiting else 0)

    def _give_up(self, called: threading.Event) -> None:
        with self._lock:
            if called in self._waiting:
                self._waiting.remove(called)
                return
        self._leave(None)  # its turn had come in that very moment

    def _leave(self, seconds: float | None) -> None:
        with self._lock:
            if seconds is not None:
                self._turn_s += 0.2 * (seconds - self._turn_s)
            if self._waiting:
                self._waiting.popleft().set()  # the turn passes on, so nobody who comes now overtakes
            else:
                self._in_use -= 1

    def _wait_estimate_s(self) -> int:
        return max(1, math.ceil(len(self._waiting) * self._turn_s / self.slots))
