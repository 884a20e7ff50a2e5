"""The recorded runs of a collection as a table, and what can be done with those selected in it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256

import streamlit as st

from rag.amounts import counted
from rag.errors import RagError
from rag.evidence import RunInfo
from rag.service import Service
from rag.store.runs import MOST_RUNS
from rag.ui import sharing, state
from rag.wording import RETRIEVER_TITLES, reranker_label

SEARCH, KEPT_ONLY, SURE = "runs_search", "runs_kept_only", "runs_sure"
_FEW = 4  # runs: they need no search box


def what_is_stored(n: int) -> None:
    """Say what a recorded run is, where it lies, and how long; offer to record no more."""
    st.text(
        f"{counted(n, 'recorded run')} of this collection. Each holds the question, the texts that were "
        "found, and all scores and times, in the library's file on the server, for everyone who may use it. "
        f"The newest {MOST_RUNS} stay, and the newest of each question; kept ones stay until they are "
        "deleted."
    )
    st.toggle(
        "Record what I ask",
        True,
        key=state.RECORD,
        persist_state="session",
        help=state.RECORD_HELP,
    )


def runs(found: Sequence[RunInfo], revision: str) -> tuple[RunInfo, ...]:
    """Draw `found` as a table that can be searched, sorted and selected in; return what is selected.

    `revision` is the collection's now.
    """
    matched = found
    if len(found) > _FEW:
        with st.container(horizontal=True, vertical_alignment="center"):
            sought = st.text_input(
                "Search the questions",
                key=SEARCH,
                placeholder="Search by words of the question",
                label_visibility="collapsed",
                persist_state="session",
            )
            kept_only = st.toggle("Kept ones only", key=KEPT_ONLY, persist_state="session")
        words = sought.casefold().split()
        matched = [run for run in found if run.kept >= kept_only and _matches(run, words)]
    if not matched:
        st.text("No recorded run is like that.")
        return ()
    # Rows are selected by number, so other runs are another table.
    key = f"runs {sha256(repr([run.id for run in matched]).encode()).hexdigest()[:16]}"
    event = st.dataframe(
        _columns(matched, revision),
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        hide_index=True,
        placeholder="",
        alt="The recorded runs of this collection",
        column_config={
            "Question": st.column_config.TextColumn(width="large"),
            "Asked": st.column_config.DatetimeColumn(
                format="YYYY-MM-DD HH:mm:ss", timezone=st.context.timezone
            ),
            "Time (ms)": st.column_config.NumberColumn(format="%.1f"),
        },
    )
    return tuple(matched[row] for row in event["selection"]["rows"] if row < len(matched))


def _matches(run: RunInfo, words: Sequence[str]) -> bool:
    question = run.query.casefold()
    return all(word in question for word in words)


def _columns(found: Sequence[RunInfo], revision: str) -> dict[str, list[object]]:
    return {
        "Question": [run.query for run in found],
        "Asked": [datetime.fromisoformat(run.asked_at) for run in found],
        "Time (ms)": [run.total_s * 1000 for run in found],
        "Candidates": [run.retrieved for run in found],
        "Found by": [RETRIEVER_TITLES[run.retriever] for run in found],
        "Reranker": [reranker_label(run.reranker) if run.reranker else "none" for run in found],
        "Notes": [", ".join(notes(run, revision)) or None for run in found],
    }


def notes(run: RunInfo, revision: str) -> tuple[str, ...]:
    """Return what makes a run not an ordinary one."""
    said = {
        "kept": run.kept,
        "order fused": run.is_fused,
        "cold": run.cold,
        f"{run.cached} cached": run.cached > 0,
        "documents changed since": run.revision != revision,
    }
    return tuple(note for note, is_so in said.items() if is_so)


def actions(service: Service, selected: Sequence[RunInfo], every: Sequence[RunInfo]) -> None:
    """Draw the buttons that open, keep and delete."""
    how = "Select runs in the table first; on the keyboard, with Shift+Space."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Open",
            key="open_run",
            type="primary",
            disabled=len(selected) != 1,
            on_click=open_run,
            args=(selected[0].id if selected else "",),
            help=None if len(selected) == 1 else "Select one run in the table first.",
        )
        all_kept = bool(selected) and all(run.kept for run in selected)
        st.button(
            "Keep no longer" if all_kept else "Keep",
            key="keep_runs",
            disabled=not selected,
            on_click=keep,
            args=(service, selected, not all_kept),
            help="Kept runs are never dropped to make room for newer ones." if selected else how,
        )
        st.button(
            f"Delete {counted(len(selected), 'run')}" if selected else "Delete runs",
            key="delete_runs",
            icon=":material/delete:",
            disabled=not selected,
            on_click=delete,
            args=(service, selected),
            help=None if selected else how,
        )
        _delete_all(service, [run for run in every if not run.kept])


def _delete_all(service: Service, others: Sequence[RunInfo]) -> None:
    with st.popover("Delete all", disabled=not others):
        st.text(f"{counted(len(others), 'run')} that nobody keeps, for good. Judgments stay.")
        sure = st.checkbox("I am sure", key=SURE)
        st.button(
            "Delete all of them",
            key="delete_all_runs",
            disabled=not sure,
            on_click=delete,
            args=(service, others),
        )


def open_run(run_id: str) -> None:
    """Show a recorded run: its id goes into the address, which opens it again later."""
    st.query_params[sharing.RUN] = run_id


def close_run() -> None:
    """Show the list of recorded runs again."""
    st.query_params.pop(sharing.RUN, None)


def keep(service: Service, chosen: Sequence[RunInfo], kept: bool) -> None:
    """Keep the chosen runs, or keep them no longer."""
    _each(chosen, lambda run: service.library.store.runs.keep(run.id, kept=kept))


def delete(service: Service, chosen: Sequence[RunInfo]) -> None:
    """Forget the chosen runs, for good."""
    st.session_state.pop(SURE, None)
    close_run()
    _each(chosen, lambda run: service.library.store.runs.delete(run.id))


def _each(chosen: Sequence[RunInfo], do: Callable[[RunInfo], None]) -> None:
    try:
        for run in chosen:
            do(run)
    except RagError as exc:
        state.keep_problem(str(exc))
