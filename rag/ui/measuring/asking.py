"""Ask the questions of a collection in the background, from the page that measures them."""

import streamlit as st

from rag.amounts import counted
from rag.jobs import Job
from rag.jobs.measure import start_measuring
from rag.service import Service
from rag.ui import components, underway
from rag.ui.library import cards


def buttons(service: Service, collection: str, *, n_questions: int, n_left: int, depth: int) -> None:
    """Draw the buttons that ask: the `n_left` questions without a run that counts, or all of them anew."""
    if any(job.running for job in service.jobs.on(collection, "measure")):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if n_left:
            st.button(
                f"Ask {counted(n_left, 'question')}",
                key="measure_ask",
                type="primary",
                on_click=_start,
                args=(service, collection, depth, False),
                help="In the background: those that were not asked of these documents and models yet.",
            )
        st.button(
            "Ask all questions anew",
            key="measure_ask_anew",
            disabled=not n_questions,
            on_click=_start,
            args=(service, collection, depth, True),
            help="In the background: every question, and every score computed again, so that each is timed.",
        )


def _start(service: Service, collection: str, depth: int, anew: bool) -> None:
    start_measuring(service, collection, depth=depth, anew=anew)


def jobs(service: Service, collection: str) -> None:
    """Draw what is asked or imported here in the background, and what came of it."""
    for job in service.jobs.on(collection, "measure", "import"):
        if job.running:
            underway.live(service, job.key)
        else:
            _ended(service, job)


def _ended(service: Service, job: Job) -> None:
    name = f"dismiss {job.key.kind} {job.key.detail}"
    if job.state == "failed":
        box = components.problem(f"{job.title}: {job.outcome}")
        box.button("Dismiss", key=name, on_click=service.jobs.forget, args=(job.key,))
        return
    with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
        st.html(cards.outcome(job), width="stretch")
        st.button("Dismiss", key=name, on_click=service.jobs.forget, args=(job.key,))
