"""Cut an answer down to its first candidates: what it had been with those alone, nothing searched or scored.

A score depends on its pair alone, so the reranker's order of fewer candidates is exact. Of a fused order,
the sums are made anew, because the reranker's ranks among fewer candidates are others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rag.order import in_final_order
from rag.outcomes import Ordering
from rag.records import Passage, RerankedHit, SearchResult
from rag.store.runs import Orders

_NO_TEXT = Passage("", "", "", "", 0, 0)


def first_of_orders(orders: Orders, depth: int) -> Orders:
    """Return what `orders` had been with the first `depth` candidates alone, by the same rule."""
    if len(orders.retrieved) <= depth:
        return orders
    by_reranker = tuple(rank for rank in orders.by_reranker if rank <= depth)
    hits = [
        RerankedHit(
            None,
            rank=rank,
            retrieved_rank=retrieved_rank,
            passage=_NO_TEXT,
            cosine=None,
        )
        for rank, retrieved_rank in enumerate(by_reranker, 1)
    ]
    final = in_final_order(hits, orders.ordering)
    return replace(
        orders,
        retrieved=orders.retrieved[:depth],
        by_reranker=by_reranker,
        reranked=tuple(hit.retrieved_rank for hit in final),
    )


def first_candidates(result: SearchResult, depth: int) -> SearchResult:
    """Return what `result` had been with its first `depth` candidates alone, by the same rule.

    The times stay those of all candidates.
    """
    if len(result.retrieved) <= depth:
        return result
    left = [hit for hit in by_reranker(result.reranked) if hit.retrieved_rank <= depth]
    own = [replace(hit, rank=rank, reranker_rank=None) for rank, hit in enumerate(left, 1)]
    final = in_final_order(own, result.ordering or Ordering())
    said_by = {hit.rank: hit.duplicate_of for hit in result.reranked}
    before = {hit.retrieved_rank: hit.rank for hit in result.reranked}
    return replace(
        result,
        retrieved=result.retrieved[:depth],
        reranked=tuple(_alike(final, before, said_by)),
        lexical=result.lexical[:depth],
    )


def by_reranker(hits: Sequence[RerankedHit]) -> list[RerankedHit]:
    """Return `hits`, which are in the final order, in that of the reranker's scores alone."""
    return sorted(hits, key=lambda hit: hit.reranker_rank or hit.rank)


def _alike(
    hits: Sequence[RerankedHit], before: Mapping[int, int], said_by: Mapping[int, int | None]
) -> Sequence[RerankedHit]:
    """Return `hits`, each that says the same as an earlier one with the rank that this one has now.

    `before` are the ranks that they had, by retrieved rank, and `said_by` what each of those repeated.
    """
    firsts: dict[int, int] = {}
    marked = []
    for hit in hits:
        was = before[hit.retrieved_rank]
        first = firsts.setdefault(said_by[was] or was, hit.rank)
        marked.append(
            replace(hit, duplicate_of=None, similarity=None)
            if first == hit.rank
            else replace(hit, duplicate_of=first)
        )
    return marked
