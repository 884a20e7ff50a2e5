"""Put two rerankers side by side: on one question, on all of them, or without their names."""

import streamlit as st

from rag.ui import components, resources, state
from rag.ui.shelf import why_unsearchable
from rag.ui.versus import all_questions, blind, choice, one_question

_VIEWS = {"One question": one_question.draw, "All questions": all_questions.draw, "Blind vote": blind.draw}

with components.problems_shown():
    service = resources.get_service()
    library = service.library
    filled = library.filled()
    collection = state.settle_collection(filled)
    unsearchable = why_unsearchable(service, collection)

components.collection_choice(library.collections(), collection)
components.title(
    "Rerankers",
    collection,
    says="Two rerankers on the same candidates: where they differ, what each takes, which one you prefer.",
)

with components.problems_shown():
    components.notices([*service.pipeline.standing, *unsearchable])
    if collection not in filled:
        st.subheader("This collection is empty")
        st.text("Rerankers order what was retrieved: add documents first, or open the sample collection.")
        st.page_link(state.COMPARE_PAGE, label="Add documents", icon=":material/upload_file:")
    elif not unsearchable and (pair := choice.pair(service, collection)):
        view = st.segmented_control(
            "What to compare on",
            list(_VIEWS),
            default=next(iter(_VIEWS)),
            required=True,
            key=choice.VIEW,
            persist_state="session",
            label_visibility="collapsed",
        )
        _VIEWS[view](service, pair)
