"""A written answer that is stopped, or finds no room, at each moment: what there is of it is kept."""

import asyncio
import copy
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import chatting
import misbehaving as bad
import pytest
from files import text_file
from starlette.requests import Request

from rag.answers.answers import Answers
from rag.api.desk import Desk
from rag.api.errors import AbandonedError
from rag.api.questions import query
from rag.config import LlmSettings
from rag.errors import BusyError
from rag.outcomes import Answer
from rag.pipeline import Pipeline
from rag.records import SearchResult
from rag.service import Service
from rag.ui.comparison.making import Making

SHELF = "answers underway"
CLOCK = "The tide clock in the second room was made by Josiah Kemp in 1741."
TEXT = "Josiah Kemp made the tide clock [1]."


@pytest.fixture(scope="module")
def found(service: Service) -> SearchResult:
    service.library.create_collection(SHELF)
    service.library.ingest([text_file("clock.md", CLOCK)], collection=SHELF)
    return service.pipeline.search("Who made the tide clock?", collection=SHELF, retrieve_k=5)


@pytest.fixture
def server() -> Iterator[bad.Server]:
    with bad.serving() as running:
        running.behaviour = chatting.writing(TEXT)
        yield running


def answers(service: Service, server: bad.Server, *, queue: int = 4) -> Answers:
    """Answers that `server` writes, on a machine of its own: one turn at a time, `queue` wait."""
    pipeline = Pipeline(service.library, service.reranker, queue=queue)
    return Answers(pipeline, LlmSettings(server.url, "small", timeout_s=20.0))


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_unchecked(answer: Answer | None, because: str) -> None:
    assert answer is not None
    assert (answer.text, answer.answered, answer.threshold) == (TEXT, True, None)
    (sentence,) = answer.sentences
    assert (sentence.supported, sentence.logit, len(sentence.citations)) == (False, None, 1)
    assert because in answer.notices[-1]


def test_a_text_that_finds_no_room_for_its_check_is_kept_unchecked(
    service: Service, server: bad.Server, found: SearchResult
) -> None:
    writing = answers(service, server, queue=0)
    with writing._pipeline.gate.turn():
        result = writing.written(found)
    assert_unchecked(result.answer, "was not checked. The server is busy")
    assert [stage.stage for stage in result.stages[len(found.stages) :]] == ["write", "queue"]
    assert result.total_s >= found.total_s + sum(s.seconds for s in result.stages[len(found.stages) :])


def test_a_text_that_is_stopped_while_its_check_waits_is_kept_unchecked(
    service: Service, server: bad.Server, found: SearchResult
) -> None:
    writing = answers(service, server)
    making = Making(found, "written")
    with writing._pipeline.gate.turn():
        making.begin(writing)
        until(lambda: writing._pipeline.gate.waiting)
        making.stop()
        until(lambda: not making.running)
    assert making.answered is not None
    assert_unchecked(making.answered.answer, "stopped before its sentences were checked")


def test_a_text_that_is_stopped_while_it_is_written_is_checked_as_far_as_it_is(
    service: Service, server: bad.Server, found: SearchResult
) -> None:
    server.behaviour = chatting.stalling(TEXT)
    heard: list[str] = []
    answer = (
        answers(service, server).written(found, on_text=heard.append, cancelled=lambda: bool(heard)).answer
    )
    assert answer is not None
    assert [sentence.supported for sentence in answer.sentences] == [True]
    assert answer.notices == ("It was stopped before its end.",)


def test_what_is_stopped_before_a_word_came_is_no_answer(
    service: Service, server: bad.Server, found: SearchResult
) -> None:
    server.behaviour = chatting.stalling()
    making = Making(found, "written")
    making.begin(answers(service, server))
    until(lambda: server.asked)
    making.stop()
    until(lambda: not making.running)
    assert (making.answered, making.problem) == (None, "")


def test_what_is_given_up_leaves_the_server_and_takes_no_turn(
    service: Service, server: bad.Server, found: SearchResult
) -> None:
    server.behaviour = chatting.stalling(TEXT)
    making, writing = Making(found, "written"), answers(service, server)
    with writing._pipeline.gate.turn():  # so that its check would have to wait
        making.begin(writing)
        until(lambda: making.text)
        making.give_up()
        until(lambda: not making.running)
        assert server.hung_up.wait(5)
    assert (making.answered, making.problem) == (None, "")


def test_only_some_texts_are_written_at_once_and_a_place_that_is_free_is_taken(
    service: Service, server: bad.Server, found: SearchResult
) -> None:
    server.behaviour = chatting.stalling()
    writing = answers(service, server, queue=1)
    makings = [Making(found, "written") for _ in range(9)]
    for making in makings:
        making.begin(writing)
    until(lambda: writing.gate.waiting)
    until(lambda: len(server.asked) == 8)
    with pytest.raises(BusyError):
        writing.written(found)
    assert writing._pipeline.search("Who made it?", collection=SHELF, retrieve_k=5).reranked
    for making in makings:
        making.stop()
    until(lambda: not any(making.running for making in makings))
    assert (writing.gate.in_use, writing.gate.waiting) == (0, 0)


def test_two_who_ask_at_once_get_each_their_own(
    service: Service, server: bad.Server, found: SearchResult
) -> None:
    def echo(exchange: bad.Exchange) -> None:
        chatting.writing(f"You asked: {chatting.asked_question(exchange.asked.body)} [1].")(exchange)

    server.behaviour = echo
    writing = answers(service, server)
    questions = [f"Who made the clock number {i}?" for i in range(6)]
    makings = []
    for question in questions:
        result = service.pipeline.search(question, collection=SHELF, retrieve_k=5)
        makings.append(Making(result, "written"))
    for making in makings:
        making.begin(writing)
    until(lambda: not any(making.running for making in makings))
    texts = [making.answered.answer.text for making in makings if making.answered and making.answered.answer]
    assert texts == [f"You asked: {question} [1]." for question in questions]


def test_a_client_that_leaves_while_the_model_writes_is_not_written_to(
    service: Service, server: bad.Server, found: SearchResult
) -> None:
    server.behaviour = chatting.stalling("Josiah")
    mine = copy.copy(service)
    mine.answers = answers(service, server)
    gone = threading.Event()
    body = json.dumps({"query": "Who made the tide clock?", "collection": SHELF, "answer": True}).encode()
    coming = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        for message in coming:
            return message
        while not gone.is_set():
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def ask() -> None:
        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/api/query", "headers": headers}
        asking = asyncio.ensure_future(query(Desk(lambda: mine)).answer(Request(scope, receive)))
        while not server.asked:
            await asyncio.sleep(0.01)
        gone.set()
        await asking

    with pytest.raises(AbandonedError):
        asyncio.run(ask())
    assert server.hung_up.wait(5)
    assert (mine.answers.gate.in_use, service.pipeline.gate.in_use) == (0, 0)
