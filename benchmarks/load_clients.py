"""Many clients at once, on the page and on the HTTP routes, and what they find."""

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import httpx2
from websockets.exceptions import WebSocketException

from benchmarks.common import RETRIEVE_K
from benchmarks.page_client import PageError, RefusedError, visit
from benchmarks.questions import Question, Questions
from benchmarks.server import Server
from rag.samples import SAMPLE_COLLECTION

PAGE, QUERY, COHERE, TEI = "the page", "POST /api/query", "POST /v2/rerank", "POST /rerank, texts"
LEAST, MOST = 10, 30  # passages of a request that brings its own
PER_VISIT = 2  # questions, before a visitor of the page makes room for the next one
HEALTH_EVERY_S = 0.05
_MEMORY_EVERY_S = 0.5
_PATIENCE_S = 120.0
_PAUSE_S = 1.0  # after a refusal or a problem
_CACHED = re.compile(r"(\d+) cached")


class _UnexpectedError(Exception):
    """An answer with neither status 200 nor 503."""


_PROBLEMS = (_UnexpectedError, PageError, httpx2.HTTPError, WebSocketException, OSError)


@dataclass(frozen=True, slots=True)
class Answer:
    """A question that was answered: at what time, after how long, and how many scores were known."""

    kind: str
    question: Question
    at: float
    seconds: float
    cached: int


@dataclass(slots=True)
class Load:
    """What was measured while the clients asked; `answers` are in the order in which they came."""

    answers: list[Answer] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    opened_s: list[float] = field(default_factory=list)
    health_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    own_cores: float = 0.0
    server_cores: float = 0.0


class Client:
    """Asks one question after the other: the `known` ones first, then others without end."""

    def __init__(self, kind: str, questions: Questions, n_known: int) -> None:
        self.kind = kind
        self._questions = questions
        self.known = [self._new() for _ in range(n_known)]

    def __iter__(self) -> Iterator[Question]:
        return chain(self.known, iter(self._new, None))

    def _new(self) -> Question:
        if self.kind in (PAGE, QUERY):
            return self._questions.new()
        return self._questions.new_with_passages(LEAST, MOST)


async def under_load(server: Server, clients: Sequence[Client], seconds: float) -> Load:
    """Return what `clients` find in `seconds` of asking all at once."""
    load = Load()
    own_s, server_s = time.process_time(), _cpu_s(server.pid)
    async with _http(server) as http, _http(server) as health:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                tasks.create_task(_watch_health(health, load))
                tasks.create_task(_watch_memory(server, load))
                for client in clients:
                    on_page = client.kind == PAGE
                    asking = _use_page(server.url, client, load) if on_page else _call(http, client, load)
                    tasks.create_task(asking)
        load.own_cores = (time.process_time() - own_s) / seconds
        load.server_cores = (_cpu_s(server.pid) - server_s) / seconds
    return load


def _http(server: Server) -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=None)
    return httpx2.AsyncClient(base_url=server.url, limits=limits, timeout=_PATIENCE_S, trust_env=False)


async def _call(http: httpx2.AsyncClient, client: Client, load: Load) -> None:
    """Ask over HTTP."""
    for question in client:
        await _noted(_post(http, client.kind, question), client.kind, question, load)


async def _use_page(url: str, client: Client, load: Load) -> None:
    """Ask on the page, as one visitor after the other."""
    questions = iter(client)
    while True:
        began = time.perf_counter()
        try:
            async with visit(url) as page:
                load.opened_s.append(time.perf_counter() - began)
                for question in islice(questions, PER_VISIT):
                    asking = page.ask(question.query, retrieve_k=RETRIEVE_K)
                    await _noted(_cached_in(asking), client.kind, question, load)
        except _PROBLEMS as exc:
            load.problems.append(f"opening the page: {exc!r}")
            await asyncio.sleep(_PAUSE_S)


async def _noted(asking: Awaitable[int], kind: str, question: Question, load: Load) -> None:
    """Wait for an answer, which says how many scores were known, and note it or what came instead."""
    began = time.perf_counter()
    try:
        cached = await asking
    except RefusedError:
        load.refusals[kind] += 1
        await asyncio.sleep(_PAUSE_S)
    except _PROBLEMS as exc:
        load.problems.append(f"{kind}: {exc!r}")
        await asyncio.sleep(_PAUSE_S)
    else:
        now = time.perf_counter()
        load.answers.append(Answer(kind, question, now, now - began, cached))


async def _cached_in(asking: Awaitable[str]) -> int:
    return sum(map(int, _CACHED.findall(await asking)))


async def _post(http: httpx2.AsyncClient, kind: str, question: Question) -> int:
    response = await http.post(kind.removeprefix("POST ").partition(",")[0], json=_body(kind, question))
    if response.status_code == 503:
        raise RefusedError
    if response.status_code != 200:
        raise _UnexpectedError(f"{response.status_code}: {response.text[:300]}")
    answer = response.json()
    if kind == QUERY:
        return int(answer["cached"])
    # The list that this style answers has no room for it; its pairs are as new as the others'.
    return 0 if kind == TEI else int(answer["meta"]["cached"])


def _body(kind: str, question: Question) -> dict[str, object]:
    if kind == QUERY:
        depth = {"retrieve_k": RETRIEVE_K, "top_k": RETRIEVE_K}
        return {"query": question.query, "collection": SAMPLE_COLLECTION, **depth}
    if kind == COHERE:
        return {"query": question.query, "documents": question.passages}
    return {"query": question.query, "texts": question.passages, "truncate": True}


async def _watch_health(http: httpx2.AsyncClient, load: Load) -> None:
    """Ask for the server's health at fixed times, whether or not it has answered before."""
    async with asyncio.TaskGroup() as tasks:
        while True:
            tasks.create_task(_ask_health(http, load))
            await asyncio.sleep(HEALTH_EVERY_S)


async def _ask_health(http: httpx2.AsyncClient, load: Load) -> None:
    began = time.perf_counter()
    try:
        response = await http.get("/healthz")
        if response.status_code != 200:
            load.problems.append(f"GET /healthz: {response.status_code}")
    except httpx2.HTTPError as exc:
        load.problems.append(f"GET /healthz: {exc!r}")
    finally:  # one that has no answer at the end took at least so long
        load.health_s.append(time.perf_counter() - began)


async def _watch_memory(server: Server, load: Load) -> None:
    while True:
        load.memory_mb.append(server.memory_mb())
        await asyncio.sleep(_MEMORY_EVERY_S)


def _cpu_s(pid: int) -> float:
    """Return the processor time of a process so far, all its threads'."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
