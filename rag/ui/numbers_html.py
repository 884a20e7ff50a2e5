"""Draw the numbers of a hit, each with what it means."""

from html import escape

from rag.records import Hit, RerankedHit, SearchResult

COSINE_HELP = (
    "Cosine: how close question and passage lie in the embedder's space, from -1 to 1. "
    "The retriever read them apart from each other."
)
LOGIT_HELP = (
    "Logit: the cross-encoder's raw score for question and passage read together. Unbounded; "
    "comparable only within one question. The order on this side is by logit."
)
SIGMOID_HELP = (
    "Sigmoid of the logit: the same order squeezed into 0 to 1, for display only. Not a probability."
)
RELEVANCE_HELP = (
    "Relevance: the score as the remote reranker gave it; it tells no logit. The order on this side is by "
    "relevance."
)
SIMILARITY_HELP = (
    "Similarity: the cosine of two passages' own vectors. Those of at least 0.98, with nearly all words in "
    "common and the same figures, lie folded under the first one. Their ranks are their own."
)


def meanings(result: SearchResult) -> tuple[str, ...]:
    """Return what each number on the cards of `result` means."""
    folded = (SIMILARITY_HELP,) if any(hit.duplicate_of for hit in result.retrieved) else ()
    if any(hit.logit is None for hit in result.reranked):
        return (COSINE_HELP, RELEVANCE_HELP, *folded)
    return (COSINE_HELP, *((LOGIT_HELP, SIGMOID_HELP) if result.reranked else ()), *folded)


def retrieval_scores(hit: Hit) -> str:
    """Return the retriever's number, "" where a run file, not a vector search, found the passage."""
    return "" if hit.cosine is None else _number("cosine", f"{hit.cosine:.3f}", COSINE_HELP)


def rerank_scores(hit: RerankedHit) -> str:
    """Return the reranker's numbers, first how much it read where that was not all."""
    read = ""
    if hit.is_cut:
        read = _number("read", f"{hit.tokens_read} of {hit.tokens} tokens", "The rest did not fit the model.")
    if hit.logit is None:
        return read + _number("relevance", _shown(hit.score), RELEVANCE_HELP)
    return (
        read
        + _number("logit", f"{hit.logit:.3f}", LOGIT_HELP)
        + _number("sigmoid", _shown(hit.score), SIGMOID_HELP)
    )


def _shown(score: float) -> str:
    # A score that is not 0 is not shown as 0.
    return f"{score:.3f}" if score == 0 or abs(score) >= 0.0005 else f"{score:.0e}"


def _number(name: str, value: str, help_text: str) -> str:
    return f'<span class="rl-number" title="{escape(help_text)}">{name} <b>{escape(value)}</b></span>'
