"""Add files on a page: they go in by a job, which everyone sees and which outlives the page."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from rag.ingest import SourceFile
from rag.jobs import Job
from rag.jobs.ingest import start_ingest
from rag.parse import SUPPORTED
from rag.service import Service
from rag.ui import components, state, underway
from rag.ui.library import cards

_ON_CANCEL = "What is done stays; the file underway is dropped whole."
_MOST_ENDED = 5  # jobs whose outcomes are shown
_MOST_PASSWORDS = 5  # fields at a time


def uploader(service: Service, collection: str, *, disabled: bool) -> None:
    """Draw where files are dropped; what is dropped begins to be added at once."""
    uploads = st.file_uploader(
        "Files to add to this collection: PDF, Word, PowerPoint, Excel, OpenDocument, RTF, EPUB, HTML, "
        "Markdown, text, CSV, JSON, JSONL, mail, and ZIP archives of these",
        accept_multiple_files=True,
        help=f"Endings: {', '.join(SUPPORTED)}",
        key=state.uploader_key(),
        max_upload_size=service.settings.max_upload_mb,
        disabled=disabled,
    )
    if uploads:
        add(service, [SourceFile(one.name, one.size, one.getvalue) for one in uploads], collection)


def add(service: Service, files: Sequence[SourceFile], collection: str) -> None:
    """Begin to add `files` to `collection`, open it, and draw the page anew."""
    with components.problems_shown():
        state.keep_upload(start_ingest(service, files, collection=collection), files)
    state.open_collection(collection)
    st.rerun()


def is_adding(service: Service, collection: str) -> bool:
    """Return whether files are being added to `collection` now."""
    return any(job.running for job in service.jobs.on(collection, "ingest"))


def are_shown(service: Service, collection: str) -> bool:
    """Return whether `jobs` has anything to draw for this session."""
    return any(_concerns_us(job) for job in service.jobs.on(collection, "ingest", "rechunk", "import"))


def jobs(service: Service, collection: str, *, everyones: bool = False) -> None:
    """Draw what is being done to `collection`, and what came of it.

    Outcomes are those of this session's jobs, or with `everyones` of all.
    """
    found = service.jobs.on(collection, "ingest", "rechunk", "import")
    for job in found:
        if job.running:
            state.follow(job.key)
            parts = cards.underway if job.key.kind == "ingest" else None
            underway.live(service, job.key, on_cancel=_ON_CANCEL, parts=parts)
    ended = [job for job in found if not job.running and (everyones or _concerns_us(job))]
    for job in ended[:_MOST_ENDED]:
        _ended(service, job)


def _concerns_us(job: Job) -> bool:
    return job.running or state.follows(job.key)


def _ended(service: Service, job: Job) -> None:
    name = f"{job.key.kind} {job.key.detail}"
    with st.container(border=True, key=f"ended {name}"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="top"):
            st.html(cards.outcome(job), width="stretch")
            st.button("Dismiss", key=f"dismiss {name}", on_click=service.jobs.forget, args=(job.key,))
        if job.report.outcomes or (job.cancelled and job.report.left):
            st.html(cards.outcomes(job.report.outcomes, job.report.left))
        for number, file in enumerate(state.locked_files(job)[:_MOST_PASSWORDS]):
            _password(service, job, file, key=f"{name} {number}")
        locked = any(outcome.reason == "password_needed" for outcome in job.report.outcomes)
        if locked and not state.has_files(job):
            st.text("To be asked for a password here, add the file again.")


def _password(service: Service, job: Job, file: SourceFile, *, key: str) -> None:
    with st.form(f"unlock {key}"):
        st.text(f"{file.name} needs its password. It is used to read the file, and not kept.")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("Password", type="password", key=f"password {key}", max_chars=500)
            st.form_submit_button("Try again", on_click=_unlock, args=(service, job, file, f"password {key}"))


def _unlock(service: Service, job: Job, file: SourceFile, field: str) -> None:
    opened = replace(file, password=st.session_state[field])
    retried = start_ingest(service, [opened], collection=job.key.name)
    state.drop_file(job, file)
    if len(job.report.outcomes) == 1:  # what it says is no longer so
        service.jobs.forget(job.key)
    state.keep_upload(retried, [replace(file, password=None)])
