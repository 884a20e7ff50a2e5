"""Open a question that a table names: on the Compare page, or on the Judge page."""

import streamlit as st

from rag.config import MAX_RETRIEVE_K
from rag.ui import state
from rag.ui.judging import desk, name
from rag.ui.judging.queue import Judging

_HOW = "Select a question in the table first; on the keyboard, with Shift+Space."


def buttons(query: str | None, *, collection: str, key: str) -> None:
    """Draw the buttons that open `query`, which wait for a question to be selected. `key` is the table's."""
    if query is not None:
        st.text(query)
    with st.container(horizontal=True):
        compare = st.button(
            "Open on the Compare page",
            key=f"compare_{key}",
            icon=":material/compare_arrows:",
            disabled=query is None,
            help=None if query else _HOW,
        )
        judge = st.button(
            "Judge it",
            key=f"judge_{key}",
            icon=":material/grading:",
            disabled=query is None,
            help=None if query else _HOW,
        )
    if query is not None and compare:
        state.open_collection(collection)
        state.ask(query)
        st.switch_page(state.COMPARE_PAGE)
    if query is not None and judge:
        to_be_judged(query, collection=collection)


def to_be_judged(query: str, *, collection: str) -> None:
    """Open `query` on the Judge page, for the judge and the depth that were chosen there last."""
    state.open_collection(collection)
    depth = min(MAX_RETRIEVE_K, int(st.session_state.get(desk.DEPTH, desk.DEFAULT_DEPTH)))
    desk.show(desk.desk(Judging(collection, name.name(), depth)), query)
    st.switch_page(state.JUDGE_PAGE)
