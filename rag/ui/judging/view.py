"""Draw what a judge reads: the question, one passage, how much is left. Nothing tells of ranks or scores."""

from collections.abc import Sequence
from html import escape

import streamlit as st

from rag.amounts import counted
from rag.errors import LibraryError
from rag.library import Library
from rag.records import Passage
from rag.ui.judging.desk import Desk, Task, grade_name
from rag.ui.judging.guidelines import GRADE_WORDS
from rag.ui.judging.queue import Entry
from rag.ui.passage_html import highlighted, marker, page_image, source

AROUND = "judge_around"
_AROUND_CHARS = 600


def overall(entries: Sequence[Entry]) -> str:
    """Return how much is judged and how much is left, over all questions, as HTML."""
    asked = [entry for entry in entries if entry.run]
    left, n_all = (sum(len(e.left) for e in asked), sum(len(e.passages) for e in asked))
    open_, unasked = sum(not e.is_done for e in asked), len(entries) - len(asked)
    says = [f"{n_all - left:,} of {counted(n_all, 'passage')} judged"]
    says += [f"{left:,} left in {counted(open_, 'question')}"] if left else []
    says += [f"{counted(unasked, 'question')} not asked yet"] if unasked else []
    return _in_box(
        f"<p>{escape('; '.join(says))}</p>{_bar(n_all - left, n_all)}", "Progress over all questions"
    )


def question(entry: Entry, entries: Sequence[Entry], passage: Passage | None) -> str:
    """Return the question, where it stands in the queue, and which of its passages are judged, as HTML."""
    at = [one.query for one in entries].index(entry.query) + 1
    where = f"Question {at:,} of {len(entries):,}"
    if entry.run:
        n_judged = len(entry.passages) - len(entry.left)
        where += f" · {n_judged:,} of {counted(len(entry.passages), 'passage')} judged"
    pips = "".join(
        f'<i class="{"rl-judged " * (one.chunk_id in entry.judged)}{"rl-here" * (one == passage)}"></i>'
        for one in entry.passages
    )
    return _in_box(
        f'<p>{escape(where)}</p><div class="rl-pips" aria-hidden="true">{pips}</div>{heading(entry.query)}',
        "Question",
    )


def next_best(query: str, n_left: int) -> str:
    """Return the question of a next best passage, and how many passages there are, as HTML."""
    could = (
        f"{counted(n_left, 'passage')} could still change nDCG@10. This is the one that could change it most."
    )
    return _in_box(f"<p>{could}</p>{heading(query)}", "Question")


def heading(query: str) -> str:
    """Return a question as a heading, as HTML."""
    return f'<h2 dir="auto">{escape(query)}</h2>'


def passage(task: Task, entry: Entry, *, collection: str, drawable: bool) -> str:
    """Return the passage whole, with what this judge said of it before, as HTML."""
    shown = task.passage
    page = page_image(shown, collection) if drawable else ""
    return (
        f'<div class="rl rl-judging"><article class="rl-card" aria-label="Passage">{source(shown)}'
        f'<div class="rl-text" dir="auto">{highlighted(shown.text, marker(task.query))}</div>{page}'
        f"</article>{_said(task, entry)}</div>"
    )


def _said(task: Task, entry: Entry) -> str:
    before = entry.judged.get(task.passage.chunk_id)
    if before is not None:
        note = f" Note: {before.note}" if before.note else ""
        return _line(f"You judged this passage: {in_words(before.grade)}.{note}")
    for other in entry.passages:
        same = entry.judged.get(other.chunk_id)
        if same is not None and other.text == task.passage.text:
            return _line(f"You judged the same text in {other.document}: {in_words(same.grade)}.")
    return ""


def in_words(given: int | None) -> str:
    """Return a grade with what it means."""
    return grade_name(given) if given is None else f"{given}, {GRADE_WORDS[given].lower()}"


def around(library: Library, collection: str, shown: Passage) -> None:
    """Offer the text before and after a passage, which is not to be graded; nothing is read before."""
    with st.expander("Text around this passage", key=AROUND, on_change="rerun") as opened:
        if not opened.open:
            return
        try:
            text = library.document(collection, shown.document_id)[0].text
        except LibraryError:
            st.text("Its document is no longer in this collection.")
            return
        before = text[max(0, shown.start - _AROUND_CHARS) : shown.start]
        after = text[shown.end : shown.end + _AROUND_CHARS]
        st.html(
            f'<div class="rl rl-judging"><div class="rl-text rl-around" dir="auto">{escape(before)}'
            f"<b>{escape(text[shown.start : shown.end])}</b>{escape(after)}</div></div>"
        )


def saved(here: Desk) -> None:
    """Say what the last click came to."""
    # Always there, so that nothing moves, and so that screen readers hear what comes into it.
    st.html(f'<div class="rl rl-judging"><p class="rl-saved" role="status">{escape(here.saved)}</p></div>')


def table(entries: Sequence[Entry]) -> dict[str, list[object]]:
    """Return the queue as columns: each question, and how much of it is judged."""
    return {
        "Question": [entry.query for entry in entries],
        "Judged": [
            f"{len(entry.passages) - len(entry.left)}/{len(entry.passages)}" + " ✓" * entry.is_done
            if entry.run
            else "–"
            for entry in entries
        ],
    }


def _in_box(inner: str, label: str) -> str:
    return f'<div class="rl rl-judging" role="group" aria-label="{label}">{inner}</div>'


def _line(sentence: str) -> str:
    return f'<p class="rl-note">{escape(sentence)}</p>'


def _bar(done: int, of: int) -> str:
    share = 100 * done / of if of else 0
    return f'<div class="rl-part" aria-hidden="true"><span style="width:{share:.1f}%"></span></div>'
