"""Draw records with Streamlit. Names and texts from files never reach a Markdown element."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rag.errors import RagError
from rag.ingest import SourceFile
from rag.records import DocumentInfo, FileOutcome, SearchResult
from rag.service import Service
from rag.ui import cards
from rag.wording import counted


@contextmanager
def problems_shown() -> Iterator[None]:
    """Where the body raises an error that a person can act on, show it and end the page."""
    try:
        yield
    except RagError as exc:
        problem(str(exc))
        st.stop()


def problem(message: str) -> DeltaGenerator:
    """Say what went wrong; return the box that says it."""
    box = st.container(border=True)
    box.markdown(":red[:material/error:] **That did not work**")
    box.text(message)
    return box


def notices(sentences: Iterable[str]) -> None:
    """Say what a visitor should know before anything else."""
    for sentence in sentences:
        st.html(cards.notice(sentence))


def command(line: str) -> None:
    """Show a command or a setting, to be copied; a long one is wrapped, never cut off."""
    st.code(line, language=None, wrap_lines=True)


def result(found: SearchResult, *, top_k: int) -> None:
    """Draw both rankings, the sentence above them and the times."""
    st.html(cards.comparison(found, top_k=top_k))
    with st.expander("What the numbers mean", icon=":material/help:"):
        for text in cards.meanings(found):
            st.text(text)
        st.text(
            "Times were measured in this very run. “cold” marks a model's first use, “cached” a score "
            "that was known from an earlier question and cost nothing now."
        )


def ingest(service: Service, files: Sequence[SourceFile], *, collection: str) -> tuple[FileOutcome, ...]:
    """Add `files` under a live account of each one's progress; return what became of them."""
    with st.status(f"Adding {counted(len(files), 'file')}", expanded=True) as status:
        bar = st.progress(0.0)
        lines = [st.empty() for _ in files]
        done = 0

        def on_progress(name: str, embedded: int, chunks: int) -> None:
            if chunks:
                bar.progress((done + embedded / chunks) / len(files))
                lines[done].text(f"{name}: {embedded} of {counted(chunks, 'chunk')} embedded")
            else:
                lines[done].text(f"{name}: reading")

        def on_outcome(outcome: FileOutcome) -> None:
            nonlocal done
            lines[done].text(f"{outcome.status}: {outcome.message}")
            done += 1
            bar.progress(done / len(files))

        outcomes = service.library.ingest(
            files, collection=collection, on_progress=on_progress, on_outcome=on_outcome
        )
        status.update(label=outcomes_in_words(outcomes), state="complete")
    return outcomes


def outcomes_in_words(outcomes: Sequence[FileOutcome]) -> str:
    """Return how many files were added and how many were not, in one sentence."""
    counts = {
        status: sum(o.status == status for o in outcomes) for status in ("replaced", "unchanged", "failed")
    }
    notes = {
        "replaced": "in place of an older version",
        "unchanged": "already there",
        "failed": "could not be added",
    }
    added = sum(o.status in ("added", "replaced") for o in outcomes)
    parts = [f"{counts[status]} {notes[status]}" for status in counts if counts[status]]
    return "; ".join([f"{added} of {counted(len(outcomes), 'file')} added", *parts]) + "."


def file_outcomes(outcomes: Sequence[FileOutcome]) -> None:
    """List what became of each file, failures first."""
    st.markdown(f"**{outcomes_in_words(outcomes)}**")
    rows = sorted(outcomes, key=lambda outcome: outcome.status != "failed")
    items = "".join(f'<li class="{o.status}">{o.status}: {escape(o.message)}</li>' for o in rows)
    st.html(f'<ul class="rl-files">{items}</ul>')


def document_list(documents: Sequence[DocumentInfo]) -> None:
    """List a collection's documents with their sizes."""
    items = "".join(f"<li>{escape(d.name)} · {counted(d.chunks, 'chunk')}</li>" for d in documents)
    st.html(f'<ul class="rl-files">{items}</ul>')
