"""Look into one answer: its time, its depth, its reasons, and what is kept of it."""

from collections.abc import Mapping

import streamlit as st

from rag.evidence import RunInfo
from rag.records import SearchResult
from rag.service import Service
from rag.ui import components, sharing, state
from rag.ui.inspection import depth as inspect_depth
from rag.ui.inspection import known
from rag.ui.inspection import time as inspect_time
from rag.ui.inspection import why as inspect_why
from rag.ui.runs import table

TIME, DEPTH, WHY = "inspect_time", "inspect_depth", "inspect_why"
_GRADES = "inspect_grades"


def draw(
    service: Service,
    result: SearchResult,
    grades: Mapping[str, int],
    top_k: int,
    *,
    run: RunInfo | None = None,
) -> None:
    """Draw the sections below both rankings of `result`; `grades` are those of its question, by chunk id.

    Nothing is computed for a section that nobody has opened. `run` is given where `result` was recorded
    earlier and is opened again: its times are then said to be those of that day. What takes long can be
    cancelled, which no click in a fragment can do: this is not to be called in one.
    """
    with st.expander("Time", icon=":material/timer:", key=TIME, on_change="rerun") as time:
        if time.open:
            inspect_time.draw(service, result, run)
    with st.expander("Depth", icon=":material/show_chart:", key=DEPTH, on_change="rerun") as depth:
        if depth.open:
            inspect_depth.draw(service.library, result, grades, run)
    with st.expander("Why", icon=":material/help_center:", key=WHY, on_change="rerun") as why:
        if why.open:
            inspect_why.draw(service, result)
    if run is None:
        sharing.show_in_address(result)
        _kept(service, result)


def refresh(result: SearchResult, grades: Mapping[str, int]) -> None:
    """Draw the whole page again where a section that is open shows other grades than `grades`.

    To be called in the fragment in which grades are given, which redraws itself alone.
    """
    before = st.session_state.get(_GRADES)
    st.session_state[_GRADES] = (result.query, dict(grades))
    if st.session_state.get(DEPTH) and before and before[0] == result.query and before[1] != grades:
        st.rerun()


def _kept(service: Service, result: SearchResult) -> None:
    """Say that the answer is recorded, or why it is not; offer to open the record, and to delete it."""
    recorded = known.about(result, known.RECORDED)
    if isinstance(recorded, RunInfo):
        with st.container(horizontal=True, vertical_alignment="center", key="recorded"):
            when = components.local_time(recorded.asked_at)
            st.text(f"Recorded in the library's file, {when}.", width="content")
            st.page_link(state.RUNS_PAGE, label="Open the record", query_params={sharing.RUN: recorded.id})
            st.button(
                "Delete the record",
                key="delete_record",
                icon=":material/delete:",
                type="tertiary",
                on_click=_delete,
                args=(service, result, recorded),
                help="The answer stays on this page until the next one.",
            )
    elif isinstance(recorded, str):
        components.notices([f"This answer could not be recorded. {recorded}"])
    else:
        st.text("This answer is not recorded.")


def _delete(service: Service, result: SearchResult, recorded: RunInfo) -> None:
    table.delete(service, [recorded])
    known.keep(result, known.RECORDED, None)
