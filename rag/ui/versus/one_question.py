"""One question, its candidates in three orders: as retrieved, by A and by B."""

import streamlit as st

from rag.config import MAX_RETRIEVE_K
from rag.inspect.versus import Duel, duel
from rag.service import Service
from rag.stats.agreement import agreement
from rag.ui import components, drawing, state, working
from rag.ui.versus import cards, html
from rag.ui.versus.choice import Pair

QUESTION = "versus_question"
TOP_K = "versus_top_k"
FRESH = "versus_fresh"
_MOST_CARDS = 30
_FEW_CARDS = 5
_DUEL = "versus_duel"


def draw(service: Service, pair: Pair) -> None:
    """Draw the form that asks one question, and what both made of its candidates."""
    if asked := _form(service):
        query, retrieve_k, fresh = asked
        st.session_state[_DUEL] = None
        with working.problems_told(service), working.progress("Both read the candidates") as pulse:
            found = duel(
                service,
                query,
                *pair.references,
                collection=pair.collection,
                retrieve_k=retrieve_k,
                fresh=fresh,
                pulse=pulse,
            )
            st.session_state[_DUEL] = (pair, found)
    of, made = st.session_state.get(_DUEL) or (None, None)
    if made and of == pair:
        _shown(made, pair)
    else:
        st.text("Ask a question: both get the same candidates, and each puts them into its own order.")


def _form(service: Service) -> tuple[str, int, bool] | None:
    """Draw the form; return question, candidates, and whether to compute every score, once it is sent."""
    st.session_state.setdefault(QUESTION, st.session_state.get(state.QUESTION, ""))
    with st.form("versus_ask"):
        slots = st.columns([6, 3, 1.2], vertical_alignment="bottom")
        query = slots[0].text_input(
            "Question",
            key=QUESTION,
            placeholder="Ask in your own words",
            persist_state="session",
        )
        retrieve_k = slots[1].number_input(
            "Candidates (retrieve k)", 1, MAX_RETRIEVE_K, service.settings.retrieve_k, key="versus_k"
        )
        sent = slots[2].form_submit_button("Compare", type="primary", width="stretch")
        fresh = st.checkbox(
            "Compute every score anew, to compare the times",
            key=FRESH,
            help="A score that is known costs no time. Computed anew, both read all pairs now.",
        )
    return (query, int(retrieve_k), fresh) if sent else None


def _shown(found: Duel, pair: Pair) -> None:
    components.notices(found.notices)
    st.html(html.agreement(agreement(found.a.chunks, found.b.chunks), pair.names))
    top_k = st.slider(
        "Cards in each column (top k)",
        1,
        _MOST_CARDS,
        _FEW_CARDS,
        key=TOP_K,
        persist_state="session",
        width=360,
    )
    drawing.show(cards.duel(found, pair.names, top_k=top_k), key="versus_columns")
