"""Remember scores: a pair's score is a fixed function of model, query and passage."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence

from rag.records import PairScore

CAPACITY = 50_000  # pairs; about 16 MB


Key = tuple[str, int | None, bytes, bytes]


def pair_keys(
    model_sha256: str, query: str, passages: Sequence[str], *, max_tokens: int | None = None
) -> list[Key]:
    """Return the cache key of each (query, passage) pair, of which `max_tokens` are read, in input order."""
    query_digest = _digest(query)
    return [(model_sha256, max_tokens, query_digest, _digest(passage)) for passage in passages]


class ScoreCache:
    """The most recently used scores, at most `capacity` of them. Safe between threads."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._scores: OrderedDict[Key, PairScore] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._scores)

    def get(self, keys: Sequence[Key]) -> list[PairScore | None]:
        """Return the known score of each key, in input order, None where there is none."""
        with self._lock:
            for key in keys:
                if key in self._scores:
                    self._scores.move_to_end(key)
            return [self._scores.get(key) for key in keys]

    def put(self, keys: Sequence[Key], scores: Sequence[PairScore]) -> None:
        """Remember `scores`, forgetting the least recently used ones over the capacity."""
        with self._lock:
            self._scores.update(zip(keys, scores, strict=True))
            while len(self._scores) > self._capacity:
                self._scores.popitem(last=False)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
