"""Draw a comparison as HTML: every text escaped, every character shown as it is."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape

from rag.amounts import counted
from rag.charts import Move, flow, links
from rag.records import Hit, Passage, RerankedHit, SearchResult
from rag.ui.comparison.grading_html import KEYS, Verdict, grade_buttons
from rag.ui.comparison.movements import ALL, Movements
from rag.ui.numbers_html import SIMILARITY_HELP, meanings, rerank_scores, retrieval_scores
from rag.ui.passage_html import differences, folded_text, highlighted, marker, page_image, source
from rag.ui.timing_html import timing_strip
from rag.wording import Movement, after_reranking, after_retrieval, is_remote, named, place, summary

__all__ = ["comparison", "meanings", "notice"]

_UNJUDGED = Verdict()


@dataclass(frozen=True, slots=True)
class _Card:
    """A hit of one column, how it moved, and its numbers as HTML."""

    hit: Hit | RerankedHit
    movement: Movement | None
    scores: str

    @property
    def key(self) -> str:
        """What its line and its card in the other column have too."""
        return str(self.hit.retrieved_rank if isinstance(self.hit, RerankedHit) else self.hit.rank)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What all cards of one answer have in common. Without `verdicts` they cannot be graded."""

    mark: re.Pattern[str]
    collection: str
    drawable: Collection[str]
    verdicts: Mapping[str, Verdict] | None

    def card(self, card: _Card, twins: Sequence[_Card]) -> str:
        passage = card.hit.passage
        return (
            f'<article class="rl-card{self._judged(passage)}" {self._labels(card)}>{_head(card)}'
            f"{source(passage)}{folded_text(passage.text, self.mark)}{self._page(passage)}"
            f"{self._grades(passage)}{self._twins(card, twins)}</article>"
        )

    def _labels(self, card: _Card) -> str:
        passage = card.hit.passage
        where = f", {place(passage.kind, passage.page)}" if passage.page is not None else ""
        keys = f' aria-keyshortcuts="{KEYS}"' if self.verdicts is not None else ""
        label = f"Rank {card.hit.rank}, {passage.document}{where}"
        return (
            f'data-chunk="{escape(passage.chunk_id)}" data-c="{card.key}" tabindex="0"{keys} '
            f'aria-label="{escape(label)}"'
        )

    def _judged(self, passage: Passage) -> str:
        worth = (self.verdicts or {}).get(passage.chunk_id, _UNJUDGED).worth
        return f" rl-judged-{worth}" if worth else ""

    def _grades(self, passage: Passage) -> str:
        if self.verdicts is None:
            return ""
        return grade_buttons(self.verdicts.get(passage.chunk_id, _UNJUDGED))

    def _twins(self, card: _Card, twins: Sequence[_Card]) -> str:
        if not twins:
            return ""
        ranks = ", ".join(str(twin.hit.rank) for twin in twins)
        what = "the same text" if all(twin.hit.similarity == 1 for twin in twins) else "nearly the same text"
        also = f"{what} at {'rank' if len(twins) == 1 else 'ranks'} {ranks}"
        shown = "".join(self._twin(twin, card.hit.passage.text) for twin in twins)
        return (
            f'<details class="rl-twins"><summary><b>×{len(twins) + 1}</b> {also}</summary>{shown}</details>'
        )

    def _twin(self, twin: _Card, text_above: str) -> str:
        passage, likeness = twin.hit.passage, twin.hit.similarity or 0.0
        if likeness == 1:
            said, text = "the same text", highlighted(passage.text, self.mark)
        else:
            text, n_words = differences(text_above, passage.text)
            said = f"similarity {likeness:.3f}, {counted(n_words, 'word')} changed"
        return (
            f'<div class="rl-twin{self._judged(passage)}" role="group" {self._labels(twin)}>{_head(twin)}'
            f"{source(passage)}"
            f'<details><summary title="{escape(SIMILARITY_HELP)}">{escape(said)}</summary>'
            f'<div class="rl-text" dir="auto">{text}</div></details>{self._page(passage)}'
            f"{self._grades(passage)}</div>"
        )

    def _page(self, passage: Passage) -> str:
        return page_image(passage, self.collection) if passage.document_id in self.drawable else ""


