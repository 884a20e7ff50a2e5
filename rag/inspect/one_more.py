"""Lend one further reranker, beside the present one, to whoever scores with it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rag.machine.memory import give_memory_back
from rag.rerank import Reranker
from rag.timing import Pulse, Stopwatch

_TICK_S = 0.1


class OneMore:
    """At most one further reranker in memory, which stays until another one is wanted.

    Safe between threads: who wants another one than is lent waits until nobody uses that any more, and
    whoever comes after waits too, so that everybody has their turn. `load` brings the one that a reference
    names into memory.
    """

    def __init__(self, load: Callable[[str], Reranker]) -> None:
        self._load = load
        self._reranker: Reranker | None = None
        self._borrowers: dict[object, int] = {}  # each with its thread
        self._next = threading.Lock()  # whose turn it is to say which one is in memory
        self._returned = threading.Condition()

    @property
    def reranker(self) -> Reranker | None:
        """The one that is in memory now."""
        return self._reranker

    @contextmanager
    def lent(
        self, reference: str, sha256: str, *, watch: Stopwatch, pulse: Pulse | None = None
    ) -> Iterator[Reranker]:
        """Keep the reranker that `reference` names in memory while the body runs; yield it.

        It is known by its `sha256`. Loading it, warm-up included, is the stage `load` of `watch`. While
        others use another one, `pulse` hears how many; what it raises gives up the wait. Raises ModelError,
        and RuntimeError in a thread that uses another one already: it would wait for itself.
        """
        token = object()
        reranker = self._again(token, sha256) or self._borrowed(token, reference, sha256, watch, pulse)
        try:
            yield reranker
        finally:
            with self._returned:
                del self._borrowers[token]
                self._returned.notify_all()

    def let_go(self) -> None:
        """Free the memory of the one that is loaded, unless somebody uses it."""
        with self._returned:
            if not self._borrowers:
                self._drop()

    def close(self) -> None:
        """Free the memory, whoever uses it."""
        with self._returned:
            self._drop()

    def _again(self, token: object, sha256: str) -> Reranker | None:
        """Borrow at once what this thread has borrowed before: it must not wait for itself."""
        with self._returned:
            if threading.get_ident() not in self._borrowers.values() or self._reranker is None:
                return None
            if self._reranker.info.sha256 != sha256:
                raise RuntimeError("give the one reranker back before you borrow another one")
            return self._lend(token, self._reranker)

    def _borrowed(
        self, token: object, reference: str, sha256: str, watch: Stopwatch, pulse: Pulse | None
    ) -> Reranker:
        while not self._next.acquire(timeout=_TICK_S):
            self._tell(pulse)
        try:
            with self._returned:
                if self._reranker and self._reranker.info.sha256 == sha256:
                    return self._lend(token, self._reranker)
                while self._borrowers:
                    self._returned.wait(_TICK_S)
                    self._tell(pulse)
                self._drop()
            with watch.stage("load"):
                new = self._load(reference)
                new.warm_up()
            with self._returned:
                self._reranker = new
                return self._lend(token, new)
        finally:
            self._next.release()

    def _tell(self, pulse: Pulse | None) -> None:
        if pulse:
            pulse("queue", 0, max(1, len(self._borrowers)))

    def _lend(self, token: object, reranker: Reranker) -> Reranker:
        self._borrowers[token] = threading.get_ident()
        return reranker

    def _drop(self) -> None:
        old, self._reranker = self._reranker, None
        if old is not None:
            old.close()
            give_memory_back()
