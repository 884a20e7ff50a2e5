"""See which models answer, bring others to this machine, and use them."""

import streamlit as st

from rag.models.catalog import CATALOG, PRESETS
from rag.models.manifest import Task
from rag.ui import components, model_cards, model_controls, model_sections, resources, state
from rag.ui.shelf import look_at

TASKS: tuple[Task, ...] = ("rerank", "embed")
CARD_WIDTH = 360  # px: below it, cards are stacked


def task_label(task: Task) -> str:
    """Return the name of several models of a kind."""
    return f"{model_cards.TASKS[task]}s"


with components.problems_shown():
    service = resources.get_service()
    settings = service.settings
    states = service.jobs.states()
    shelf = look_at(settings.model_cache)

st.title("Models")
st.text("Which models answer, and how to have others: exported once to this machine, then used at once.")

with components.problems_shown():
    st.subheader("In use")
    model_sections.in_use(service, shelf)

st.subheader("Presets")
model_controls.missing_packages()
with st.grid(2, min_column_width=CARD_WIDTH):
    for preset in PRESETS:
        with st.container(border=True, height="stretch"):
            model_sections.preset(service, shelf, preset)

st.subheader("Catalogue")
task = st.segmented_control(
    "Kind", TASKS, default="rerank", required=True, format_func=task_label, key=state.MODEL_TASK,
    label_visibility="collapsed",
)  # fmt: skip
with st.grid(2, min_column_width=CARD_WIDTH):
    for known in CATALOG:
        if known.task == task:
            with st.container(border=True, height="stretch"):
                model_sections.known_model(service, shelf, known)

st.subheader("Other models")
model_sections.strangers(service, shelf)
others = shelf.others()
if others:
    with st.grid(2, min_column_width=CARD_WIDTH):
        for model in others:
            with st.container(border=True, height="stretch"):
                model_sections.other_model(service, model)
model_sections.other_form(service)

st.subheader("Where it lives")
with st.grid(2, min_column_width=CARD_WIDTH):
    for topic, folder in (("Model cache", settings.model_cache), ("Library", settings.home)):
        with st.container(border=True, height="stretch"):
            model_sections.place(topic, folder)
model_sections.broken(shelf)

# What ended while the page was drawn is in its lower part only.
if (states, shelf) != (service.jobs.states(), look_at(settings.model_cache)):
    st.rerun()
