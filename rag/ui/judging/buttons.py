"""The buttons and keys of a judge: 0 to 3, X, U and N, the arrows, J and K."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from rag.library import Library
from rag.store.judgments import GRADES, MAX_NOTE_CHARS
from rag.ui.judging import desk as desks
from rag.ui.judging.desk import Desk, Task
from rag.ui.judging.guidelines import GRADE_WORDS
from rag.ui.judging.queue import Entry

_KEYS = st.components.v2.component(
    "reranklens_judging_keys", js=(Path(__file__).parent / "keys.js").read_text(encoding="utf-8")
)
_NOTE = "judge_note"


def grades(library: Library, here: Desk, task: Task, entry: Entry) -> None:
    """Draw, where they always are, what judges `task`: each click is for this passage and no other."""
    here.shown = task.key
    before = entry.judged.get(task.passage.chunk_id)
    with st.container(horizontal=True, gap="small", key="judge_grades"):
        for given in GRADES:
            st.button(
                GRADE_WORDS[given],
                key=f"grade_{given}_{task.key}",
                shortcut=str(given),
                type="primary" if before and before.grade == given else "secondary",
                on_click=desks.grade,
                args=(library, here, task, given),
            )
        st.button(
            "Cannot judge",
            key=f"cannot_{task.key}",
            shortcut="X",
            type="primary" if before and before.grade is None else "secondary",
            on_click=desks.grade,
            args=(library, here, task, None),
        )
        _note_button(here, task)


def _note_button(here: Desk, task: Task) -> None:
    st.button(
        "Note",
        key=f"note_{task.key}",
        shortcut="N",
        icon=":material/edit_note:",
        type="tertiary",
        on_click=desks.open_note,
        args=(here, task),
    )


def undo(library: Library, here: Desk) -> None:
    """Draw what takes the last judgment back."""
    st.button(
        "Undo",
        key="judge_undo",
        shortcut="U",
        icon=":material/undo:",
        type="tertiary",
        disabled=not here.steps,
        on_click=desks.undo,
        args=(library, here),
    )


def passages(here: Desk, task: Task, entry: Entry) -> None:
    """Draw what goes to the passage before, and to the one after."""
    for name, key, by in (("Previous", "Left", -1), ("Next", "Right", 1)):
        st.button(
            f"{name} passage",
            key=f"passage_{key}_{task.key}",
            shortcut=key,
            type="tertiary",
            disabled=len(entry.passages) < 2,
            on_click=desks.show,
            args=(here, entry.query, desks.beside(entry, task.passage, by)),
        )


def questions(here: Desk, entries: Sequence[Entry], query: str | None) -> None:
    """Draw what goes to the question before, and to the one after."""
    for name, key, by in (("Previous", "K", -1), ("Next", "J", 1)):
        st.button(
            f"{name} question",
            key=f"question_{key}",
            shortcut=key,
            type="tertiary",
            disabled=len(entries) < 2 and query is not None,
            on_click=desks.show,
            args=(here, desks.neighbour(entries, query, by)),
        )


def skips(here: Desk, n_left: int) -> None:
    """Draw what goes through the next best passages."""
    for name, key, by in (("Back", "Left", -1), ("Skip", "Right", 1)):
        is_end = here.skipped == 0 if by < 0 else here.skipped >= n_left - 1
        st.button(
            name,
            key=f"skip_{key}_{here.skipped}",
            shortcut=key,
            type="tertiary",
            disabled=is_end,
            on_click=desks.skip,
            args=(here, by),
        )


def note(library: Library, here: Desk, task: Task, entry: Entry) -> None:
    """Draw the field for a note, when it was asked for; the keyboard is in it then."""
    is_open = here.noting == task.key
    if is_open:
        key, before = f"{_NOTE}_{task.key}", entry.judged.get(task.passage.chunk_id)
        with st.container(key=_NOTE):
            st.text_input(
                "Note on this passage (Enter saves it)",
                here.drafts.get(task.key, before.note if before else ""),
                key=key,
                max_chars=MAX_NOTE_CHARS,
                on_change=desks.keep_note,
                args=(library, here, task, key),
            )
    _KEYS(data={"focus": f".st-key-{_NOTE} input" if is_open else None}, key="judging_keys")
