"""The pages over a small library in which questions have been asked, without a browser."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import pytest
import streamlit as st
from drawings import drawn
from files import text_file
from servers import SETTINGS
from streamlit.testing.v1 import AppTest

from rag.evidence import Judgment, RunInfo
from rag.records import SearchResult
from rag.service import Service
from rag.ui import state
from rag.ui.resources import get_service

ENTRY = Path(__file__).resolve().parents[1] / "streamlit_app.py"
QUESTION = "How long does the dough rest?"
TEXTS = {
    "bread.txt": "The dough rests for ninety minutes. Flour and water are weighed the evening before. "
    "The oven is heated for an hour.",
    "boiler.txt": "If the boiler stops, read the pressure gauge and open the filling tap.",
    "clocks.txt": "The tower clock of the museum strikes every quarter of an hour.",
}


@contextmanager
def own_library(home: Path) -> Iterator[None]:
    """Have the pages work on a library in `home`, with the default models and no settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(SETTINGS)]:
            patch.delenv(name)
        patch.setenv("RAG_HOME", str(home))
        st.cache_resource.clear()
        yield
        get_service().close()
        st.cache_resource.clear()


def service() -> Service:
    return get_service()


def fill(collection: str) -> str:
    """Add the three texts to `collection`; return its name."""
    service().library.ingest([text_file(*item) for item in TEXTS.items()], collection=collection)
    return collection


def answer(collection: str, question: str = QUESTION) -> SearchResult:
    return service().pipeline.search(question, collection=collection, retrieve_k=30)


def record(collection: str, question: str = QUESTION) -> RunInfo:
    """Ask, and record the answer."""
    return service().library.store.runs.add(answer(collection, question))


def judge(collection: str, grades: dict[str, int], question: str = QUESTION, *, by: str = "") -> None:
    """Give whole documents these grades, by name."""
    library = service().library
    for document in library.documents(collection):
        if (grade := grades.get(document.name)) is not None:
            end = len(TEXTS[document.name])
            library.judge(Judgment(question, document.id, 0, end, grade, by), collection=collection)


def visit(collection: str, /, **address: str) -> AppTest:
    """The first page as a new visitor sees it, on `collection`, with these parameters in the address."""
    page = AppTest.from_file(str(ENTRY), default_timeout=60)
    page.session_state[state.COLLECTION] = collection
    for name, value in address.items():
        page.query_params[name] = value
    return run(page)


def visit_runs(collection: str, run_id: str = "") -> AppTest:
    """The page Runs, on `collection`, with a recorded run opened if one is named."""
    page = visit(collection).switch_page(state.RUNS_PAGE)
    if run_id:
        page.query_params["run"] = run_id
    return run(page)


def run(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception, page.exception[0].value
    return page


def ask(page: AppTest, question: str = QUESTION) -> AppTest:
    page.text_input(key=state.QUESTION).set_value(question)
    next(button for button in page.button if button.label == "Ask").click()
    return run(page)


def open_section(page: AppTest, key: str) -> AppTest:
    page.session_state[key] = True
    return run(page)


def address(page: AppTest) -> dict[str, str]:
    """The parameters in the page's address."""
    # What a page has set is a text, what it was opened with may be a list.
    return {name: value if isinstance(value, str) else value[0] for name, value in page.query_params.items()}


def shown(page: AppTest) -> str:
    """Everything that can be read on the page."""
    html = " ".join(_html(element) for element in page.main)
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]*>", " ", re.sub("(?s)<style>.*?</style>", "", html))))


def _html(element: object) -> str:
    kind = getattr(element, "type", "")
    if kind == "bidi_component":
        return drawn(element)
    if kind == "html":
        return str(getattr(element, "value", ""))
    return re.sub("<", "&lt;", f"{getattr(element, 'label', '')} {getattr(element, 'value', '')}")
