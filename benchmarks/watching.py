"""See what ingesting costs: the processor's time, and what the embedding thread does meanwhile."""

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

from benchmarks.common import MeasureError
from rag.config import usable_cores

_TICK_S = 0.01
# What the ingesting thread does, by the module and the function that are on its stack.
_WORK = {
    ("ahead.py", "get"): "waits for files to be read",
    ("embed.py", "embed_passages"): "embeds",
    ("store.py", "put_document"): "stores",
}
_ELSE = "everything else"


def cpu_s() -> float:
    """Return the processor's seconds of this process, and of its children that have ended."""
    both = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


@contextmanager
def cores(n: int) -> Iterator[None]:
    """Let this thread, and the threads and processes that it starts, use `n` cores and no more."""
    if usable_cores() < n:
        raise MeasureError(f"This measure needs {n} cores, and this process may use {usable_cores()}.")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:n])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """Yield the shares of what this thread does in the body, there when it is done: looked at every 10 ms."""
    ident, over = threading.get_ident(), threading.Event()
    seen: Counter[str] = Counter()
    shares: dict[str, float] = {}

    def watch() -> None:
        while not over.wait(_TICK_S):
            seen[_doing(ident)] += 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield shares
    finally:
        over.set()
        watcher.join()
        shares |= {work: seen[work] / max(1, seen.total()) for work in (*_WORK.values(), _ELSE)}


def _doing(ident: int) -> str:
    frame = sys._current_frames().get(ident)
    while frame:
        code = frame.f_code
        if work := _WORK.get((code.co_filename.rpartition("/rag/")[2], code.co_name)):
            return work
        frame = frame.f_back
    return _ELSE
