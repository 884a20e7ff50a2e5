"""Where a judge is, and what a click does: a judgment is on the disk before anything is drawn again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import streamlit as st

from rag.errors import RagError
from rag.evaluation.next_best import NextBest
from rag.evidence import Judgment
from rag.library import Library
from rag.parse.clean import clean
from rag.records import Passage
from rag.ui import state
from rag.ui.judging.queue import Entry, Judging, Pools

DEPTH = "judge_depth"
ORDER = "judge_order"
DEFAULT_DEPTH = 10
_DESK = "judge_desk"
_MOST_STEPS = 500  # that can be undone


@dataclass(frozen=True, slots=True)
class Task:
    """A passage to be judged for a question."""

    query: str
    passage: Passage

    @property
    def key(self) -> str:
        """What tells this task's widgets from those of another: a click is for what was on the screen."""
        asked = sha256(self.query.encode("utf-8", "replace")).hexdigest()[:16]
        return f"{self.passage.chunk_id}-{asked}"


@dataclass(frozen=True, slots=True)
class Step:
    """A judgment that was made at this desk, and what the judge had said before."""

    task: Task
    made: Judgment
    before: Judgment | None


@dataclass(slots=True)
class Desk:
    """What this session knows of its judging: never a judgment that is not on the disk.

    `at` is the passage that is shown, by chunk id; None for the next one without a judgment after `after`.
    While it `flows`, a question that is done makes room for the next one. `shown` is the task whose buttons
    were drawn last, `noting` the one whose field for a note is open, both by key. `saved` says what the last
    click came to. `drafts` are notes on what has no grade yet, `ranking` what is known of the next best.
    """

    judging: Judging
    query: str | None = None
    at: str | None = None
    after: str | None = None
    flows: bool = True
    skipped: int = 0
    noting: str | None = None
    shown: str | None = None
    saved: str = ""
    steps: list[Step] = field(default_factory=list)
    drafts: dict[str, str] = field(default_factory=dict)
    pools: Pools = field(default_factory=dict)
    ranking: dict[str, tuple[object, list[NextBest]]] = field(default_factory=dict)


def desk(judging: Judging) -> Desk:
    """Return this session's desk; another judge, or another collection, has another one."""
    found: Desk | None = st.session_state.get(_DESK)
    mine = judging.collection, judging.judge
    if found is None or (found.judging.collection, found.judging.judge) != mine:
        found = st.session_state[_DESK] = Desk(judging)
    found.judging = judging
    return found


# What clicks and keys do


def grade(library: Library, here: Desk, task: Task, given: int | None) -> None:
    """Save the grade of `task`, None for one that the judge cannot tell, and go on to the next one.

    A click on a button of what was shown before, which a browser may not have taken away yet, does nothing.
    """
    if here.shown != task.key:
        return
    here.shown = None
    before = _of_this_span(library, here, task)
    note = here.drafts.get(task.key, before.note if before else "")
    if _save(library, here, task, before, given, note):
        here.drafts.pop(task.key, None)
        here.query, here.at, here.after, here.flows = task.query, None, task.passage.chunk_id, True
        here.skipped, here.noting = 0, None


def keep_note(library: Library, here: Desk, task: Task, widget: str) -> None:
    """Save the note in `widget` with the judgment of `task`; before there is one, keep it for it."""
    note, before = clean(st.session_state[widget]), _of_this_span(library, here, task)
    here.noting = None
    if before is None:
        here.drafts[task.key] = note
        here.saved = "The note is saved with your grade of this passage."
    elif note != before.note and _save(library, here, task, before, before.grade, note):
        here.saved = "The note is saved."


