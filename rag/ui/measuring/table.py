"""The questions of a collection one by one: what was measured of each, and why others were not."""

from collections import Counter

import streamlit as st

from rag.amounts import counted
from rag.evaluation.measures import WHY, CollectionMeasure
from rag.language_names import language_name
from rag.metrics import Metrics, named
from rag.ui import open_question

MEASURE = "measure_shown"
TABLE, OTHERS = "measure_table", "measure_others"
_NUMBER = st.column_config.NumberColumn(format="%.3f")
_CONFIG = {
    "Question": st.column_config.TextColumn(width="large"),
    "Retrieved": _NUMBER,
    "Reranker alone": _NUMBER,
    "Reranked": _NUMBER,
    "Difference": st.column_config.NumberColumn(format="%+.3f"),
    "If unjudged are good": st.column_config.NumberColumn(
        format="%.3f",
        help="Reranked, if every passage that nobody judged were fully relevant. It can be less: an ideal "
        "order would then gain more, too.",
    ),
    "Judged@10": st.column_config.NumberColumn(
        format="percent", help="The share of the reranked top 10 that has a grade."
    ),
    "Time (ms)": st.column_config.NumberColumn(
        format="%.0f", help="Empty where a score came from the cache, or a model was used for the first time."
    ),
}


def questions(found: CollectionMeasure) -> None:
    """Draw the measured questions as a table that can be sorted, and what can be done with one of them."""
    *names, _judged = found.retrieved.by_name
    shown = st.selectbox("Shown of each question", names, key=MEASURE, persist_state="session", width=240)
    event = st.dataframe(
        _columns(found, shown),
        key=TABLE,
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        placeholder="",
        alt=f"{shown} of each question, as retrieved and reranked",
        column_config=_CONFIG,
    )
    rows = event["selection"]["rows"]
    chosen = found.questions[rows[0]].query if rows and rows[0] < len(found.questions) else None
    open_question.buttons(chosen, collection=found.collection, key="measured")


def _columns(found: CollectionMeasure, shown: str) -> dict[str, list[object]]:
    def of(metrics: Metrics, name: str = shown) -> float:
        means = found.retrieved
        return named(metrics, recall_depth=means.recall_depth, precision_depth=means.precision_depth)[name]

    every = found.questions
    languages = [one.language and language_name(one.language) for one in every]
    return {
        "Question": [one.query for one in every],
        **({"Language": [*languages]} if len(found.languages) > 1 else {}),
        "Retrieved": [of(one.retrieved) for one in every],
        **({"Reranker alone": [of(one.by_reranker) for one in every]} if found.by_reranker else {}),
        "Reranked": [of(one.reranked) for one in every],
        "Difference": [of(one.difference) for one in every],
        "If unjudged are good": [of(one.reranked_if_good) for one in every],
        "Judged@10": [one.reranked.judged_at_10 for one in every],
        "Relevant": [one.relevant for one in every],
        "Time (ms)": [None if one.seconds is None else 1000 * one.seconds for one in every],
    }


def unmeasured(found: CollectionMeasure) -> None:
    """Draw which questions are in no mean, and why."""
    if not found.unmeasured:
        return
    n = len(found.unmeasured)
    with st.expander(f"Not measured: {counted(n, 'question')}", expanded=not found.questions):
        for why, count in Counter(one.why for one in found.unmeasured).items():
            st.text(f"{WHY[why]} ({counted(count, 'question')})")
        event = st.dataframe(
            {
                "Question": [one.query for one in found.unmeasured],
                "Why it is not measured": [WHY[one.why] for one in found.unmeasured],
            },
            key=OTHERS,
            on_select="rerun",
            selection_mode="single-row",
            hide_index=True,
            alt="The questions that are not measured, and why",
            column_config={"Question": st.column_config.TextColumn(width="large")},
        )
        rows = event["selection"]["rows"]
        chosen = found.unmeasured[rows[0]].query if rows and rows[0] < n else None
        open_question.buttons(chosen, collection=found.collection, key="unmeasured")
