"""Whether one reranker may take the other one's place, by all questions of a collection."""

import shlex
from collections.abc import Sequence

import streamlit as st

from rag.amounts import counted
from rag.evaluation.grades import grades
from rag.inspect.differences import Difference, Differences, verdict
from rag.inspect.versus import Choice, choices, compare, precisions
from rag.service import Service
from rag.ui import components, open_question, working
from rag.ui.versus import choice as versus_choice
from rag.ui.versus import html
from rag.ui.versus.choice import Pair

_DIFFERENCES = "versus_differences"
_TABLE = "versus_table"
_JUDGED_ONLY = "versus_judged_only"


def draw(service: Service, pair: Pair) -> None:
    """Draw the verdict on two rerankers over the questions of the collection, and what it rests on."""
    questions = versus_choice.questions(service, pair.collection)
    st.subheader("Is int8 safe on my documents?" if pair.asks_for_int8 else "May B take the place of A?")
    _offer_precisions(service, pair)
    if not questions:
        st.text(
            "This collection has no questions yet. Ask some on the Compare page, or import some on the "
            "Measure page: what is asked is remembered, and compared here."
        )
        return
    if _asked(questions):
        _compare(service, pair, _chosen(questions))
    of, found = st.session_state.get(_DIFFERENCES) or (None, None)
    if found and of == pair:
        _shown(pair, found)


def _asked(questions: dict[str, bool]) -> bool:
    """Draw which questions are compared, and the button that begins; return whether it was clicked."""
    n_judged = sum(questions.values())
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button(
            f"Compare on {counted(len(_chosen(questions)), 'question')}",
            type="primary",
            key="versus_compare",
            disabled=not _chosen(questions),
        )
        if 0 < n_judged < len(questions):
            st.checkbox(f"Only the {counted(n_judged, 'judged one')}", key=_JUDGED_ONLY)
    return clicked


def _chosen(questions: dict[str, bool]) -> list[str]:
    judged_only = st.session_state.get(_JUDGED_ONLY, False)
    return [query for query, judged in questions.items() if judged or not judged_only]


def _compare(service: Service, pair: Pair, queries: Sequence[str]) -> None:
    st.session_state[_DIFFERENCES] = None
    with working.problems_told(service), working.progress("Rankings made") as pulse:
        found = compare(
            service,
            queries,
            pair.a,
            pair.b,
            collection=pair.collection,
            retrieve_k=service.settings.retrieve_k,
            grades=grades(service.library, pair.collection, None),
            pulse=pulse,
        )
        st.session_state[_DIFFERENCES] = (pair, found)


def _shown(pair: Pair, found: Differences) -> None:
    if judged := verdict(found):
        st.html(html.verdict(judged))
    ordered = sorted(found.questions, key=lambda one: (one.same_first, -one.largest_change))
    event = st.dataframe(
        _columns(ordered),
        key=_TABLE,
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        alt=f"How {pair.a.label} and {pair.b.label} differ on each question",
        column_config={
            "Kendall tau": st.column_config.NumberColumn(format="%.3f"),
            "In both top 10": st.column_config.NumberColumn(format="%d"),
            "nDCG@10 of A": st.column_config.NumberColumn(format="%.3f"),
            "nDCG@10 of B": st.column_config.NumberColumn(format="%.3f"),
            "Change": st.column_config.NumberColumn(format="%+.3f"),
        },
    )
    rows = event["selection"]["rows"]
    query = ordered[rows[0]].query if rows and rows[0] < len(ordered) else None
    open_question.buttons(query, collection=pair.collection, key="versus")


def _columns(found: Sequence[Difference]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {
        "Question": [one.query for one in found],
        "Same first": [one.same_first for one in found],
        "In both top 10": [one.agreement.shared for one in found],
        "Kendall tau": [one.agreement.kendall_tau for one in found],
        "Largest change": [one.largest_change for one in found],
    }
    if any(one.ndcg for one in found):
        columns["nDCG@10 of A"] = [one.ndcg and one.ndcg[0] for one in found]
        columns["nDCG@10 of B"] = [one.ndcg and one.ndcg[1] for one in found]
        columns["Change"] = [one.ndcg_change for one in found]
    return columns


def _offer_precisions(service: Service, pair: Pair) -> None:
    """Offer fp32 and int8 of one model; where a chosen one is here in one of them only, say what to do."""
    both = precisions(choices(service, pair.collection))
    for a, b in both:
        if (pair.a, pair.b) != (a, b):
            st.button(
                "Compare fp32 with int8 of the same model",
                key=f"versus_precisions {a.reference}",
                help="Chooses both above: A is fp32, B is int8.",
                on_click=versus_choice.choose,
                args=(a, b),
            )
    here = {a.model_id for a, _ in both}
    alone = [choice for choice in (pair.a, pair.b) if choice.weights and choice.model_id not in here]
    if alone:
        _missing(alone[0])


def _missing(choice: Choice) -> None:
    other, form = ("fp32", "none") if choice.weights == "int8" else ("int8", "int8")
    with st.expander("Is int8 safe on my documents?", icon=":material/help:"):
        st.text(
            f"{choice.model_id} is here in {choice.weights} only. Export it in {other} too, once, and both "
            "can be compared here on your own questions:"
        )
        components.command(f"python -m rag models export {shlex.quote(choice.model_id)} --quantize {form}")
