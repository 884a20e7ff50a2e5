"""Answers on the Compare page: off by default, made beside the page, kept, stopped, tried again."""

import time
from collections.abc import Iterator

import chatting
import misbehaving
import pytest
import recorded
from chatting import writing
from recorded import QUESTION, ask, run, shown, visit
from streamlit.testing.v1 import AppTest

from rag.ui import state

SHELF = "answers"
TEXT = "The dough rests for ninety minutes [1]. The moon is made of cheese."


@pytest.fixture(scope="module", autouse=True)
def one_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One library for these tests, with one collection in it."""
    with recorded.own_library(tmp_path_factory.mktemp("answers")):
        recorded.fill(SHELF)
        yield


@pytest.fixture(scope="module")
def chat_server() -> Iterator[misbehaving.Server]:
    """A server that writes answers."""
    with misbehaving.serving() as server:
        yield server


@pytest.fixture
def writer(chat_server: misbehaving.Server, monkeypatch: pytest.MonkeyPatch) -> misbehaving.Server:
    """The server that writes answers, which the settings name; nobody has asked it anything yet."""
    chat_server.behaviour = writing(TEXT)
    chat_server.asked.clear()
    monkeypatch.setenv("LLM_BASE_URL", f"{chat_server.url}/v1")
    monkeypatch.setenv("LLM_MODEL", "writer-3b")
    return chat_server


def wanting(kind: str, question: str = QUESTION) -> AppTest:
    """The page after a question with this kind of answer."""
    page = visit(SHELF)
    return ask(want(page, kind), question)


def want(page: AppTest, kind: str) -> AppTest:
    next(group for group in page.button_group if group.key == state.ANSWER).set_value(kind)
    return run(page)


def is_underway(page: AppTest) -> bool:
    return any(button.key == "stop_answer" for button in page.button)


def ended(page: AppTest) -> AppTest:
    """The page once no answer is underway."""
    deadline = time.monotonic() + 60
    while is_underway(page):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        run(page)
    return page


def until(page: AppTest, text: str) -> AppTest:
    """The page once it shows `text`."""
    deadline = time.monotonic() + 60
    while text not in shown(page):
        assert time.monotonic() < deadline, shown(page)
        time.sleep(0.05)
        run(page)
    return page


def test_no_answer_is_made_that_nobody_asked_for(writer: misbehaving.Server) -> None:
    page = ask(visit(SHELF))
    assert "Answer ·" not in shown(page)
    assert writer.asked == []


def kinds(page: AppTest) -> list[str]:
    """The kinds of answer that are offered."""
    return list(next(group for group in page.button_group if group.key == state.ANSWER).options)


def test_written_answers_are_offered_where_a_server_writes_them(writer: misbehaving.Server) -> None:
    assert kinds(visit(SHELF)) == ["No answer", "Quoted", "Written"]


def test_without_such_a_server_quoted_answers_alone_are_offered() -> None:
    assert kinds(visit(SHELF)) == ["No answer", "Quoted"]


def test_a_written_answer_stands_above_the_columns_with_its_sources_and_what_nothing_supports(
    writer: misbehaving.Server,
) -> None:
    page = shown(ended(wanting("written")))
    assert page.index("written by a language model") < page.index("Retrieved · FAISS")
    assert "The dough rests for ninety minutes. 1" in page
    assert "The moon is made of cheese. not supported" in page


def test_the_columns_are_there_while_the_answer_is_written(writer: misbehaving.Server) -> None:
    writer.behaviour = chatting.stalling("The dough", " rests")
    page = until(wanting("written"), "The dough rests")
    assert is_underway(page)
    assert "Retrieved · FAISS" in shown(page)
    page.button(key="stop_answer").click()
    assert "It was stopped before its end." in shown(ended(run(page)))


def test_another_run_draws_the_answer_without_asking_again(writer: misbehaving.Server) -> None:
    page = ended(wanting("written"))
    run(run(page))
    want(want(page, "off"), "written")
    assert "The dough rests for ninety minutes." in shown(page)
    assert len(writer.asked) == 1


def test_an_answer_that_is_not_wanted_any_more_is_not_shown(writer: misbehaving.Server) -> None:
    page = want(ended(wanting("written")), "off")
    assert "Answer ·" not in shown(page)
    assert "Retrieved · FAISS" in shown(page)


def test_the_next_question_has_an_answer_of_its_own(writer: misbehaving.Server) -> None:
    page = ended(wanting("written"))
    writer.behaviour = writing("The evening before [1].")
    answer = shown(ended(ask(page, "When is the flour weighed?"))).partition("Retrieved ·")[0]
    assert "The evening before." in answer
    assert "ninety minutes." not in answer


def test_a_server_that_fails_is_named_and_can_be_tried_again(writer: misbehaving.Server) -> None:
    writer.behaviour = misbehaving.replying({"error": "who are you?"}, 401)
    page = ended(wanting("written"))
    assert "LLM_API_KEY" in shown(page)
    assert "Retrieved · FAISS" in shown(page), "the search is as good as before"
    writer.behaviour = writing(TEXT)
    page.button(key="answer_again").click()
    assert "The dough rests for ninety minutes." in shown(ended(run(page)))


def test_the_record_of_a_question_holds_its_answer_too(writer: misbehaving.Server) -> None:
    runs = recorded.service().library.store.runs
    before = len(runs.of(SHELF))
    ended(wanting("written"))
    now = runs.of(SHELF)
    answer = runs.get(now[0].id).result.answer
    assert len(now) == before + 1
    assert answer is not None
    assert answer.text == TEXT


def test_a_record_that_is_opened_shows_the_answer_of_that_day(writer: misbehaving.Server) -> None:
    ended(wanting("written"))
    newest = recorded.service().library.store.runs.of(SHELF)[0]
    opened = shown(recorded.visit_runs(SHELF, newest.id))
    assert "The dough rests for ninety minutes." in opened.partition("Retrieved ·")[0]
    assert len(writer.asked) == 1


def test_an_answer_whose_record_was_deleted_is_not_recorded_again(writer: misbehaving.Server) -> None:
    page = ended(wanting("written"))
    page.button(key="delete_record").click()
    run(run(page))
    assert "This answer is not recorded." in shown(page)


def test_the_times_of_an_answer_stand_with_those_of_the_search(writer: misbehaving.Server) -> None:
    page = shown(ended(wanting("written")))
    assert page.index("write ") < page.index("total ")
    assert "support " in page


def test_a_quoted_answer_is_in_the_documents_own_words() -> None:
    page = shown(ended(wanting("quoted")))
    assert "quoted from the documents" in page
    assert "The dough rests for ninety minutes." in page.partition("Retrieved · FAISS")[0]
