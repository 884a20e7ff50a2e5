"""Hand things from a thread that prepares them to one that works on them, not too far ahead."""

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class ClosedError(Exception):
    """Nobody takes anything any more."""


class Ahead(Generic[T]):
    """A queue that holds at most `most_bytes`, or one thing that is larger."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._waiting: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def closed(self) -> bool:
        """Whether nobody takes anything any more."""
        return self._closed

    def put(self, item: T, n_bytes: int = 0) -> None:
        """Add `item`, as soon as there is room for its `n_bytes`. Raises ClosedError."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or not self._waiting or self._bytes + n_bytes <= self._most_bytes
            )
            if self._closed:
                raise ClosedError
            self._waiting.append((item, n_bytes))
            self._bytes += n_bytes
            self._changed.notify_all()

    def get(self, timeout_s: float = 0.0) -> T | None:
        """Return the next thing; None when there is none within `timeout_s`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, timeout_s):
                return None
            item, n_bytes = self._waiting.popleft()
            self._bytes -= n_bytes
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Take nothing any more, and let go of what is there."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