def undo(library: Library, here: Desk) -> None:
    """Take the last judgment of this desk back, and return to its passage.

    What the same judge has said of it since, on another page or in another window, stays.
    """
    if not here.steps:
        return
    step, store = here.steps[-1], library.store.judgments
    try:
        now = _of_this_span(library, here, step.task)
        if now and (now.grade, now.note) != (step.made.grade, step.made.note):
            here.steps.pop()
            here.saved = f"Nothing taken back: it was judged elsewhere since, {grade_name(now.grade)}."
            show(here, step.task.query, step.task.passage.chunk_id)
            return
        if step.before:
            store.put(here.judging.collection, [step.before])
        else:
            store.take_back(here.judging.collection, step.made)
    except RagError as exc:
        state.keep_problem(str(exc))
        return
    here.steps.pop()
    again = f"It is {grade_name(step.before.grade)} again." if step.before else "It has no grade now."
    here.saved = f"Taken back: {grade_name(step.made.grade)}. {again}"
    show(here, step.task.query, step.task.passage.chunk_id)


def show(here: Desk, query: str, chunk_id: str | None = None) -> None:
    """Show a question: one passage of it, or else its first one without a judgment."""
    here.query, here.at, here.after, here.flows = query, chunk_id, None, False
    here.skipped, here.noting = 0, None


def skip(here: Desk, by: int) -> None:
    """Show another one of the next best."""
    here.skipped, here.at, here.noting = max(0, here.skipped + by), None, None


def open_note(here: Desk, task: Task) -> None:
    """Show the field for a note on `task`; if it is there, put it away."""
    here.noting = None if here.noting == task.key else task.key


def _save(
    library: Library, here: Desk, task: Task, before: Judgment | None, given: int | None, note: str
) -> bool:
    passage, collection = task.passage, here.judging.collection
    made = Judgment(
        task.query, passage.document_id, passage.start, passage.end, given, here.judging.judge, note
    )
    try:
        library.store.judgments.put(collection, [made])
    except RagError as exc:
        state.keep_problem(str(exc))
        return False
    here.steps = [*here.steps[1 - _MOST_STEPS :], Step(task, made, before)]
    here.saved = f"Saved: {grade_name(given)} · {passage.document}"
    return True


def _of_this_span(library: Library, here: Desk, task: Task) -> Judgment | None:
    span = task.passage.document_id, task.passage.start, task.passage.end
    said = library.store.judgments.of(here.judging.collection, task.query, here.judging.judge)
    return next((one for one in said if (one.document_id, one.start, one.end) == span), None)


def grade_name(given: int | None) -> str:
    """Return a grade as it is said: 2, or cannot judge."""
    return "cannot judge" if given is None else str(given)


# What is shown


def settle(here: Desk, entries: Sequence[Entry]) -> Entry | None:
    """Return the question that is to be shown, None when all are done and nobody asked for one."""
    at = next((n for n, entry in enumerate(entries) if entry.query == here.query), None)
    if at is None or (here.flows and entries[at].is_done):
        begin = 0 if at is None else at
        order = [*entries[begin:], *entries[:begin]]
        entry = next((entry for entry in order if not entry.is_done), None)
        if entry is not None and entry.query != here.query:
            here.query, here.at, here.after = entry.query, None, None
        return entry
    return entries[at]


def passage_at(here: Desk, entry: Entry) -> Passage | None:
    """Return the passage of `entry` that is to be shown; None where it has none."""
    ids = [passage.chunk_id for passage in entry.passages]
    if here.at in ids:
        return entry.passages[ids.index(here.at)]
    begin = ids.index(here.after) + 1 if here.after in ids else 0
    order = [*entry.passages[begin:], *entry.passages[:begin]]
    return next((one for one in order if one.chunk_id not in entry.judged), order[0] if order else None)


def beside(entry: Entry, passage: Passage, by: int) -> str:
    """Return the chunk id of the passage `by` places after this one, from the end to the beginning."""
    ids = [one.chunk_id for one in entry.passages]
    return ids[(ids.index(passage.chunk_id) + by) % len(ids)]


def neighbour(entries: Sequence[Entry], query: str | None, by: int) -> str:
    """Return the question `by` places after this one; without one, the first or the last."""
    queries = [entry.query for entry in entries]
    at = queries.index(query) if query in queries else (-1 if by > 0 else 0)
    return queries[(at + by) % len(queries)]
