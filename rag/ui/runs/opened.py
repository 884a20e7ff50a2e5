"""A recorded run that is opened again: what it says of itself, and how today's answer compares with it."""

from html import escape

import streamlit as st

from rag.amounts import counted, milliseconds
from rag.errors import LibraryError
from rag.evidence import Run, RunInfo
from rag.inspect.repeat import order_of
from rag.library import Library
from rag.records import SearchResult
from rag.service import Service
from rag.timing import Stopwatch
from rag.ui import asking, components, sharing, state, working
from rag.ui.inspection import known, reader
from rag.ui.runs import table
from rag.ui.runs.then_and_now import comparison
from rag.wording import found_by, named


def from_address(library: Library) -> Run | None:
    """Return the recorded run that the address names, None without one; say so where it is gone."""
    run_id = st.query_params.get(sharing.RUN)
    if not run_id:
        return None
    try:
        return library.store.runs.get(run_id)
    except LibraryError as exc:
        state.keep_problem(str(exc))
        return None


def head(service: Service, run: Run) -> None:
    """Draw the question, when and with what it was answered, and what can be done with the run."""
    info = run.info
    revision = _revision(service.library, info)
    st.html(f'<div class="rl"><p class="rl-summary rl-asked" dir="auto">{escape(info.query)}</p></div>')
    ordered = f"ordered by {named(info.reranker)}" if info.reranker else "not reranked"
    marks = table.notes(info, revision)
    st.text(
        f"Asked on {components.local_time(info.asked_at)} of {info.collection}: "
        f"{counted(info.retrieved, 'candidate')} by {found_by(run.result)}, {ordered}, in "
        f"{milliseconds(info.total_s)}" + (f" ({', '.join(marks)})" if marks else "") + ". Every text, score "
        "and time below is that of then; the address of this page opens it again."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("All runs", key="close_run", icon=":material/arrow_back:", on_click=table.close_run)
        wanted = st.button(
            "Compare with today", key="ask_today", type="primary", help="Asks the same question again, now."
        )
        st.button(
            "Keep no longer" if info.kept else "Keep",
            key="keep_run",
            on_click=table.keep,
            args=(service, [info], not info.kept),
            help="Kept runs are never dropped to make room for newer ones.",
        )
        st.button(
            "Delete",
            key="delete_run",
            icon=":material/delete:",
            on_click=table.delete,
            args=(service, [info]),
        )
    if wanted:
        _ask_again(service, run)
    today = known.about(run.result, known.TODAY)
    if isinstance(today, SearchResult):
        st.subheader("Then and now")
        st.html(comparison(run.result, today, documents_changed=info.revision != revision))
        st.subheader("As it was then")


def _ask_again(service: Service, run: Run) -> None:
    with working.problems_told(service), working.progress("Candidates read") as pulse:
        revision = _revision(service.library, run.info)
        today = service.pipeline.search(
            run.result.query,
            collection=run.info.collection,
            retrieve_k=max(run.info.retrieved, 1),
            reranker=reader.choice_of(run.result),
            retriever=run.result.retriever,
            order=order_of(run.result),
            fresh=True,  # times are to be compared, too
            watch=Stopwatch(),
            pulse=pulse,
        )
        asking.record(service, today, revision=revision)
        known.keep(run.result, known.TODAY, today)


def _revision(library: Library, info: RunInfo) -> str:
    return library.store.existing(info.collection).revision
