"""Answers about the toy library "c", found by vectors and words, their final order fused: without a model."""

from collections.abc import Sequence
from dataclasses import replace

from answers import Order, answer, backwards

from rag.config import DEFAULT_RERANKER
from rag.evidence import RunInfo
from rag.library import Library
from rag.order import in_final_order
from rag.outcomes import Ordering
from rag.records import ModelInfo, RerankedHit, SearchResult

# Of this one it is known which languages it reads: English.
READER = ModelInfo(DEFAULT_RERANKER, "f" * 64, "cpu")
FUSED = Ordering("question_language", "The question is in Italian.", 60, 1.0, 4.0)


def fused_answer(
    library: Library,
    query: str,
    *,
    k: int = 10,
    order: Order = backwards,
    ordering: Ordering = FUSED,
) -> SearchResult:
    """Return what the collection "c" answers; by words, the candidates stand as by vectors."""
    found = answer(library, query, k=k, order=order, reranker=READER)
    hits = [
        replace(hit, dense_rank=hit.rank, lexical_rank=hit.rank, bm25=9.0 / hit.rank)
        for hit in found.retrieved
    ]
    return replace(
        found,
        retriever="hybrid",
        retrieved=tuple(hits),
        reranked=in_final_order(found.reranked, ordering),
        ordering=ordering,
    )


def record_fused(library: Library, query: str, **as_in_answer: object) -> RunInfo:
    """Record such an answer."""
    return library.store.runs.add(fused_answer(library, query, **as_in_answer))  # type: ignore[arg-type]


def ids(hits: Sequence[RerankedHit]) -> list[str]:
    """The chunks of the hits, in their order."""
    return [hit.passage.chunk_id for hit in hits]
