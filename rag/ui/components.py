"""Draw records with Streamlit. Names and texts from files never reach a Markdown element."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from html import escape
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rag.amounts import counted
from rag.errors import RagError
from rag.records import DocumentInfo, SearchResult
from rag.ui import drawing, state
from rag.ui.comparison import cards, grading
from rag.ui.comparison.answer_html import answer_panel
from rag.ui.comparison.grading_html import Verdict
from rag.ui.comparison.movements import ALL, Movements


@contextmanager
def problems_shown() -> Iterator[None]:
    """Where the body raises an error that a person can act on, show it and end the page."""
    try:
        yield
    except RagError as exc:
        problem(str(exc))
        st.stop()


def collection_choice(
    names: Iterable[str],
    current: str,
    *,
    accepts_new: bool = False,
    says: str | None = None,
    on_change: Callable[[], None] | None = None,
) -> None:
    """Draw in the sidebar, on every page at the same place, which of the collections `names` is in use."""
    with st.sidebar:
        st.selectbox(
            "Collection",
            sorted({*names, current}),
            key=state.COLLECTION,
            persist_state="session",
            accept_new_options=accepts_new,
            help=says,
            on_change=on_change,
        )


def title(name: str, collection: str | None = None, *, says: str = "") -> None:
    """Draw a page's title, what the page is for, and its collection, where the sidebar is folded away."""
    st.title(name)
    if says:
        st.text(says)
    if collection is not None:
        st.html(f'<p class="rl rl-in-use">Collection: <b dir="auto">{escape(collection)}</b></p>')


def problem(message: str) -> DeltaGenerator:
    """Say what went wrong; return the box that says it."""
    box = st.container(border=True)
    box.html(
        '<div class="rl rl-problem" role="alert"><p><b>That did not work</b></p>'
        f'<p class="rl-text">{escape(message)}</p></div>'
    )
    return box


def notices(sentences: Iterable[str]) -> None:
    """Say what a visitor should know before anything else."""
    for sentence in sentences:
        st.html(cards.notice(sentence))


def command(line: str) -> None:
    """Show a command or a setting, to be copied; a long one is wrapped, never cut off."""
    st.code(line, language=None, wrap_lines=True)


def result(
    found: SearchResult,
    documents: Sequence[DocumentInfo],
    *,
    top_k: int,
    movements: Movements = ALL,
    verdicts: Mapping[str, Verdict] | None = None,
    words_alone: bool = False,
    on_marks: Callable[[], None] | None = None,
    key: str = "result",
) -> None:
    """Draw both rankings, the sentence above them and the times; `documents` are those of the collection.

    An answer to the question stands above them, and with `words_alone` the lexical search beside them.
    With `on_marks`, which saves what was graded in the drawing `key`, the cards can be graded.
    """
    drawable = {document.id for document in documents if document.has_original and document.kind == "pdf"}
    if found.answer:
        drawing.show(answer_panel(found), key=f"{key} answer")
    html = cards.comparison(
        found,
        top_k=top_k,
        drawable=drawable,
        verdicts=verdicts,
        movements=movements,
        words_alone=words_alone,
        told=grading.told(found, verdicts or {}) if on_marks else "",
    )
    if on_marks:
        drawing.show_graded(html, key=key, about=grading.about(found), seen=grading.seen(), on_marks=on_marks)
    else:
        drawing.show(html, key=key)
    with st.expander("What the numbers mean", icon=":material/help:"):
        for text in cards.meanings(found):
            st.text(text)
        st.text(
            "Times were measured in this very run. “cold” marks a model's first use, “cached” a score "
            "that was known from an earlier question and cost nothing now."
        )


def document_list(documents: Sequence[DocumentInfo]) -> None:
    """List a collection's documents with their sizes."""
    items = "".join(f"<li>{escape(d.name)} · {counted(d.chunks, 'chunk')}</li>" for d in documents)
    st.html(f'<ul class="rl-files">{items}</ul>')


def local_time(moment: str) -> str:
    """Return a stored time, to the minute, in the time zone of the visitor's browser, if it tells one."""
    try:
        zone: tzinfo = ZoneInfo(st.context.timezone or "UTC")
    except (ValueError, ZoneInfoNotFoundError):  # it may tell anything
        zone = UTC
    return f"{datetime.fromisoformat(moment).astimezone(zone):%Y-%m-%d %H:%M}"
