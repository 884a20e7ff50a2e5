"""The router: which pages there are."""

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent


def draw() -> None:
    """Draw the page that the visitor is on."""
    # An emoji, because a Material icon as favicon would be fetched from another host.
    st.set_page_config(page_title="RerankLens", page_icon="🔎", layout="wide")
    st.html(_HERE / "style.css")
    pages = [
        st.Page(_HERE / "pages" / "compare.py", title="Compare", default=True),
        st.Page(_HERE / "pages" / "library.py", title="Library"),
        st.Page(_HERE / "pages" / "models.py", title="Models"),
    ]
    st.navigation(pages, position="top").run()
