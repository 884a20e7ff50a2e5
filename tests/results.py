"""Search results made by hand: which passage came where, without a model."""

from collections.abc import Sequence

from rag.records import Hit, ModelInfo, Passage, RerankedHit, SearchResult, StageTime


def search_result(
    order: Sequence[int] = (1,),
    *,
    text: str = "A text.",
    name: str = "book.txt",
    query: str = "a question",
    rerank: bool = True,
    stages: Sequence[StageTime] = (StageTime("embed", 0.010), StageTime("score", 0.090, 1, 20)),
    notices: Sequence[str] = (),
    tokens_read: int = 5,
) -> SearchResult:
    """Return a result whose reranked hits were retrieved at the ranks in `order`, best first.

    All passages have the same text. Cosines fall by 0.01, logits by 1, from 0.9 and 5.
    """
    passages = {
        rank: Passage(f"chunk-{rank}", "0" * 64, name, text, 0, len(text), page=2, headings=("One", "Two"))
        for rank in order
    }
    hits = [Hit(rank, passages[rank], 0.91 - rank / 100) for rank in sorted(order)]
    reranked = [
        RerankedHit(
            rank, retrieved, passages[retrieved], hits[retrieved - 1].cosine, 6.0 - rank, 5, tokens_read
        )
        for rank, retrieved in enumerate(order, start=1)
    ]
    return SearchResult(
        query=query,
        collection="shelf",
        retrieved=tuple(hits),
        reranked=tuple(reranked) if rerank else (),
        stages=tuple(stages),
        total_s=0.1,
        embedder=ModelInfo("maker/embedder", "e" * 64, "cpu"),
        reranker=ModelInfo("maker/reranker", "f" * 64, "cpu") if rerank else None,
        notices=tuple(notices),
    )
