"""Judge passages one by one, without knowing where a ranking put them."""

import streamlit as st

from rag.service import Service
from rag.ui import components, resources, state
from rag.ui.judging import asking, desk, guidelines, places, view
from rag.ui.judging import next_best as judging_next
from rag.ui.judging.desk import Desk, Task
from rag.ui.judging.queue import Entry, queue
from rag.ui.shelf import why_unsearchable


def one_question(service: Service, here: Desk, entries: tuple[Entry, ...], entry: Entry | None) -> None:
    """Draw `entry`, the question whose turn it is, and one passage of it."""
    passage = desk.passage_at(here, entry) if entry else None
    st.html(view.overall(entries))
    if entry and passage:
        st.html(view.question(entry, entries, passage))
        places.passage(service, here, Task(entry.query, passage), entry)
        places.outdated(service, here, entry)
        return
    places.foot(service.library, here)
    if entry is None:
        places.all_done(entries)
        return
    st.html(view.question(entry, entries, None))
    if entry.run is None:
        asking.ask(service, here.judging, entry.query)
    else:
        st.text("Nothing was found for this question, so there is nothing to judge.")
        places.outdated(service, here, entry)


def next_best(
    service: Service, here: Desk, entries: tuple[Entry, ...], task: Task | None, n_best: int
) -> None:
    """Draw `task`, of all questions the passage whose judgment would change the measures most."""
    st.html(view.overall(entries))
    asking.ask_all(service, here.judging, entries)
    entry = next((entry for entry in entries if task and entry.query == task.query), None)
    if task and entry:
        st.html(view.next_best(task.query, n_best))
        places.passage(service, here, task, entry, n_best=n_best)
    else:
        places.foot(service.library, here)
        places.nothing_to_gain(entries)


with components.problems_shown():
    service = resources.get_service()
    library = service.library
    collection = state.settle_collection(library.filled())
    judging = places.who_and_what(library, collection)
    here = desk.desk(judging)
    entries = queue(library, judging, here.pools)

if is_next_best := places.is_next_best():
    best = judging_next.ranking(library, here, entries)
    task = judging_next.task(here, entries, best)
    shown = task.query if task else None
else:
    entry = desk.settle(here, entries)
    shown = entry.query if entry else None

components.title(
    "Judge", collection, says="One passage at a time, and nothing that tells where a ranking put it."
)
if problem := state.take_problem():
    components.problem(problem)
if not library.documents(collection):
    places.no_documents()
    st.stop()
components.notices(why_unsearchable(service, collection))
with st.sidebar:
    places.queue_table(here, entries, shown)
left, right = st.columns([2.6, 1], gap="large")
with right, components.problems_shown():
    guidelines.draw(library, collection)
    asking.change_questions(service, collection, shown)
with left, components.problems_shown():
    if not entries:
        places.no_questions()
    else:
        places.order(here, entries, shown)
        if is_next_best:
            next_best(service, here, entries, task, len(best))
        else:
            one_question(service, here, entries, entry)
