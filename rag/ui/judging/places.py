"""Lay out the judging view: who judges what, the passage with its buttons, and the states at its ends."""

from collections.abc import Sequence
from hashlib import sha256

import streamlit as st

from rag.amounts import counted
from rag.library import Library
from rag.service import Service
from rag.ui import components
from rag.ui.judging import asking, desk
from rag.ui.judging import buttons as judging_buttons
from rag.ui.judging import name as judging_name
from rag.ui.judging import view as judging_view
from rag.ui.judging.desk import Desk, Task
from rag.ui.judging.queue import Entry, Judging

_ORDERS = ("Question by question", "Next best to judge")
_ROWS_SHOWN = 14


def who_and_what(library: Library, collection: str) -> Judging:
    """Draw whose judgments are made, of what, and how deep; return it."""
    components.collection_choice(library.collections(), collection)
    with st.sidebar:
        judge = judging_name.choice(
            library,
            collection,
            says="Each judge has judgments of their own, and sees no others here. Type a new name to begin.",
        )
        depth = st.number_input(
            "Judge the top … of both lists",
            1,
            100,
            desk.DEFAULT_DEPTH,
            key=desk.DEPTH,
            persist_state="session",
            help="The passages among the first so many that were retrieved, and among the first so many that "
            "the reranker put on top, are judged, in an order that tells nothing of either.",
        )
    return Judging(collection, judge, depth)


def is_next_best() -> bool:
    """Return whether the judge has chosen to see the next best passage of all questions first."""
    return st.session_state.get(desk.ORDER) == _ORDERS[1]


def order(here: Desk, entries: Sequence[Entry], shown: str | None) -> None:
    """Draw the choice between the two orders, and what goes from question to question."""
    st.session_state.setdefault(desk.ORDER, _ORDERS[0])
    with st.container(horizontal=True, vertical_alignment="center", key="judge_order_row"):
        st.segmented_control(
            "Order",
            _ORDERS,
            required=True,
            key=desk.ORDER,
            label_visibility="collapsed",
            persist_state="session",
        )
        if not is_next_best():
            judging_buttons.questions(here, entries, shown)


def passage(service: Service, here: Desk, task: Task, entry: Entry, *, n_best: int | None = None) -> None:
    """Draw a passage, and at the foot of the page what judges it; `n_best` are left of the next best."""
    library, collection = service.library, here.judging.collection
    document_id = task.passage.document_id
    drawable = any(
        one.id == document_id and one.has_original and one.kind == "pdf"
        for one in library.documents(collection)
    )
    st.html(judging_view.passage(task, entry, collection=collection, drawable=drawable))
    with st.bottom:
        judging_buttons.grades(library, here, task, entry)
        with st.container(horizontal=True, vertical_alignment="center", key="judge_foot"):
            judging_view.saved(here)
            judging_buttons.undo(library, here)
            if n_best is None:
                judging_buttons.passages(here, task, entry)
            else:
                judging_buttons.skips(here, n_best)
    judging_buttons.note(library, here, task, entry)
    judging_view.around(library, collection, task.passage)


def foot(library: Library, here: Desk) -> None:
    """Draw, where there is no passage, what the last click came to, and what takes it back.

    It is to be drawn before anything that takes time: the buttons of the passage before go with it.
    """
    here.shown = None
    with st.bottom, st.container(horizontal=True, vertical_alignment="center", key="judge_foot"):
        judging_view.saved(here)
        judging_buttons.undo(library, here)


def outdated(service: Service, here: Desk, entry: Entry) -> None:
    """Where the documents have changed since the question was asked, offer to ask it again."""
    if entry.is_outdated:
        st.text("The documents have changed since this question was asked.")
        if st.button("Ask it again", key="judge_ask_again"):
            asking.ask(service, here.judging, entry.query)


def queue_table(here: Desk, entries: Sequence[Entry], shown: str | None) -> None:
    """Draw the questions as a table; the one that is selected in it is shown."""
    if not entries:
        return
    at = [n for n, entry in enumerate(entries) if entry.query == shown]
    # Rows are selected by number, so another question, or another queue, is another table.
    told = repr((shown, [entry.query for entry in entries]))
    key = f"judge_queue_{sha256(told.encode('utf-8', 'replace')).hexdigest()[:16]}"
    st.dataframe(
        judging_view.table(entries),
        key=key,
        on_select=lambda: _select(here, entries, key),
        selection_mode="single-row",
        selection_default={"selection": {"rows": at}},
        hide_index=True,
        height="content" if len(entries) <= _ROWS_SHOWN else 35 * (_ROWS_SHOWN + 1),
        alt="The questions of this collection, and how much of each is judged",
        column_config={
            "Question": st.column_config.TextColumn(width=150),
            "Judged": st.column_config.TextColumn(width=62),
        },
    )


def _select(here: Desk, entries: Sequence[Entry], key: str) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    if rows and rows[0] < len(entries):
        desk.show(here, entries[rows[0]].query)
        st.session_state[desk.ORDER] = _ORDERS[0]


def all_done(entries: Sequence[Entry]) -> None:
    """Say that nothing is left to judge, and where to go from there."""
    n_passages = sum(len(entry.passages) for entry in entries)
    cannot = sum(one.grade is None for entry in entries for one in entry.judged.values())
    st.subheader(
        f"All {counted(len(entries), 'question')} are judged" if len(entries) > 1 else "All is judged"
    )
    st.text(
        f"{counted(n_passages, 'passage')}, each of them judged"
        + (f"; {cannot:,} could not be told." if cannot else ".")
        + " To judge more, add questions, or judge more of both lists (in the sidebar)."
    )


def nothing_to_gain(entries: Sequence[Entry]) -> None:
    """Say that no judgment could change a measure of a question that was asked."""
    if any(entry.run for entry in entries):
        st.subheader("Nothing left that would change a measure")
        st.text("Every passage found for the questions that were asked is judged, or could not move nDCG@10.")
    else:
        st.text("No question was asked yet, so nobody knows which passages matter. Ask them first.")


def no_questions() -> None:
    """Say that there is nothing to judge for want of questions."""
    st.subheader("No questions yet")
    st.text("What is asked on the Compare page comes here by itself. Or add questions here.")


def no_documents() -> None:
    """Say that there is nothing to judge for want of documents."""
    st.subheader("This collection is empty")
    st.text("Add documents to it on the Library page, or choose another one in the sidebar.")
