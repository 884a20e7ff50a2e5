"""Draw the same candidates as several rerankers order them, as HTML: every text escaped.

Pointing at a passage lights it up in every column.
"""

import re
from collections.abc import Mapping, Sequence
from html import escape

from rag.charts import links
from rag.inspect.versus import Duel, Ordered
from rag.records import Hit, Passage, RerankedHit
from rag.ui.numbers_html import rerank_scores, retrieval_scores
from rag.ui.passage_html import folded_text, marker, source
from rag.ui.versus.html import took
from rag.wording import after_reranking, found_by, named

_NO_RANK = "–"


def duel(found: Duel, names: tuple[str, str], *, top_k: int, swapped: bool = False) -> str:
    """Return what was retrieved beside what both made of it, cut to `top_k`.

    `names` are those of the first and the second reranker; `swapped`, they stand as B and A.
    """
    cards = _Cards(found)
    sides = list(zip((found.a, found.b), names, strict=True))
    sides = sides[::-1] if swapped else sides
    ranks = {letter: _ranks(side.chunks) for letter, (side, _) in zip("AB", sides, strict=True)}
    retrieved = [
        cards.card(hit, _others(hit.passage, ranks) + retrieval_scores(hit))
        for hit in found.retrieved.retrieved[:top_k]
    ]
    columns = [_column("Retrieved", found_by(found.retrieved), "", retrieved)]
    for letter, (side, name) in zip("AB", sides, strict=True):
        other = {at: of for at, of in ranks.items() if at != letter}
        shown = [
            cards.card(hit, _moved(hit, top_k) + _others(hit.passage, other) + _score(hit))
            for hit in _hits(found, side)[:top_k]
        ]
        columns.append(_column(f"{letter} · {name}", _model(side, found), took(side), shown))
    return cards.linked(f'<div class="rl-columns rl-three">{"".join(columns)}</div>')


def blind(found: Duel, *, top_k: int, swapped: bool) -> str:
    """Return the sides A and B as a voter may see them: the texts in their order, and nothing else."""
    cards = _Cards(found)
    sides = (found.b, found.a) if swapped else (found.a, found.b)
    columns = [
        _column(letter, "", "", [cards.card(hit, rank=rank) for rank, hit in enumerate(hits[:top_k], 1)])
        for letter, hits in zip("AB", (_hits(found, side) for side in sides), strict=True)
    ]
    return cards.linked(f'<div class="rl-columns">{"".join(columns)}</div>')


class _Cards:
    """Draws the cards of one question's candidates."""

    def __init__(self, found: Duel) -> None:
        self._mark: re.Pattern[str] = marker(found.retrieved.query)
        # In order of their ids: no key tells a voter where a passage was ranked.
        ids = sorted(hit.passage.chunk_id for hit in found.retrieved.retrieved)
        self._keys = {chunk_id: str(number) for number, chunk_id in enumerate(ids)}

    def card(self, hit: Hit | RerankedHit, details: str = "", *, rank: int | None = None) -> str:
        """Return one card, with `details` as HTML beside its rank."""
        passage = hit.passage
        return (
            f'<article class="rl-card" tabindex="0" data-c="{self._keys[passage.chunk_id]}" '
            f'data-chunk="{escape(passage.chunk_id)}"><div class="rl-head">'
            f'<span class="rl-rank">{rank or hit.rank}</span>{details}</div>{source(passage)}'
            f"{folded_text(passage.text, self._mark)}</article>"
        )

    def linked(self, columns: str) -> str:
        """Return `columns` with what lights the same passage up in all of them."""
        return f'<div class="rl rl-linked">{links(self._keys.values())}{columns}</div>'


def _hits(found: Duel, side: Ordered) -> Sequence[Hit | RerankedHit]:
    return side.reranking.reranked if side.reranking else found.retrieved.retrieved


def _ranks(chunks: Sequence[str]) -> Mapping[str, int]:
    return {chunk: rank for rank, chunk in enumerate(chunks, 1)}


def _model(side: Ordered, found: Duel) -> str:
    return named(side.model) if side.reranking else f"the retriever's order: {found_by(found.retrieved)}"


def _others(passage: Passage, ranks: Mapping[str, Mapping[str, int]]) -> str:
    return "".join(
        f'<span class="rl-number" title="Its rank in {letter}.">in {letter} '
        f"<b>{of.get(passage.chunk_id, _NO_RANK)}</b></span>"
        for letter, of in ranks.items()
    )


def _moved(hit: Hit | RerankedHit, top_k: int) -> str:
    if isinstance(hit, Hit):
        return ""
    move = after_reranking(hit, top_k)
    title = escape(move.sentence)
    return f'<span class="rl-move rl-{move.direction}" title="{title}">{escape(move.mark)}</span>'


def _score(hit: Hit | RerankedHit) -> str:
    return retrieval_scores(hit) if isinstance(hit, Hit) else rerank_scores(hit)


def _column(title: str, model: str, time: str, cards: Sequence[str]) -> str:
    below = f"<p>{escape(model)}</p>" if model else ""
    spent = f'<p class="rl-took">{time}</p>' if time else ""
    return (
        f'<section class="rl-column" aria-label="{escape(title)}"><header><h3>{escape(title)}</h3>'
        f"{below}{spent}</header>{''.join(cards)}</section>"
    )
