"""Find the passages nearest to a question."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.embed import Embedder
from rag.records import Hit, Passage
from rag.timing import Stopwatch

# (query vector float32 [dim], k) -> at most k passages with their cosines, best first.
Nearest = Callable[[NDArray[np.float32], int], Sequence[tuple[Passage, float]]]


def retrieve(
    query: str, *, embedder: Embedder, nearest: Nearest, k: int, watch: Stopwatch
) -> tuple[Hit, ...]:
    """Return the at most `k` passages nearest to `query`, best first, ranks 1..n.

    `watch` gets the stages `embed` and `search`.
    """
    with watch.stage("embed") as counts:
        counts.cold = not embedder.used
        vector = embedder.embed_query(query)
        counts.items = 1
    with watch.stage("search") as counts:
        found = nearest(vector, k)
        hits = tuple(Hit(rank, passage, cosine) for rank, (passage, cosine) in enumerate(found, start=1))
        counts.items = len(hits)
    return hits
