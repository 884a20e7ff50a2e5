"""See what a collection holds, add to it, take from it, and change how it is cut."""

import streamlit as st

from rag.samples import SAMPLE_COLLECTION, sample_files
from rag.ui import components, resources, state
from rag.ui.library import chunking as library_chunking
from rag.ui.library import collections, preview, table, transfer, uploads
from rag.ui.shelf import why_unsearchable

with components.problems_shown():
    service = resources.get_service()
    library = service.library
    states = service.jobs.states()
    names = library.collections()
    collection = state.settle_collection(library.filled())
    documents = library.documents(collection)
    unsearchable = why_unsearchable(service, collection)

components.title(
    "Library",
    collection,
    says="What each collection holds, how its documents are cut into chunks, and how to change both.",
)

with components.problems_shown():
    collections.choice(service, names, collection)
    components.notices(unsearchable)
    collections.unread_languages(service, collection, documents)
    collections.rolled_back(service)
    if problem := state.take_problem():
        components.problem(problem)
    uploads.jobs(service, collection, everyones=True)
    library_chunking.pending(service, collection, documents)

    if documents:
        selected = table.documents(documents)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(table.totals(documents), width="stretch")
            table.delete_button(service, collection, selected)
    elif not uploads.is_adding(service, collection):
        st.subheader("This collection is empty")
        st.text("Drop files below, or begin with the sample documents, which come with questions to ask.")
        if st.button("Open the sample collection", type="primary", key="open_sample"):
            uploads.add(service, sample_files(), SAMPLE_COLLECTION)
    table.undo(service, collection)

with st.expander("Add documents", expanded=not documents, icon=":material/upload_file:"):
    uploads.uploader(service, collection, disabled=bool(unsearchable))

with components.problems_shown():
    if documents:
        st.subheader("Preview")
        shown = preview.choice(documents)
        preview.preview(service, collection, shown)
        with st.expander(
            "Chunk size and overlap", icon=":material/content_cut:", key="chunking", on_change="rerun"
        ) as opened:
            if opened.open:
                library_chunking.change(service, collection, documents, shown)
    table.trash(service, collection)
    transfer.export_and_import(service, collection, has_documents=bool(documents))

# What ended while the page was drawn is in its lower part only.
if states != service.jobs.states():
    st.rerun()