def comparison(
    result: SearchResult,
    *,
    top_k: int,
    drawable: Collection[str] = (),
    verdicts: Mapping[str, Verdict] | None = None,
    movements: Movements = ALL,
    told: str = "",
) -> str:
    """Return both rankings, cut to `top_k`, with the rank flow between them, under a sentence and the times.

    The documents whose ids are in `drawable` have pages that can be shown. `verdicts`, by chunk id, are
    what is said of the passages; None draws cards that cannot be graded, else the judge is `told`
    something. `movements` says which are shown.
    """
    draw = _Drawing(marker(result.query), result.collection, drawable, verdicts)
    ranks_now = {hit.retrieved_rank: hit.rank for hit in result.reranked}
    left = [
        _Card(hit, after_retrieval(hit.rank, ranks_now, top_k), retrieval_scores(hit))
        for hit in result.retrieved[:top_k]
        if movements.include(hit.rank, ranks_now.get(hit.rank, hit.rank), top_k)
    ]
    right = [
        _Card(hit, after_reranking(hit, top_k), rerank_scores(hit))
        for hit in result.reranked[:top_k]
        if movements.include(hit.retrieved_rank, hit.rank, top_k)
    ]
    reranker = named(result.reranker) if result.reranker else "off"
    kind = "remote" if result.reranker and is_remote(result.reranker) else "cross-encoder"
    notices = "".join(map(_notice, result.notices))
    return (
        f'<div class="rl rl-linked" data-key="{_key(result)}">'
        f'<p class="rl-summary">{escape(summary(result, top_k))}</p>{notices}{timing_strip(result)}'
        f"{_told(told)}"
        f'<div class="rl-columns">{_flow(result, top_k, verdicts or {}, movements)}'
        f"{_column('Retrieved · FAISS', result.embedder.id, left, len(result.retrieved), draw)}"
        f"{_column(f'Reranked · {kind}', reranker, right, len(result.reranked), draw)}"
        f"</div>{links(str(hit.rank) for hit in result.retrieved)}</div>"
    )


def notice(sentence: str) -> str:
    """Return a sentence that a visitor should know before asking."""
    return f'<div class="rl">{_notice(sentence)}</div>'


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
            verdicts.get(hit.passage.chunk_id, _UNJUDGED).grade,
        )
        for hit in result.reranked
    ]
    shown = {move.key for move in moves if movements.include(move.retrieved_rank, move.reranked_rank, top_k)}
    chart = flow(moves, top_k=top_k, shown=shown, roving=True)
    return f'<section class="rl-middle" aria-label="Rank flow"><div class="rl-sticks">{chart}</div></section>'


def _key(result: SearchResult) -> str:
    """What tells one answer from another: of another one, nothing stays unfolded."""
    told = f"{result.collection}\n{result.query}\n{result.total_s!r}"
    return sha256(told.encode("utf-8", "replace")).hexdigest()[:16]


def _head(card: _Card) -> str:
    moved = ""
    if card.movement:
        moved = (
            f'<span class="rl-move rl-{card.movement.direction}" title="{escape(card.movement.sentence)}">'
            f"{escape(card.movement.mark)}</span>"
        )
    return f'<div class="rl-head"><span class="rl-rank">{card.hit.rank}</span>{moved}{card.scores}</div>'


def _notice(sentence: str) -> str:
    return f'<p class="rl-notice" role="status">{escape(sentence)}</p>'


def _column(title: str, model_id: str, cards: Sequence[_Card], n_all: int, draw: _Drawing) -> str:
    """Return the cards in order; those that say the same as an earlier one lie folded under it."""
    ranks = {card.hit.rank for card in cards}
    twins: dict[int | None, list[_Card]] = {}
    for card in cards:
        first = card.hit.duplicate_of
        twins.setdefault(first if first in ranks else None, []).append(card)
    shown = "".join(draw.card(card, twins.get(card.hit.rank, ())) for card in twins.get(None, ()))
    return (
        f'<section class="rl-column" aria-label="{escape(title)}"><header><h3>{escape(title)}</h3>'
        f"<p>{escape(model_id)} · {len(cards)} of {n_all}</p></header>{shown}</section>"
    )
