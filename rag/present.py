"""Hold the local reranker, which may be changed while questions are answered with it."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rag.rerank import Reranker


class Present:
    """The local reranker of this moment. Safe between threads.

    `notice` is what every answer by it must say, until it is changed.
    """

    def __init__(self, reranker: Reranker, notice: str | None = None) -> None:
        self._reranker = reranker
        self._notices = (notice,) if notice else ()
        self._users: Counter[Reranker] = Counter()
        self._changing = threading.Condition()

    @property
    def reranker(self) -> Reranker:
        """The local reranker, as the next question finds it."""
        return self._reranker

    @property
    def notices(self) -> tuple[str, ...]:
        """What the next answer by it says."""
        return self._notices

    @contextmanager
    def in_use(self) -> Iterator[tuple[Reranker, tuple[str, ...]]]:
        """Keep the reranker in memory while the body runs; yield it, and what an answer by it says."""
        with self._changing:
            reranker, notices = self._reranker, self._notices
            self._users[reranker] += 1
        try:
            yield reranker, notices
        finally:
            with self._changing:
                self._users[reranker] -= 1
                self._users += Counter()  # forgets who is used by nobody
                self._changing.notify_all()

    def change(self, new: Reranker) -> Reranker:
        """Have `new` from now on; return the older one, as soon as nobody uses it any more."""
        with self._changing:
            old, self._reranker, self._notices = self._reranker, new, ()
            self._changing.wait_for(lambda: not self._users[old])
        return old
