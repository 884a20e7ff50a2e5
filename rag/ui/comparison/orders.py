"""The final order of an answer, and the reranker's own: the same hits, nothing computed again."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from rag.outcomes import Ordering
from rag.records import Hit, RerankedHit, SearchResult

_PURE = Ordering(because="as you chose, the reranker's own, by its scores alone.")


def is_fused(result: SearchResult) -> bool:
    """Return whether ranks of the first stage have a share in the final order."""
    return result.ordering is not None and result.ordering.rule != "reranker"


def in_reranker_order(result: SearchResult) -> SearchResult:
    """Return `result`, whose order is a fused one, in the order of the reranker's scores alone."""
    ranked = sorted(result.reranked, key=lambda hit: hit.reranker_rank or hit.rank)
    likeness = _likeness(result)
    firsts: dict[int, RerankedHit] = {}  # by the rank that the first of those alike has in the fused order
    hits = []
    for rank, hit in enumerate(ranked, 1):
        alone = replace(hit, rank=rank, reranker_rank=None, duplicate_of=None, similarity=None)
        first = firsts.setdefault(hit.duplicate_of or hit.rank, alone)
        # How near two passages are is known where one of them was the first; others stay by themselves.
        similarity = 1.0 if _same_text(first, alone) else likeness.get(_pair(first, alone))
        is_new = first is alone or similarity is None
        hits.append(alone if is_new else replace(alone, duplicate_of=first.rank, similarity=similarity))
    return replace(result, reranked=tuple(hits), ordering=_PURE)


def _same_text(one: RerankedHit, other: RerankedHit) -> bool:
    return one.passage.text.split() == other.passage.text.split()


def _likeness(result: SearchResult) -> Mapping[frozenset[str], float]:
    """Return how near the passages are of which that is known, by the ids of the two."""
    return dict([*_near(result.retrieved), *_near(result.reranked)])


def _near(hits: Iterable[Hit | RerankedHit]) -> Iterable[tuple[frozenset[str], float]]:
    by_rank = {hit.rank: hit for hit in hits}
    for hit in by_rank.values():
        if hit.duplicate_of is not None and hit.similarity is not None and hit.duplicate_of in by_rank:
            yield _pair(by_rank[hit.duplicate_of], hit), hit.similarity


def _pair(one: Hit | RerankedHit, other: Hit | RerankedHit) -> frozenset[str]:
    return frozenset((one.passage.chunk_id, other.passage.chunk_id))
