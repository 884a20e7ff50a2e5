"""Why a passage has its score: what each of its sentences, and each word of the question, is worth."""

import streamlit as st

from rag.inspect.rerankers import RerankerOption
from rag.inspect.why import Why, explain
from rag.records import Hit, RerankedHit, SearchResult
from rag.service import Service
from rag.ui import working
from rag.ui.inspection import known, reader
from rag.ui.inspection import time as inspect_time
from rag.ui.inspection.why_html import drawing

CARD = "inspect_card"
_CHARS = 60


def draw(service: Service, result: SearchResult) -> None:
    """Draw the section: choose a card, see what its score rests on."""
    st.text(
        "The reranker reads the pair again, each time without one sentence of the passage, then without one "
        "word of the question. What the score loses is what that part was worth."
    )
    cards: tuple[Hit | RerankedHit, ...] = result.reranked or result.retrieved
    by_id = {card.passage.chunk_id: card for card in cards}
    if st.session_state.get(CARD) not in by_id:
        st.session_state[CARD] = None
    chosen = st.selectbox(
        "Card",
        list(by_id),
        format_func=lambda chunk: _label(by_id[chunk]),
        key=CARD,
        placeholder="Choose one",
    )
    if chosen is None:
        return
    with working.problems_told(service):
        by = reader.reader_of(service, result)
        reader.say_who(by, result)
        why = _explained(service, result, by_id[chosen], by)
        for notice in why.notices:
            st.text(notice)
        st.html(drawing(why, by_id[chosen].passage))


def _explained(service: Service, result: SearchResult, card: Hit | RerankedHit, by: RerankerOption) -> Why:
    """Return why the card has its score: as it was found out before, or found out now."""
    of = (card.passage.chunk_id, by.reference, by.sha256)
    match known.about(result, known.EXPLAINED):
        case (known_of, Why() as why) if known_of == of:
            return why
    with (
        working.progress("Scored without one part", on_cancel=_choose_none) as pulse,
        service.rerankers.using(by.reference, pulse=pulse) as scorer,
    ):
        why = explain(service.pipeline, result.query, card.passage, scorer=scorer, pulse=pulse)
    known.keep(result, known.EXPLAINED, (of, why))
    return why


def _choose_none() -> None:
    st.session_state[CARD] = None


def _label(card: Hit | RerankedHit) -> str:
    came = f" (from {card.retrieved_rank})" if isinstance(card, RerankedHit) else ""
    text = inspect_time.shortened(card.passage.text, _CHARS)
    return f"{card.rank}{came} · {card.passage.document} · {text}"
