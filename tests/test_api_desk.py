"""What the routes share: bodies in bounds, a service that is there, errors in the route's own shape."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from rag.api.body import checked
from rag.api.desk import Desk
from rag.api.errors import RefusedError, tei_or_cohere_shape
from rag.api.http import Access, Operation, Resource
from rag.api.limits import MAX_BODY_BYTES, MAX_BYTES_IN_FLIGHT
from rag.errors import BusyError
from rag.service import Service
from rag.timing import Pulse, Stopwatch

PARTS = MAX_BYTES_IN_FLIGHT // MAX_BODY_BYTES


def request(*parts: bytes, headers: dict[str, str] | None = None) -> Request:
    """A request whose body comes in `parts`, and whose sender then says nothing more."""
    messages = [
        {"type": "http.request", "body": part, "more_body": i + 1 < len(parts)}
        for i, part in enumerate(parts)
    ]
    coming: Iterator[Any] = iter(messages)

    async def receive() -> Any:
        for message in coming:
            return message
        return await asyncio.Event().wait()

    named = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": named}, receive)


def never() -> bool:
    return False


def test_a_body_that_stalls_is_given_up() -> None:
    async def read() -> None:
        receive = checked(request(), 100, is_over=never, patience_s=0.01)
        await receive()

    with pytest.raises(RefusedError, match=r"nothing for 0\.01 s") as caught:
        asyncio.run(read())
    assert (caught.value.status, caught.value.headers) == (408, {"Connection": "close"})


def test_a_body_that_trickles_is_given_up() -> None:
    async def read() -> None:
        receive = checked(request(*[b"x"] * 1000), 10_000, is_over=never, patience_s=0.2)
        for _ in range(1000):
            await receive()
            await asyncio.sleep(0.01)

    with pytest.raises(RefusedError, match="too slowly") as caught:
        asyncio.run(read())
    assert caught.value.status == 408


def test_a_server_that_is_to_end_ends_what_is_under_way(service: Service) -> None:
    stopping, began = threading.Event(), threading.Event()
    desk = Desk(lambda: service, stopping)

    def go_on(_service: Service, _body: bytes, _watch: Stopwatch, pulse: Pulse) -> None:
        began.set()
        while True:
            pulse("score", 0, 1)
            time.sleep(0.01)

    async def ask() -> None:
        asked = asyncio.create_task(desk.work(request(b""), go_on))
        await asyncio.to_thread(began.wait)
        stopping.set()
        await asked

    with pytest.raises(BusyError, match="shutting down"):
        asyncio.run(ask())


def test_a_body_is_not_waited_for_by_a_server_that_is_to_end(service: Service) -> None:
    stopping = threading.Event()
    desk = Desk(lambda: service, stopping)

    async def ask() -> None:
        asked = asyncio.create_task(desk.work(request(), lambda *_given: None))
        await asyncio.sleep(0.05)
        stopping.set()
        await asked

    with pytest.raises(BusyError, match="shutting down"):
        asyncio.run(ask())


def test_bodies_count_from_their_first_byte(service: Service) -> None:
    desk, part = Desk(lambda: service), b"x" * 9_000_000

    def held() -> Request:
        """A body that has come in large part, and whose rest is still to come."""
        coming = iter([{"type": "http.request", "body": part, "more_body": True}])

        async def receive() -> Any:
            for message in coming:
                return message
            return await asyncio.Event().wait()

        return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)

    async def ask() -> object:
        waiting = [asyncio.create_task(desk.work(held(), lambda *_given: None)) for _ in range(11)]
        await asyncio.sleep(0.1)
        (refused,) = await asyncio.gather(desk.work(held(), lambda *_given: None), return_exceptions=True)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert await desk.work(request(b"x"), lambda _service, body, *_given: len(body)) == 1
        return refused

    refused = asyncio.run(ask())
    assert isinstance(refused, RefusedError)
    assert (refused.status, refused.type) == (503, "busy")


def test_a_body_announced_as_too_large_is_not_waited_for() -> None:
    async def read() -> None:
        await checked(request(b"x", headers={"content-length": "101"}), 100, is_over=never)()

    with pytest.raises(RefusedError, match="larger than 100 bytes"):
        asyncio.run(read())


def test_bodies_together_are_bounded_and_their_room_is_given_back(service: Service) -> None:
    desk, go_on, body = Desk(lambda: service), threading.Event(), b"x" * MAX_BODY_BYTES

    def hold(_service: Service, data: bytes, _watch: Stopwatch, _pulse: Pulse) -> int:
        assert go_on.wait(20)
        return len(data)

    async def ask() -> list[object]:
        running = [asyncio.create_task(desk.work(request(body), hold)) for _ in range(PARTS)]
        await asyncio.sleep(0.2)
        one_more = await asyncio.gather(desk.work(request(b"x"), hold), return_exceptions=True)
        go_on.set()
        done = await asyncio.gather(*running)
        return [*one_more, *done, await desk.work(request(b"x"), hold)]

    refused, *answered = asyncio.run(ask())
    assert isinstance(refused, RefusedError)
    assert (refused.status, refused.type) == (503, "busy")
    assert answered == [MAX_BODY_BYTES] * PARTS + [1]


def test_a_service_that_had_to_be_made_is_a_stage_of_the_first_request_alone(service: Service) -> None:
    def make() -> Service:
        time.sleep(0.5)
        return service

    def stages(_service: Service, _body: bytes, watch: Stopwatch, _pulse: Pulse) -> dict[str, float]:
        watch.since_last("queue")
        return {stage.stage: stage.seconds for stage in watch.stages}

    async def ask() -> tuple[dict[str, float], dict[str, float]]:
        desk = Desk(make)
        return await desk.work(request(b""), stages), await desk.work(request(b""), stages)

    first, second = asyncio.run(ask())
    assert list(first) == ["load", "queue"]
    assert first["load"] >= 0.5 > first["queue"]
    assert list(second) == ["queue"]


def test_a_fault_is_told_in_the_routes_own_shape_and_raised_for_the_log() -> None:
    async def fail(_request: Request) -> Response:
        raise RuntimeError("a secret")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    failing = {"POST": Operation("fail", fail, "")}
    resource = Resource("/rerank", failing, access=Access(), shape=tei_or_cohere_shape)
    asked = request(b"")
    with pytest.raises(RuntimeError):
        asyncio.run(resource(asked.scope, asked.receive, send))
    assert sent[0]["status"] == 500
    told = json.loads(sent[1]["body"])
    assert told["error_type"] == "backend"
    assert "secret" not in str(told)


def test_an_answer_that_cannot_be_sent_is_followed_by_no_other() -> None:
    async def answer(_request: Request) -> Response:
        return Response("baked")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            raise ConnectionResetError

    resource = Resource("/rerank", {"POST": Operation("answer", answer, "")}, access=Access())
    asked = request(b"")
    with pytest.raises(ConnectionResetError):
        asyncio.run(resource(asked.scope, asked.receive, send))
    assert [message.get("status") for message in sent] == [200, None]


def test_threads_enough_for_all_who_may_wait(service: Service) -> None:
    desk, both = Desk(lambda: service), threading.Barrier(33)

    def meet(*_given: object) -> int:
        return both.wait(20)

    async def ask() -> list[int]:
        return await asyncio.gather(*(desk.work(request(b""), meet) for _ in range(33)))

    with ThreadPoolExecutor(1) as threads:
        assert sorted(threads.submit(asyncio.run, ask()).result(30)) == list(range(33))
