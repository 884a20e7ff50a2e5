"""An answer on the Compare page: what of it is shown, both rankings, their grades, and what lies behind."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from rag.config import MAX_RETRIEVE_K
from rag.records import DocumentInfo, SearchResult
from rag.service import Service
from rag.ui import components, state
from rag.ui.comparison import grading
from rag.ui.comparison.movements import ALL, Movements
from rag.ui.comparison.orders import in_reranker_order, is_fused
from rag.ui.inspection import sections

COMPARISON = "comparison"
MOVED, CROSSED = "moved_at_least", "crossed_top_k"
ORDER, WORDS_ALONE = "order_shown", "words_alone"
_FUSED, _PURE = "Fused", "Reranker alone"
_ENTERED, _LEFT = "Entered the top k", "Left the top k"


# A filter, a grade or another top k draws this again, and nothing else of the page.
@st.fragment
def draw(
    service: Service, found: SearchResult, documents: Sequence[DocumentInfo], said: Sequence[str]
) -> None:
    """Draw the answer `found` in the collection of `documents`; what is `said` stands on the page already."""
    library = service.library
    with st.container(horizontal=True, vertical_alignment="bottom", key="shown"):
        top_k = st.slider(
            "Cards in each column (top k)",
            1,
            max(100, service.settings.top_k),
            state.usual(state.TOP_K, service.settings.top_k),
            key=state.TOP_K,
            persist_state="session",
            help="Only what is shown; nothing is computed again.",
            width=240,
        )
        movements = _movements() if found.reranked else ALL
        words_alone = _words_alone(found)
        shown = _in_order(found)
    verdicts = grading.of_result(library, found)
    # What stands above the question already is not said twice; the answer stands there too.
    others = tuple(notice for notice in found.notices if notice not in said)
    components.result(
        replace(shown, notices=others, answer=None),
        documents,
        top_k=top_k,
        movements=movements,
        verdicts=verdicts,
        words_alone=words_alone,
        key=COMPARISON,
        on_marks=partial(grading.take, library, found, COMPARISON),
    )
    sections.refresh(found, grading.grades(verdicts))


def _in_order(found: SearchResult) -> SearchResult:
    """Where the final order is a fused one, offer the reranker's own; return `found` in the chosen one."""
    if not is_fused(found):
        return found
    chosen = st.segmented_control(
        "Order of the reranked",
        [_FUSED, _PURE],
        default=_FUSED,
        required=True,
        key=ORDER,
        persist_state="session",
        help="Both are of the same scores and ranks; nothing is computed again.",
    )
    return in_reranker_order(found) if chosen == _PURE else found


def _words_alone(found: SearchResult) -> bool:
    """Where words have found a part of the candidates, offer their search by itself as a third column."""
    if found.retriever != "hybrid":
        return False
    return st.toggle(
        "Words alone",
        key=WORDS_ALONE,
        persist_state="session",
        help="A third column: what the lexical search (BM25) found by itself.",
    )


def _movements() -> Movements:
    """Draw what chooses candidates by how they moved; return what it holds."""
    at_least = st.number_input(
        "Moved at least",
        0,
        MAX_RETRIEVE_K,
        key=MOVED,
        persist_state="session",
        width=150,
        help="By how many ranks, up or down. The others fade in the chart and have no card.",
    )
    crossed = st.pills(
        "Crossed the cut",
        [_ENTERED, _LEFT],
        selection_mode="multi",
        key=CROSSED,
        persist_state="session",
        help="Only those that reranking brought into the cards shown, or took out of them.",
    )
    return Movements(int(at_least), _ENTERED in crossed, _LEFT in crossed)
