"""Set what reranking costs on this machine beside what a remote GPU would cost."""

import streamlit as st

from rag.costs import break_even
from rag.ui import components, resources, state
from rag.ui.costs import choices, html, measuring
from rag.ui.costs.month import Month, month, table


def _break_even(found: Month) -> str:
    """Return from how many questions on the machine here costs no more."""
    local = found.choice.local(found.pace.mean if found.pace else None)
    fewest = break_even(local, found.choice.remote, found.choice.workload)
    if fewest is None:
        return "At no number of questions does the machine here cost less: the remote one's price is lower."
    if fewest <= 1:
        return "Break-even: the machine here costs no more from the first question on."
    return f"Break-even: below about {fewest:,} questions a month the remote GPU costs less."


def _result(found: Month, basis: tuple[str, ...]) -> None:
    st.html(html.summary(found))
    st.text(_break_even(found))
    st.html(html.comparison(found))
    st.html(html.gpu_time(found))
    st.html(html.volumes(found))
    st.download_button(
        "Download as a table (CSV)",
        lambda: table(found, basis),
        file_name="costs.csv",
        mime="text/csv",
        key="costs_csv",
        on_click="ignore",
    )


with components.problems_shown():
    service = resources.get_service()
    library = service.library
    collection = state.settle_collection(library.filled())

components.collection_choice(library.collections(), collection)
components.title(
    "Costs",
    collection,
    says="What reranking costs here, by measured times, beside a remote GPU at the prices you give.",
)

with components.problems_shown():
    components.notices(service.pipeline.standing)
    given, came = st.columns([1, 1.7], gap="large")
    with came:
        pace, basis = measuring.draw(service, collection)
    with given:
        choice = choices.draw()
    with came:
        st.subheader("A month")
        _result(month(choice, pace), basis)
    st.subheader("Where the figures are from")
    st.text(
        "Times here are measured. All other figures are examples that nobody checked for you: replace them "
        "by those of your own bill. Prices are in one currency, whichever you use; nothing is converted."
    )
    st.html(html.sources())
    st.subheader("What is left out")
    st.html(html.left_out())
