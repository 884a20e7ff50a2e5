"""The page as a visitor uses it, without a browser: real models, a library of its own for each test."""

import os
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from rag.errors import RagError
from rag.samples import sample_files
from rag.ui.resources import get_service

ENTRY = Path(__file__).resolve().parents[1] / "streamlit_app.py"
QUESTION = "How long does the dough rest?"
FILES = [
    ("bread.txt", b"The dough rests for ninety minutes under a damp cloth."),
    ("boiler.txt", b"If the boiler stops, read the pressure gauge and open the filling tap."),
    ("clocks.md", b"# Clocks\n\nThe tower clock of the museum strikes every quarter of an hour."),
]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """The page before its first run, over an empty library."""
    for name in [name for name in os.environ if name.startswith("RAG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAG_HOME", str(tmp_path / "library"))
    st.cache_resource.clear()
    yield AppTest.from_file(str(ENTRY), default_timeout=60)
    try:
        get_service().close()
    except RagError:  # a test of settings with which no service can be built
        pass
    st.cache_resource.clear()


@pytest.fixture
def filled(page: AppTest) -> AppTest:
    """The page over a library with three small documents."""
    return upload(run(page), *FILES)


def run(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception, page.exception[0].value
    return page


def upload(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    for name, data in files:
        page.file_uploader[0].upload(name, data)
    return run(page)


def ask(page: AppTest, question: str = QUESTION) -> AppTest:
    page.text_input(key="question").set_value(question)
    next(button for button in page.button if button.label == "Ask").click()
    return run(page)


def open_collection(page: AppTest, name: str) -> AppTest:
    page.selectbox(key="collection").set_value(name)
    return run(page)


def shown(page: AppTest) -> str:
    """Everything that can be read on the page."""
    html = " ".join(element.value for element in page.get("html"))
    words = [unescape(re.sub("<[^>]*>", " ", html))]
    words += [element.value for kind in ("title", "subheader", "markdown", "text") for element in page.get(kind)]
    words += [expander.label for expander in page.expander]
    return re.sub(r"\s+", " ", " ".join(words))


def cards(page: AppTest) -> list[str]:
    """The ids of the chunks on the cards, column by column."""
    return re.findall('data-chunk="([^"]*)"', " ".join(element.value for element in page.get("html")))


def times(page: AppTest) -> list[str]:
    """All times on the page, to the digit: no second run could measure the same."""
    return re.findall(r"[\d.,]+ ms\b", shown(page))


def test_an_empty_library_offers_the_samples_and_an_upload(page: AppTest) -> None:
    run(page)
    assert page.button(key="open_sample").label == "Open the sample collection"
    assert len(page.file_uploader) == 1
    assert not page.text_input


def test_one_click_opens_the_samples_and_another_asks(page: AppTest) -> None:
    run(page).button(key="open_sample").click()
    run(page)
    assert f"{len(sample_files())} documents" in shown(page)
    assert page.selectbox(key="collection").value == "sample"
    questions = page.get("button_group")[0]
    questions.set_value(questions.options[0])
    run(page)
    assert page.text_input(key="question").value == questions.options[0]
    assert len(cards(page)) == 20


def test_a_question_fills_both_columns_under_a_sentence_and_the_times(filled: AppTest) -> None:
    ask(filled)
    assert len(cards(filled)) == 6
    assert set(cards(filled)[:3]) == set(cards(filled)[3:])
    assert re.search("Reranking left the top 3|The top 3 are the same", shown(filled))
    for stage in ("embed", "search", "tokenize", "score", "sort", "total"):
        assert re.search(rf"\b{stage} [\d.,]+ ms", shown(filled)), stage


def test_the_answer_is_on_the_first_reranked_card(filled: AppTest) -> None:
    ask(filled)
    reranked = shown(filled).partition("cross-encoder")[2]
    assert reranked.index("bread.txt") < min(reranked.index("boiler.txt"), reranked.index("clocks.md"))


def test_another_run_draws_the_kept_result_without_asking_again(filled: AppTest) -> None:
    before = times(ask(filled))
    assert len(before) >= 6
    assert times(run(filled)) == before
    assert "cached" not in shown(filled).partition("What the numbers mean")[0].partition("total")[0]


def test_asking_again_says_that_the_scores_were_known(filled: AppTest) -> None:
    ask(ask(filled))
    assert "3 cached" in shown(filled)


def test_the_number_of_cards_is_only_a_matter_of_drawing(filled: AppTest) -> None:
    before = times(ask(filled))
    filled.slider(key="top_k").set_value(1)
    run(filled)
    assert len(cards(filled)) == 2
    assert times(filled) == before


def test_fewer_candidates_than_cards_leave_a_working_page(filled: AppTest) -> None:
    ask(filled).slider(key="top_k").set_value(3)
    filled.number_input(key="retrieve_k").set_value(1)
    ask(run(filled))
    assert len(cards(filled)) == 2
    assert "1 of 1" in shown(filled)


@pytest.mark.parametrize(
    ("question", "message"),
    [("", "The question is empty"), (" \n\t", "The question is empty"), ("\x00\u200b", "The question is empty")],
)
def test_a_question_that_says_nothing_gets_a_message_and_no_cards(
    filled: AppTest, question: str, message: str
) -> None:
    ask(ask(filled), question)
    assert message in shown(filled)
    assert cards(filled) == []


def test_a_file_that_fails_costs_itself_alone(page: AppTest) -> None:
    upload(run(page), FILES[0], ("broken.pdf", b"%PDF-1.7 and no more"), ("empty.txt", b""), FILES[1])
    assert "2 of 4 files added; 2 could not be added." in shown(page)
    assert "broken.pdf" in shown(page)
    assert "empty.txt" in shown(page)
    assert "2 documents" in shown(page)


def test_failures_are_listed_first(page: AppTest) -> None:
    upload(run(page), FILES[0], ("empty.txt", b""))
    listed = shown(page).partition("could not be added")[2]
    assert 0 <= listed.index("empty.txt") < listed.index("bread.txt")


def test_the_uploader_is_empty_after_an_upload(filled: AppTest) -> None:
    assert filled.file_uploader[0].value == []


def test_the_same_bytes_are_not_added_twice(filled: AppTest) -> None:
    upload(filled, ("copy.txt", FILES[0][1]))
    assert "copy.txt is already there as bread.txt." in shown(filled)
    assert "3 documents" in shown(filled)


def test_a_deleted_document_is_gone(filled: AppTest) -> None:
    bread = next(name for name in filled.selectbox(key="document").options if name == "bread.txt")
    filled.selectbox(key="document").select_index(filled.selectbox(key="document").options.index(bread))
    run(filled).button(key="delete").click()
    run(filled)
    assert "2 documents" in shown(filled)
    ask(filled)
    assert "bread.txt" not in " ".join(cards(filled))
    assert len(cards(filled)) == 4


def test_deleting_needs_a_choice(filled: AppTest) -> None:
    assert filled.button(key="delete").disabled


def test_a_new_collection_begins_empty_and_keeps_to_itself(filled: AppTest) -> None:
    open_collection(filled, "Another shelf")
    assert filled.button(key="open_sample")
    upload(filled, FILES[1])
    assert filled.selectbox(key="collection").value == "Another shelf"
    assert "1 documents" in shown(filled) or "1 document" in shown(filled)
    open_collection(filled, "default")
    assert "3 documents" in shown(filled)


def test_a_result_is_not_shown_under_another_collection(filled: AppTest) -> None:
    ask(filled)
    open_collection(filled, "Another shelf")
    assert cards(filled) == []


@pytest.mark.parametrize("name", ["x" * 65, "two\nlines", " \u200b "])
def test_a_collection_that_cannot_be_named_so_gets_a_message(page: AppTest, name: str) -> None:
    upload(open_collection(run(page), name), FILES[0])
    assert "cannot name a collection" in shown(page)


def test_a_document_deleted_by_another_visitor_is_no_accident(filled: AppTest) -> None:
    filled.selectbox(key="document").select_index(0)
    run(filled)
    library = get_service().library
    library.delete(library.documents("default")[0].id, collection="default")
    filled.button(key="delete").click()
    run(filled)
    assert "2 documents" in shown(filled)


@pytest.mark.parametrize("variable", ["RAG_RERANKER", "RAG_EMBEDDER", "RAG_TOP_K"])
def test_a_setting_that_cannot_be_used_is_explained(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "nonsense")
    run(page)
    assert "nonsense" in shown(page)
    assert not page.file_uploader


def test_an_unknown_model_is_answered_with_the_known_ones(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_RERANKER", "nonsense")
    assert "cross-encoder/ms-marco-MiniLM-L-12-v2" in shown(run(page))
