"""Choose what is measured: by whose judgments, how far down."""

from dataclasses import dataclass

import streamlit as st

from rag.config import MAX_RETRIEVE_K
from rag.library import Library

JUDGE, PRECISION, RECALL = "measure_judge", "measure_precision_k", "measure_recall_k"
_ALL: tuple[str, ...] = ()  # which no judge's name can be


@dataclass(frozen=True, slots=True)
class MeasureChoice:
    """By whose judgments is measured, None for all; and the depths of precision and recall."""

    judge: str | None
    precision_depth: int
    recall_depth: int


def draw(library: Library, current: str) -> MeasureChoice:
    """Draw the choices in a row; return what is chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        judges = [_ALL, *((name,) for name in library.store.judgments.judges(current))]
        if st.session_state.get(JUDGE) not in judges:
            st.session_state[JUDGE] = _ALL
        judges_of = st.selectbox(
            "Judge",
            judges,
            format_func=lambda one: (one[0] or "No name") if one else "All judges (the median)",
            key=JUDGE,
            persist_state="session",
            width=260,
        )
        precision = st.number_input(
            "P@k", 1, MAX_RETRIEVE_K, 5, key=PRECISION, persist_state="session", width=120
        )
        recall = st.number_input(
            "Recall@k",
            1,
            MAX_RETRIEVE_K,
            10,
            key=RECALL,
            persist_state="session",
            width=120,
            help="At the number of candidates, both stages have the same recall: the reranker finds nothing "
            "that was not retrieved.",
        )
    return MeasureChoice(judges_of[0] if judges_of else None, int(precision), int(recall))
