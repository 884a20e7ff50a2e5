"""Who judges: the one name under which a session grades, on whatever page."""

import streamlit as st

from rag.library import Library
from rag.parse.clean import clean
from rag.store.judgments import MAX_JUDGE_CHARS

JUDGE = "judge"


def name() -> str:
    """Return the name under which this session judges, as it is stored; "" while none is given."""
    return clean(str(st.session_state.get(JUDGE) or ""))[:MAX_JUDGE_CHARS].rstrip()


def choice(library: Library, collection: str, *, says: str, width: int | None = None) -> str:
    """Draw the choice of the name, among those who judged in `collection`; return the name."""
    chosen = st.session_state.get(JUDGE) or ""
    known = {judge for judge in (*library.store.judgments.judges(collection), chosen) if judge}
    st.selectbox(
        "Your name as a judge",
        sorted(known),
        index=None,
        key=JUDGE,
        accept_new_options=True,
        placeholder="No name",
        persist_state="session",
        help=says,
        width=width or "stretch",
    )
    return name()
