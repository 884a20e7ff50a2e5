"""Draw a comparison as HTML: every text escaped, every character shown as it is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape

from rag.charts import Move, flow, links
from rag.language_names import language_name
from rag.outcomes import Ordering
from rag.records import SearchResult
from rag.ui.comparison.card_html import UNJUDGED, Card, Drawing
from rag.ui.comparison.grading_html import Verdict
from rag.ui.comparison.movements import ALL, Movements
from rag.ui.comparison.orders import is_fused
from rag.ui.numbers_html import fused_ranks, meanings, rerank_scores, retrieval_scores, word_score
from rag.ui.passage_html import marker
from rag.ui.timing_html import timing_strip
from rag.wording import (
    ANSWER_STAGES,
    RETRIEVER_TITLES,
    after_reranking,
    after_retrieval,
    found_by,
    from_words,
    is_remote,
    named,
    summary,
)

__all__ = ["comparison", "meanings", "notice"]


@dataclass(frozen=True, slots=True)
class _Column:
    """A ranking as it is headed: what made it, and how many hits it has beyond its cards."""

    title: str
    made_by: str
    cards: Sequence[Card]
    n_all: int


def comparison(
    result: SearchResult,
    *,
    top_k: int,
    drawable: Collection[str] = (),
    verdicts: Mapping[str, Verdict] | None = None,
    movements: Movements = ALL,
    words_alone: bool = False,
    told: str = "",
) -> str:
    """Return both rankings, cut to `top_k`, with the rank flow between them, under a sentence and the times.

    The documents whose ids are in `drawable` have pages that can be shown. `verdicts`, by chunk id, are
    what is said of the passages; None draws cards that cannot be graded, else the judge is `told`
    something. `movements` says which are shown. With `words_alone`, the lexical search is a third column.
    """
    draw = Drawing(marker(result.query), result.collection, drawable, verdicts)
    columns = [_retrieved(result, top_k, movements), _reranked(result, top_k, movements)]
    if words_alone:
        columns.append(_lexical(result, top_k, movements))
    notices = "".join(map(_notice, result.notices))
    three = " rl-with-words" if words_alone else ""
    return (
        f'<div class="rl rl-linked" data-key="{_key(result)}">'
        f'<p class="rl-summary">{escape(summary(result, top_k))}</p>{_how(result)}{notices}'
        f"{timing_strip(result)}{_told(told)}"
        f'<div class="rl-columns{three}">{_flow(result, top_k, verdicts or {}, movements)}'
        f"{''.join(_column(column, draw) for column in columns)}"
        f"</div>{links(str(hit.rank) for hit in result.retrieved)}</div>"
    )


def notice(sentence: str) -> str:
    """Return a sentence that a visitor should know before asking."""
    return f'<div class="rl">{_notice(sentence)}</div>'


def _retrieved(result: SearchResult, top_k: int, movements: Movements) -> _Column:
    ranks_now = {hit.retrieved_rank: hit.rank for hit in result.reranked}
    cards = [
        Card(hit, after_retrieval(hit.rank, ranks_now, top_k), retrieval_scores(hit), str(hit.rank))
        for hit in result.retrieved[:top_k]
        if movements.include(hit.rank, ranks_now.get(hit.rank, hit.rank), top_k)
    ]
    title = f"Retrieved · {RETRIEVER_TITLES[result.retriever]}"
    return _Column(title, found_by(result), cards, len(result.retrieved))


def _reranked(result: SearchResult, top_k: int, movements: Movements) -> _Column:
    ordering = result.ordering or Ordering()
    cards = [
        Card(
            hit,
            after_reranking(hit, top_k),
            fused_ranks(hit, ordering) + rerank_scores(hit),
            str(hit.retrieved_rank),
        )
        for hit in result.reranked[:top_k]
        if movements.include(hit.retrieved_rank, hit.rank, top_k)
    ]
    kind = "remote" if result.reranker and is_remote(result.reranker) else "cross-encoder"
    reranker = named(result.reranker) if result.reranker else "off"
    if is_fused(result):
        return _Column(
            f"Reranked · {kind}, ranks fused",
            f"{reranker}, and the order retrieved",
            cards,
            len(result.reranked),
        )
    return _Column(f"Reranked · {kind}", reranker, cards, len(result.reranked))


def _lexical(result: SearchResult, top_k: int, movements: Movements) -> _Column:
    """Return the lexical search by itself; a filter leaves those of its hits that it leaves of the others."""
    candidates = {hit.passage.chunk_id: hit.rank for hit in result.retrieved}
    ranks_now = {hit.retrieved_rank: hit.rank for hit in result.reranked}
    cards = []
    for hit in result.lexical[:top_k]:
        candidate = candidates.get(hit.passage.chunk_id)
        now = ranks_now.get(candidate or 0, candidate)
        if movements == ALL or (candidate and now and movements.include(candidate, now, top_k)):
            moved = from_words(hit.rank, candidate)
            cards.append(Card(hit, moved, word_score(hit), str(candidate or "")))
    return _Column("Words alone · BM25", "the question's words, stemmed", cards, len(result.lexical))


def _how(result: SearchResult) -> str:
    """Return the question's language, where it is sure, what was searched by, and the final order's rule."""
    language = f"Question in {language_name(result.language)} · " if result.language else ""
    by = {"dense": "vectors", "lexical": "words", "hybrid": "vectors and words"}[result.retriever]
    because = result.ordering.because if result.ordering else ""
    order = f'<p class="rl-how">Final order: {escape(because)}</p>' if because else ""
    return f'<p class="rl-how">{escape(language)}{result.retriever} retrieval, by {by}</p>{order}'


def _told(sentence: str) -> str:
    return f'<p class="rl-told" role="status">{escape(sentence)}</p>' if sentence else ""


def _flow(result: SearchResult, top_k: int, verdicts: Mapping[str, Verdict], movements: Movements) -> str:
    if not result.reranked:
        return ""
    moves = [
        Move(
            str(hit.retrieved_rank),
            hit.passage.document,
            hit.retrieved_rank,
            hit.rank,
            verdicts.get(hit.passage.chunk_id, UNJUDGED).grade,
        )
        for hit in result.reranked
    ]
    shown = {move.key for move in moves if movements.include(move.retrieved_rank, move.reranked_rank, top_k)}
    chart = flow(moves, top_k=top_k, shown=shown, roving=True)
    return f'<section class="rl-middle" aria-label="Rank flow"><div class="rl-sticks">{chart}</div></section>'


def _key(result: SearchResult) -> str:
    """What tells one answer from another: of another one, nothing stays unfolded."""
    # The search alone: an answer that comes later, with a wait of its own, is still about this search.
    times = {stage.stage: stage.seconds for stage in reversed(result.stages)}
    times = {name: seconds for name, seconds in times.items() if name not in ANSWER_STAGES}
    told = f"{result.collection}\n{result.query}\n{sorted(times.items())!r}"
    return sha256(told.encode("utf-8", "replace")).hexdigest()[:16]


def _notice(sentence: str) -> str:
    return f'<p class="rl-notice" role="status">{escape(sentence)}</p>'


def _column(column: _Column, draw: Drawing) -> str:
    """Return the cards in order; those that say the same as an earlier one lie folded under it."""
    ranks = {card.hit.rank for card in column.cards}
    twins: dict[int | None, list[Card]] = {}
    for card in column.cards:
        first = card.hit.duplicate_of
        twins.setdefault(first if first in ranks else None, []).append(card)
    shown = "".join(draw.card(card, twins.get(card.hit.rank, ())) for card in twins.get(None, ()))
    title = escape(column.title)
    return (
        f'<section class="rl-column" aria-label="{title}"><header><h3>{title}</h3>'
        f"<p>{escape(column.made_by)} · {len(column.cards)} of {column.n_all}</p></header>{shown}</section>"
    )
