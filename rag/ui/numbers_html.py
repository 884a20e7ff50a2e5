"""Draw the numbers of a hit, each with what it means."""

from html import escape

from rag.outcomes import Ordering
from rag.records import Hit, RerankedHit, SearchResult
from rag.ui.comparison.orders import is_fused

COSINE_HELP = (
    "Cosine: how close question and passage lie in the embedder's space, from -1 to 1. "
    "The retriever read them apart from each other."
)
BM25_HELP = (
    "BM25: how much of the question's rarer words the passage has, for its length. Unbounded, 0 for none; "
    "comparable only within one question."
)
RANKS_HELP = (
    "Dense rank and lexical rank: the passage's places by vectors and by words, each search by itself. "
    "Phrasing rank: its place, among the first of both, by how near it comes to the question's wording: "
    "neighbouring words and pieces of words. A dash where a ranking did not go down to it. The order on this "
    "side fuses the three."
)
LOGIT_HELP = (
    "Logit: the cross-encoder's raw score for question and passage read together. Unbounded; "
    "comparable only within one question."
)
BY_LOGIT = "The order on this side is by logit."
SIGMOID_HELP = (
    "Sigmoid of the logit: the same order squeezed into 0 to 1, for display only. Not a probability."
)
RELEVANCE_HELP = "Relevance: the score as the remote reranker gave it; it tells no logit. Higher is better."
BY_RELEVANCE = "The order on this side is by relevance."
FUSED_HELP = (
    "Reranker rank: the passage's place by the reranker's scores alone. The order on this side is by the sum "
    "of weight / ({constant} + rank) over the reranker's rank (weight {reranker:g}) and the retriever's "
    "({retrieved:g})."
)
SIMILARITY_HELP = (
    "Similarity: the cosine of two passages' own vectors. Those of at least 0.98, with nearly all words in "
    "common and the same figures, lie folded under the first one. Their ranks are their own."
)


def meanings(result: SearchResult) -> tuple[str, ...]:
    """Return what each number on the cards of `result` means."""
    folded = (SIMILARITY_HELP,) if any(hit.duplicate_of for hit in result.retrieved) else ()
    return (*_of_retrieval(result), *_of_reranking(result), *folded)


def _of_retrieval(result: SearchResult) -> tuple[str, ...]:
    match result.retriever:
        case "dense":
            return (COSINE_HELP,)
        case "lexical":
            return (BM25_HELP,)
        case "hybrid":
            return (RANKS_HELP, COSINE_HELP, BM25_HELP)


def _of_reranking(result: SearchResult) -> tuple[str, ...]:
    if not result.reranked:
        return ()
    remote = any(hit.logit is None for hit in result.reranked)
    numbers = (RELEVANCE_HELP,) if remote else (LOGIT_HELP, SIGMOID_HELP)
    if is_fused(result):
        return (*numbers, fused_help(result.ordering or Ordering()))
    return (*numbers, BY_RELEVANCE if remote else BY_LOGIT)


def fused_help(ordering: Ordering) -> str:
    """Return how a fused order came about."""
    return FUSED_HELP.format(
        constant=ordering.constant,
        reranker=ordering.reranker_weight,
        retrieved=ordering.retrieved_weight,
    )


def retrieval_scores(hit: Hit | RerankedHit) -> str:
    """Return the retriever's numbers, "" where a run file, not a search, found the passage."""
    ranks = search_ranks(hit) if hit.cosine is not None and hit.bm25 is not None else ""
    cosine = "" if hit.cosine is None else _number("cosine", f"{hit.cosine:.3f}", COSINE_HELP)
    return ranks + cosine + word_score(hit)


def word_score(hit: Hit | RerankedHit) -> str:
    """Return what the words came to, "" where that was not computed."""
    return "" if hit.bm25 is None else _number("BM25", f"{hit.bm25:.2f}", BM25_HELP)


def search_ranks(hit: Hit | RerankedHit) -> str:
    """Return the ranks by vectors and by words, a dash for one that the passage does not have."""
    ranks = (
        ("dense rank", hit.dense_rank),
        ("lexical rank", hit.lexical_rank),
        ("phrasing rank", hit.phrasing_rank),
    )
    return "".join(_number(name, "–" if rank is None else str(rank), RANKS_HELP) for name, rank in ranks)


def fused_ranks(hit: RerankedHit, ordering: Ordering) -> str:
    """Return the ranks that a fused order is made of, "" where the reranker's is the only one."""
    if hit.reranker_rank is None:
        return ""
    return _number("reranker rank", str(hit.reranker_rank), fused_help(ordering))


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
