"""Ask a question, and see what was retrieved beside what the reranker made of it."""

import streamlit as st

from rag.amounts import counted
from rag.errors import BusyError, RagError
from rag.samples import SAMPLE_COLLECTION, sample_files, sample_questions
from rag.timing import Stopwatch
from rag.ui import asking, components, resources, state
from rag.ui.comparison import answering, grading, view
from rag.ui.inspection import sections
from rag.ui.library import collections, uploads
from rag.ui.shelf import why_unsearchable

with components.problems_shown():
    service = resources.get_service()
    library = service.library
    states = service.jobs.states()
    names = library.collections()
    collection = state.settle_collection(library.filled())
    documents = library.documents(collection)
    unsearchable = why_unsearchable(service, collection)

nothing_ingested_yet = not documents
# Its first opening may have been cut short.
sample_incomplete = collection == SAMPLE_COLLECTION and len(documents) < len(sample_files())

components.collection_choice(
    names, collection, accepts_new=True, says="Type a new name to begin another collection."
)
with st.sidebar:
    if documents:
        n_chunks = sum(document.chunks for document in documents)
        with st.expander(f"{counted(len(documents), 'document')}, {counted(n_chunks, 'chunk')}"):
            components.document_list(documents)
            chosen = st.selectbox(
                "Document to delete", documents, index=None, format_func=lambda d: d.name, key=state.DOCUMENT
            )
            wanted = st.button("Delete", disabled=chosen is None, icon=":material/delete:", key="delete")
            if wanted and chosen:
                with components.problems_shown():
                    library.delete(chosen.id, collection=collection)
                state.forget_jobs()
                st.rerun()

components.title("RerankLens", collection, says="What was retrieved, and what the cross-encoder made of it.")

standing = service.pipeline.standing
components.notices([*standing, *unsearchable])
with components.problems_shown():
    collections.rolled_back(service)

sample_wanted = False
if uploads.is_adding(service, collection):
    pass  # what is missing is on its way
elif nothing_ingested_yet:
    st.subheader("Begin with the sample collection, or with documents of your own")
    sample_wanted = st.button("Open the sample collection", type="primary", key="open_sample")
elif sample_incomplete:
    sample_wanted = st.button("Add the missing sample documents", key="open_sample")

if documents:
    if collection == SAMPLE_COLLECTION:
        st.pills(
            "Sample questions",
            sample_questions()[::6],
            key=state.SAMPLE_QUESTION,
            on_change=state.ask_sample_question,
            disabled=bool(unsearchable),
        )
    form = asking.form(service, disabled=bool(unsearchable))
    notice_slot = st.container()
    result_slot = st.empty()  # what is drawn into it takes the place of the result before
    if form.sent or state.take_asked():
        watch = Stopwatch()
        answering.stop()
        try:
            revision = library.store.existing(collection).revision
            with asking.on_its_way(result_slot, form.retrieve_k) as pulse:
                result = service.pipeline.search(
                    form.question,
                    collection=collection,
                    retrieve_k=form.retrieve_k,
                    reranker=form.reranker,
                    retriever=form.retriever,
                    watch=watch,
                    pulse=pulse,
                )
            state.keep_result(result, documents)
            asking.record(service, result, revision=revision)
        except BusyError as exc:  # which says nothing against the question, or the result before
            result_slot.empty()
            earlier = state.last_result(collection) is not None
            with notice_slot:
                components.notices([asking.turned_away(service.pipeline, exc, earlier=earlier)])
        except RagError as exc:
            state.keep_result(None)
            result_slot.empty()
            with notice_slot:
                components.problem(str(exc))
    found = state.last_result(collection)
    if found:
        # Two boxes, so that all of it goes when the next question's first line comes in its place.
        with result_slot.container(), st.container():
            # Boxes of their own, or what comes and goes above the columns would take the focus from them.
            stale_slot, answer_slot = st.container(), st.container()
            if state.is_outdated(documents):
                stale_slot.text(
                    "The documents have changed since this question was asked. Ask again to search them."
                )
            if state.is_superseded(service.reranker.info):
                stale_slot.text(
                    "The reranker has changed since this question was asked. Ask again to see its order."
                )
            with answer_slot:
                answering.draw(service, found, form.answer)
            view.draw(service, answering.with_answer(found, form.answer), documents, standing)
            # Not in the fragment above: a click in one cannot cancel what takes long.
            grades = grading.grades(grading.of_result(library, found))
            sections.draw(service, found, grades, int(st.session_state[state.TOP_K]))

followed = uploads.are_shown(service, collection)
add_slot = st.expander(
    "Add documents", expanded=nothing_ingested_yet or followed, icon=":material/upload_file:"
)
with add_slot:
    uploads.uploader(service, collection, disabled=bool(unsearchable))
    uploads.jobs(service, collection)
if sample_wanted:
    uploads.add(service, sample_files(), SAMPLE_COLLECTION)

# What ended while the page was drawn is in its lower part only.
if states != service.jobs.states():
    st.rerun()
