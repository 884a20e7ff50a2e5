"""Search results made by hand: which passage came where, without a model."""

from collections.abc import Sequence

from rag.records import Hit, ModelInfo, Passage, RerankedHit, SearchResult, StageTime

LOCAL = ModelInfo("maker/reranker", "f" * 64, "cpu")
REMOTE = ModelInfo("maker/elsewhere", "", "remote cohere at gpu.example.com:8443")


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
    relevances: Sequence[float] | None = None,
) -> SearchResult:
    """Return a result whose reranked hits were retrieved at the ranks in `order`, best first.

    All passages have the same text. Cosines fall by 0.01, logits by 1, from 0.9 and 5. With `relevances`,
    best first, a remote reranker has scored them, which told no logits.
    """
    passages = {
        rank: Passage(f"chunk-{rank}", "0" * 64, name, text, 0, len(text), page=2, headings=("One", "Two"))
        for rank in order
    }
    hits = [Hit(rank, passages[rank], 0.91 - rank / 100) for rank in sorted(order)]
    reranked = [
        RerankedHit(
            *(
                (6.0 - rank, 5, tokens_read)
                if relevances is None
                else (None, None, None, relevances[rank - 1])
            ),
            rank=rank,
            retrieved_rank=retrieved,
            passage=passages[retrieved],
            cosine=hits[retrieved - 1].cosine,
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
        reranker=(LOCAL if relevances is None else REMOTE) if rerank else None,
        notices=tuple(notices),
    )
