"""Look back: what was asked, and what was answered, as it was answered then."""

import streamlit as st

from rag.ui import components, resources, state
from rag.ui.comparison import grading
from rag.ui.inspection import sections
from rag.ui.runs import opened as runs_opened
from rag.ui.runs import table

with components.problems_shown():
    service = resources.get_service()
    library = service.library
    names = library.collections()
    collection = state.settle_collection(library.filled())
    run = runs_opened.from_address(library)

# Another collection has other runs: the one that is open is closed.
components.collection_choice(names, collection, on_change=table.close_run)
if problem := state.take_problem():
    components.problem(problem)

if run:
    components.title("A recorded run")
    with components.problems_shown():
        documents = library.documents(run.info.collection)
        runs_opened.head(service, run)
        top_k = int(st.session_state.get(state.TOP_K, service.settings.top_k))
        components.result(run.result, documents, top_k=top_k)
        grades = grading.grades(grading.of_result(library, run.result))
        sections.draw(service, run.result, grades, top_k, run=run.info)
else:
    components.title(
        "Runs",
        collection,
        says="What was asked, and what was answered: to be opened again, and compared with today's answer.",
    )
    with components.problems_shown():
        found = library.store.runs.of(collection)
        table.what_is_stored(len(found))
        if found:
            revision = library.store.existing(collection).revision
            selected = table.runs(found, revision)
            table.actions(service, selected, found)
        else:
            st.subheader("Nothing is recorded here yet")
            st.text("Ask a question on the page Compare, and its answer is kept here.")
            st.page_link(state.COMPARE_PAGE, label="Ask a question", icon=":material/search:")
