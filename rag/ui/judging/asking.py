"""Ask what was not asked yet, so that there are passages to judge."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from rag.amounts import counted
from rag.config import MAX_RETRIEVE_K
from rag.errors import RagError
from rag.evidence import Question
from rag.question import checked_query
from rag.service import Service
from rag.timing import Pulse, Stopwatch
from rag.ui import asking, state, working
from rag.ui.judging.queue import Entry, Judging

ADDED = "judge_added_questions"


def ask(service: Service, judging: Judging, query: str) -> None:
    """Ask `query` of the collection, always reranked, and record the run; draw how far it is.

    Where this session is not to be recorded, it is asked at a click on a button that says what it does.
    """
    if not state.records() and not _is_wanted():
        return
    with working.problems_told(service):
        with asking.on_its_way(st.empty(), _retrieve_k(service, judging)) as pulse:
            _record(service, judging, query, pulse)
        st.rerun()


def ask_all(service: Service, judging: Judging, entries: Sequence[Entry]) -> None:
    """Offer to ask the questions that were not asked yet; each that is done is recorded at once."""
    unasked = [entry.query for entry in entries if not entry.run]
    ask = "Ask" if state.records() else "Ask and record"
    if not unasked or not st.button(f"{ask} {counted(len(unasked), 'question')}", key="judge_ask_all"):
        return
    with working.problems_told(service):
        with working.progress("Asking") as pulse:
            for at, query in enumerate(unasked):
                _record(service, judging, query, lambda *_, at=at: pulse("questions", at, len(unasked)))
        st.rerun()


def _is_wanted() -> bool:
    st.text(
        "This question has no recorded answer, so there are no passages to judge. “Record what I ask” is "
        "off: it is asked, and its answer recorded in the library's file, only if you say so."
    )
    return st.button("Ask and record it", key="judge_ask_this", type="primary")


def _record(service: Service, judging: Judging, query: str, pulse: Pulse) -> None:
    # Read beforehand: where documents change while it is answered, the answer counts as an older one.
    revision = service.library.store.existing(judging.collection).revision
    retrieve_k = _retrieve_k(service, judging)
    result = service.pipeline.search(
        query,
        collection=judging.collection,
        retrieve_k=retrieve_k,
        watch=Stopwatch(),
        pulse=pulse,
    )
    # Under the name that it has in the queue, whatever was cleaned away before it was asked.
    service.library.store.runs.add(replace(result, query=query), revision=revision, asked_for=retrieve_k)


def _retrieve_k(service: Service, judging: Judging) -> int:
    return min(MAX_RETRIEVE_K, max(service.settings.retrieve_k, judging.depth))


def change_questions(service: Service, collection: str, shown: str | None) -> None:
    """Draw what adds questions to the queue, and what takes the one that is shown out of it."""
    with st.expander("Add or remove questions", icon=":material/playlist_add:"):
        st.text_area("Questions to add, one in each line", key=ADDED, height=110)
        with st.container(horizontal=True):
            st.button("Add", key="judge_add", on_click=_add, args=(service, collection))
            st.button(
                "Remove the question shown",
                key="judge_remove",
                disabled=shown is None,
                on_click=_remove,
                args=(service, collection, shown),
                help="It is no longer asked or measured here. What was judged for it stays.",
            )


def _add(service: Service, collection: str) -> None:
    lines = [line for line in st.session_state[ADDED].splitlines() if line.strip()]
    try:
        service.library.store.questions.add(collection, [Question(checked_query(line)) for line in lines])
    except RagError as exc:
        state.keep_problem(str(exc))
    else:
        st.session_state[ADDED] = ""


def _remove(service: Service, collection: str, query: str) -> None:
    try:
        service.library.store.questions.remove(collection, query)
    except RagError as exc:
        state.keep_problem(str(exc))
