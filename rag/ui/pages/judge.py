"""Judge passages one by one, without knowing where a ranking put them."""

import streamlit as st

from rag.service import Service
from rag.ui import (
    components,
    judging_asking,
    judging_desk,
    judging_guidelines,
    judging_next,
    judging_places,
    judging_view,
    resources,
    state,
)
from rag.ui.judging_desk import Desk, Task
from rag.ui.judging_queue import Entry, queue
from rag.ui.shelf import why_unsearchable


def one_question(service: Service, here: Desk, entries: tuple[Entry, ...], entry: Entry | None) -> None:
    """Draw `entry`, the question whose turn it is, and one passage of it."""
    passage = judging_desk.passage_at(here, entry) if entry else None
    st.html(judging_view.overall(entries))
    if entry and passage:
        st.html(judging_view.question(entry, entries, passage))
        judging_places.passage(service, here, Task(entry.query, passage), entry)
        judging_places.outdated(service, here, entry)
        return
    judging_places.foot(service.library, here)
    if entry is None:
        judging_places.all_done(entries)
        return
    st.html(judging_view.question(entry, entries, None))
    if entry.run is None:
        judging_asking.ask(service, here.judging, entry.query)
    else:
        st.text("Nothing was found for this question, so there is nothing to judge.")
        judging_places.outdated(service, here, entry)


def next_best(
    service: Service, here: Desk, entries: tuple[Entry, ...], task: Task | None, n_best: int
) -> None:
    """Draw `task`, of all questions the passage whose judgment would change the measures most."""
    st.html(judging_view.overall(entries))
    judging_asking.ask_all(service, here.judging, entries)
    entry = next((entry for entry in entries if task and entry.query == task.query), None)
    if task and entry:
        st.html(judging_view.next_best(task.query, n_best))
        judging_places.passage(service, here, task, entry, n_best=n_best)
    else:
        judging_places.foot(service.library, here)
        judging_places.nothing_to_gain(entries)


with components.problems_shown():
    service = resources.get_service()
    library = service.library
    collection = state.settle_collection(library.filled())
    judging = judging_places.who_and_what(library, collection)
    here = judging_desk.desk(judging)
    entries = queue(library, judging, here.pools)

if is_next_best := judging_places.is_next_best():
    best = judging_next.ranking(library, here, entries)
    task = judging_next.task(here, entries, best)
    shown = task.query if task else None
else:
    entry = judging_desk.settle(here, entries)
    shown = entry.query if entry else None

components.title(
    "Judge", collection, says="One passage at a time, and nothing that tells where a ranking put it."
)
if problem := state.take_problem():
    components.problem(problem)
if not library.documents(collection):
    judging_places.no_documents()
    st.stop()
components.notices(why_unsearchable(service, collection))
with st.sidebar:
    judging_places.queue_table(here, entries, shown)
left, right = st.columns([2.6, 1], gap="large")
with right, components.problems_shown():
    judging_guidelines.draw(library, collection)
    judging_asking.change_questions(service, collection, shown)
with left, components.problems_shown():
    if not entries:
        judging_places.no_questions()
    else:
        judging_places.order(here, entries, shown)
        if is_next_best:
            next_best(service, here, entries, task, len(best))
        else:
            one_question(service, here, entries, entry)
