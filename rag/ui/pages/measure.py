"""Measure what reranking is worth on the judged questions of a collection."""

import streamlit as st

from rag.amounts import counted
from rag.evaluation.asking import to_ask
from rag.evaluation.collection import CollectionMeasure, measure, questions
from rag.jobs.measure import present_setup
from rag.library import Library
from rag.service import Service
from rag.ui import components, drawing, resources, state
from rag.ui.measuring import asking, files, table, view
from rag.ui.measuring import choice as measure_choice
from rag.ui.shelf import why_unsearchable


def overall(found: CollectionMeasure) -> None:
    """Draw the measures over all questions."""
    st.html(view.headline(found))
    # The table with both orders takes the whole width.
    is_wide = found.by_reranker is not None
    one, other = (st.container(), st.container()) if is_wide else st.columns([1.6, 1], gap="large")
    one.html(view.measures(found))
    if chart := view.intervals(found):
        with other:
            drawing.show(chart, key="measure_intervals")
    if languages := view.languages(found):
        st.html(languages)
    with st.expander("What the unjudged passages could change", icon=":material/help:"):
        st.text(
            "A passage that nobody judged counts as not relevant. These are the measures if all were so, "
            "and if all were fully relevant: two extremes of opinion, and mostly of the measures too."
        )
        st.html(view.bounds(found))


def nothing_measured(found: CollectionMeasure, n_questions: int) -> None:
    """Say why there is no figure, and what to do."""
    st.subheader("Nothing is measured yet")
    if not n_questions:
        st.text(
            "A measure needs questions, and somebody who says which passages answer them. Ask on the Compare "
            "page what you really want to know: each question is remembered. Or import a data set below."
        )
        st.page_link(state.COMPARE_PAGE, label="Ask a question", icon=":material/search:")
    elif not found.judgments or all(one.why == "not_judged" for one in found.unmeasured):
        st.text(
            f"{counted(n_questions, 'question')} here, and no passage is judged relevant to any of them. "
            "Without judgments nothing can be called a measure: a score is a model's opinion of itself. "
            "Judge the first passages of some questions, from 0 (no answer) to 3 (full answer), or import "
            "judgments below."
        )
        st.page_link(state.JUDGE_PAGE, label="Judge passages", icon=":material/grading:")
    else:
        st.text(
            "There are judgments, but no answer that they could measure: the judged questions were not "
            "asked, or before the documents or the models changed. Ask them, and the figures are here."
        )


def page(service: Service, library: Library, collection: str) -> None:
    """Draw the measures of a collection that has documents."""
    setup = present_setup(service)
    choice = measure_choice.draw(library, collection)
    found = measure(
        library,
        collection,
        judge=choice.judge,
        setup=setup,
        k=choice.precision_depth,
        recall_depth=choice.recall_depth,
    )
    every = questions(library, collection)
    left = to_ask(library, collection, setup=setup, depth=found.depth)
    asking.jobs(service, collection)
    if found.questions:
        overall(found)
    else:
        nothing_measured(found, len(every))
    asking.buttons(service, collection, n_questions=len(every), n_left=len(left), depth=found.depth)
    if found.questions:
        st.subheader("Each question")
        table.questions(found)
    table.unmeasured(found)
    has_runs = len(left) < len(every)
    files.downloads(
        files.files(service, collection, choice.judge),
        has_runs=has_runs,
        has_judgments=found.judgments > 0,
    )


with components.problems_shown():
    service = resources.get_service()
    library = service.library
    states = service.jobs.states()
    filled = library.filled()
    collection = state.settle_collection(filled)

components.collection_choice(library.collections(), collection)
components.title(
    "Measure", collection, says="What reranking is worth on your own questions, by what people judged."
)
if problem := state.take_problem():
    components.problem(problem)

with components.problems_shown():
    if collection in filled:
        components.notices([*service.pipeline.standing, *why_unsearchable(service, collection)])
        page(service, library, collection)
    else:
        st.subheader("This collection is empty")
        st.text("Add documents on the Compare page, open the sample collection there, or import a data set.")
        st.page_link(state.COMPARE_PAGE, label="Add documents", icon=":material/upload_file:")
        asking.jobs(service, collection)
    files.uploads(service, collection, exists=collection in filled)

# What ended while the page was drawn is in its lower part only.
if states != service.jobs.states():
    st.rerun()
