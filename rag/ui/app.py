"""The router: which pages there are."""

from pathlib import Path

import streamlit as st

from rag import charts
from rag.ui import sharing

_HERE = Path(__file__).parent
# In the order of the menu: ask and look, judge and measure, look back, and what all of it works on.
_PAGES = ("compare", "judge", "measure", "rerankers", "runs", "costs", "library", "models")


def draw() -> None:
    """Draw the page that the visitor is on."""
    # An emoji, because a Material icon as favicon would be fetched from another host.
    st.set_page_config(page_title="RerankLens", page_icon="🔎", layout="wide")
    st.html(f"<style>{charts.css()}</style>")
    st.html(_HERE / "style.css")
    pages = {
        name: st.Page(_HERE / "pages" / f"{name}.py", title=name.capitalize(), default=name == "compare")
        for name in _PAGES
    }
    page = st.navigation(list(pages.values()), position="top")
    if page is pages["compare"] and (run_id := st.query_params.get(sharing.RUN)):
        st.switch_page(pages["runs"], query_params={sharing.RUN: run_id})
    sharing.take_address()
    page.run()
