"""Draw a comparison as HTML: every text escaped, every character shown as it is."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape

from rag.amounts import counted, milliseconds
from rag.records import Hit, Passage, RerankedHit, SearchResult, StageTime
from rag.ui.passage_html import differences, folded_text, highlighted, marker, page_image, source
from rag.wording import (
    Movement,
    after_reranking,
    after_retrieval,
    is_remote,
    named,
    stage_counts,
    stage_marks,
    summary,
)

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

_STAGE_HELP = {
    "queue": "From the question's arrival: waiting for those before it. A remote reranker has a queue too.",
    "load": "The collection's index comes into memory, or up to date with its documents.",
    "embed": "The embedder turns the question into a vector.",
    "search": "FAISS finds the nearest chunks.",
    "tokenize": "Question and chunks become tokens, pair by pair.",
    "score": "The cross-encoder reads every pair.",
    "sort": "The pairs are put in order of their scores.",
    "duplicates": "The hits are compared with each other: those that say the same lie under the first.",
    "network": "The round trip to the remote reranker, less what that says it took itself, if it says so.",
    "server": "The remote reranker's own time, as it reports it.",
}


@dataclass(frozen=True, slots=True)
class _Card:
    """A hit of one column, how it moved, and its numbers as HTML."""

    hit: Hit | RerankedHit
    movement: Movement | None
    scores: str


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What all cards of one answer have in common."""

    mark: re.Pattern[str]
    collection: str
    drawable: Collection[str]

    def card(self, card: _Card, twins: Sequence[_Card]) -> str:
        passage = card.hit.passage
        return (
            f'<article class="rl-card" data-chunk="{escape(passage.chunk_id)}">{_head(card)}'
            f"{source(passage)}{folded_text(passage.text, self.mark)}{self._page(passage)}"
            f"{self._twins(card, twins)}</article>"
        )

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
            f'<div class="rl-twin" data-chunk="{escape(passage.chunk_id)}">{_head(twin)}{source(passage)}'
            f'<details><summary title="{escape(SIMILARITY_HELP)}">{escape(said)}</summary>'
            f'<div class="rl-text" dir="auto">{text}</div></details>{self._page(passage)}</div>'
        )

    def _page(self, passage: Passage) -> str:
        return page_image(passage, self.collection) if passage.document_id in self.drawable else ""


def _head(card: _Card) -> str:
    moved = ""
    if card.movement:
        moved = (
            f'<span class="rl-move rl-{card.movement.direction}" title="{escape(card.movement.sentence)}">'
            f"{escape(card.movement.mark)}</span>"
        )
    return f'<div class="rl-head"><span class="rl-rank">{card.hit.rank}</span>{moved}{card.scores}</div>'


def comparison(result: SearchResult, *, top_k: int, drawable: Collection[str] = ()) -> str:
    """Return both rankings side by side, cut to `top_k`, under one sentence and the timing strip.

    The documents whose ids are in `drawable` have pages that can be shown.
    """
    draw = _Drawing(marker(result.query), result.collection, drawable)
    ranks_now = {hit.retrieved_rank: hit.rank for hit in result.reranked}
    left = [
        _Card(
            hit, after_retrieval(hit.rank, ranks_now, top_k), _number("cosine", f"{cosine:.3f}", COSINE_HELP)
        )
        for hit in result.retrieved[:top_k]
        if (cosine := hit.cosine) is not None
    ]
    right = [_Card(hit, after_reranking(hit, top_k), _rerank_scores(hit)) for hit in result.reranked[:top_k]]
    reranker = named(result.reranker) if result.reranker else "off"
    kind = "remote" if result.reranker and is_remote(result.reranker) else "cross-encoder"
    notices = "".join(map(_notice, result.notices))
    return (
        f'<div class="rl"><p class="rl-summary">{escape(summary(result, top_k))}</p>{notices}'
        f"{timing_strip(result)}"
        '<div class="rl-columns">'
        f"{_column('Retrieved · FAISS', result.embedder.id, left, len(result.retrieved), draw)}"
        f"{_column(f'Reranked · {kind}', reranker, right, len(result.reranked), draw)}"
        "</div></div>"
    )


def meanings(result: SearchResult) -> tuple[str, ...]:
    """Return what each number on the cards of `result` means."""
    folded = (SIMILARITY_HELP,) if any(hit.duplicate_of for hit in result.retrieved) else ()
    if any(hit.logit is None for hit in result.reranked):
        return (COSINE_HELP, RELEVANCE_HELP, *folded)
    return (COSINE_HELP, *((LOGIT_HELP, SIGMOID_HELP) if result.reranked else ()), *folded)


def notice(sentence: str) -> str:
    """Return a sentence that a visitor should know before asking."""
    return f'<div class="rl">{_notice(sentence)}</div>'


def timing_strip(result: SearchResult) -> str:
    """Return the stages of this question: a bar in proportion to their times, and the times."""
    shares = [(stage.stage, 100 * stage.seconds / result.total_s) for stage in result.stages]
    bar = "".join(f'<span class="rl-bar-{name}" style="width:{share:.3f}%"></span>' for name, share in shares)
    rows = "".join(map(_stage, result.stages))
    total = (
        '<li class="rl-total" title="The stages, and the little between them."><b>total</b> '
        f"<span>{milliseconds(result.total_s)}</span></li>"
    )
    return (
        '<div class="rl-timing" role="group" aria-label="Time of each stage of this question">'
        f'<div class="rl-bar" aria-hidden="true">{bar}</div><ul>{rows}{total}</ul></div>'
    )


def _notice(sentence: str) -> str:
    return f'<p class="rl-notice" role="status">{escape(sentence)}</p>'


def _stage(stage: StageTime) -> str:
    counts = stage_counts(stage)
    marks = "".join(f' <em class="rl-badge">{escape(mark)}</em>' for mark in stage_marks(stage))
    detail = f" <small>{escape(counts)}</small>" if counts else ""
    return (
        f'<li title="{escape(_STAGE_HELP.get(stage.stage, stage.stage))}">'
        f'<i class="rl-bar-{stage.stage}"></i><b>{escape(stage.stage)}</b> '
        f"<span>{milliseconds(stage.seconds)}</span>{detail}{marks}</li>"
    )


def _column(title: str, model_id: str, cards: Sequence[_Card], n_all: int, draw: _Drawing) -> str:
    """Return the cards in order; those that say the same as an earlier one lie folded under it."""
    twins: dict[int | None, list[_Card]] = {}
    for card in cards:
        twins.setdefault(card.hit.duplicate_of, []).append(card)
    shown = "".join(draw.card(card, twins.get(card.hit.rank, ())) for card in twins.get(None, ()))
    return (
        f'<section class="rl-column" aria-label="{escape(title)}"><header><h3>{escape(title)}</h3>'
        f"<p>{escape(model_id)} · {len(cards)} of {n_all}</p></header>{shown}</section>"
    )


def _rerank_scores(hit: RerankedHit) -> str:
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
