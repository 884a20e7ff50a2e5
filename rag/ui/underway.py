"""A job that runs in the background, on a page: how far it is, and a button that ends it."""

from collections.abc import Callable

import streamlit as st

from rag.jobs import Job, JobKey
from rag.service import Service
from rag.ui.library import cards

TICK_S = 0.5


@st.fragment(run_every=TICK_S)
def live(
    service: Service, key: JobKey, *, on_cancel: str | None = None, parts: Callable[[Job], str] | None = None
) -> None:
    """Draw how far a job is, again and again until it ends; then the page is drawn anew.

    `on_cancel` says what becomes of what is done when it is cancelled; `parts` returns HTML on its parts.
    """
    job = service.jobs.get(key)
    if job is None or not job.running:
        st.rerun()
    with st.container(border=True):
        with st.container(horizontal=True, wrap=False, vertical_alignment="top"):
            st.html(cards.overall(job), width="stretch")
            st.button(
                "Cancel",
                key=f"cancel {key.kind} {key.detail}",
                on_click=service.jobs.cancel,
                args=(key,),
                disabled=job.cancelled,
                help=on_cancel,
            )
        st.progress(job.report.fraction or 0.0)
        if parts:
            st.html(parts(job))
