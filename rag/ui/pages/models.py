"""See which models answer, bring others to this machine, and use them."""

import streamlit as st

from rag.models.catalog import PRESETS
from rag.ui import components, resources, state
from rag.ui.models import controls, sections
from rag.ui.shelf import look_at

CARD_WIDTH = 360  # px: below it, cards are stacked

with components.problems_shown():
    service = resources.get_service()
    settings = service.settings
    states = service.jobs.states()
    shelf = look_at(settings.model_cache)
    collection = state.settle_collection(service.library.filled())
    components.collection_choice(service.library.collections(), collection)

components.title(
    "Models",
    says="Which models answer, and how to have others: exported once to this machine, then used at once.",
)

with components.problems_shown():
    st.subheader("In use")
    sections.in_use(service, shelf)

st.subheader("Presets")
controls.missing_packages()
with st.grid(2, min_column_width=CARD_WIDTH):
    for preset in PRESETS:
        with st.container(border=True, height="stretch"):
            sections.preset(service, shelf, preset)

st.subheader("Catalogue")
chosen = sections.catalog_filter()
with st.grid(2, min_column_width=CARD_WIDTH):
    for known in chosen:
        with st.container(border=True, height="stretch"):
            sections.known_model(service, shelf, known)

st.subheader("Other models")
others = shelf.others()
if others:
    with st.grid(2, min_column_width=CARD_WIDTH):
        for model in others:
            with st.container(border=True, height="stretch"):
                sections.other_model(service, model)
sections.other_form(service)
sections.strangers(service, shelf)

st.subheader("Where it lives")
with st.grid(2, min_column_width=CARD_WIDTH):
    for topic, folder in (("Model cache", settings.model_cache), ("Library", settings.home)):
        with st.container(border=True, height="stretch"):
            sections.place(topic, folder)
sections.broken(shelf)

# What ended while the page was drawn is in its lower part only.
if (states, shelf) != (service.jobs.states(), look_at(settings.model_cache)):
    st.rerun()
