"""A question in the address: only where it is wanted, and asked again by whoever opens it."""

from collections.abc import Iterator

import pytest
import recorded
from recorded import QUESTION, address, ask, run, shown, visit

from rag.ui import state

SHELF = "shared"


@pytest.fixture(scope="module", autouse=True)
def one_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One library for these tests, with one collection in it."""
    with recorded.own_library(tmp_path_factory.mktemp("shared")):
        recorded.fill(SHELF)
        yield


def test_no_question_is_in_the_address_that_was_not_put_there() -> None:
    assert address(ask(visit(SHELF))) == {}


def test_a_question_is_put_into_the_address_with_its_collection_and_settings() -> None:
    page = ask(visit(SHELF))
    page.toggle(key=state.IN_ADDRESS).set_value(True)
    page.slider(key=state.TOP_K).set_value(2)
    said = address(run(page))
    assert said == {"collection": SHELF, "q": QUESTION, "k": "30", "top": "2", "retriever": "auto"}


def test_the_address_follows_the_next_question_and_is_empty_once_it_is_not_wanted() -> None:
    page = ask(visit(SHELF))
    page.toggle(key=state.IN_ADDRESS).set_value(True)
    ask(run(page), "What is weighed?")
    assert address(page)["q"] == "What is weighed?"
    page.toggle(key=state.IN_ADDRESS).set_value(False)
    assert address(run(page)) == {}


def test_an_address_is_asked_as_it_says() -> None:
    page = visit("another", collection=SHELF, q=QUESTION, k="2", top="1")
    assert page.text_input(key=state.QUESTION).value == QUESTION
    assert page.number_input(key=state.RETRIEVE_K).value == 2
    assert page.slider(key=state.TOP_K).value == 1
    assert "bread.txt" in shown(page)


def test_an_address_is_asked_once() -> None:
    page = visit(SHELF, collection=SHELF, q=QUESTION)
    runs = recorded.service().library.store.runs
    before = len(runs.of(SHELF))
    run(page)
    assert len(runs.of(SHELF)) == before


def test_the_next_question_does_not_follow_into_an_address_that_was_opened() -> None:
    page = visit(SHELF, collection=SHELF, q=QUESTION)
    assert address(page)["q"] == QUESTION
    ask(page, "What is my secret?")
    assert "q" not in address(page)


@pytest.mark.parametrize("k", ["0", "-1", "many", "1e9", "99999999999999999999", "٣"])
def test_a_number_that_cannot_be_is_left_to_the_settings(k: str) -> None:
    page = visit(SHELF, collection=SHELF, q=QUESTION, k=k, top=k, reranker="cheapest")
    assert page.number_input(key=state.RETRIEVE_K).value == recorded.service().settings.retrieve_k
    assert "bread.txt" in shown(page)


def test_a_collection_that_is_not_here_is_named_and_nothing_is_asked() -> None:
    page = visit(SHELF, collection="<b>elsewhere</b>", q=QUESTION)
    assert "The address asks the collection “<b>elsewhere</b>”, which is not here." in shown(page)
    assert page.text_input(key=state.QUESTION).value == ""
