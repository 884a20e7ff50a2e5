"""Score passages with a reranker elsewhere, over HTTP.

The calls of all threads share one event loop in a thread of its own: only there can a deadline end a
request wherever it stands, between two bytes of a header too.
"""

import atexit
import math
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, field

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from rag.config import RemoteSettings
from rag.errors import RemoteError
from rag.records import ModelInfo, PairScore
from rag.remote.dialects import (
    DIALECTS,
    Answer,
    address,
    comparable,
    info_address,
    read_answer,
    read_max_batch,
    request_body,
)
from rag.remote.line import Line, Reply
from rag.remote.peer import Peer
from rag.rerank import Scorer
from rag.timing import Pulse, Stopwatch

_TICK_S = 0.1
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 8.0
_INFO_PATIENCE_S = 2.0
_BUSY = (429, 503)


@dataclass(slots=True)
class _Call:
    """One call of `score` on its way: the event loop fills it in, the calling thread looks on."""

    query: str
    passages: Sequence[str]
    batches: int
    answers: list[Answer] = field(default_factory=list)


class RemoteReranker(Scorer):
    """A reranker behind an HTTP address. Safe between threads; connects at the first call, not before."""

    def __init__(self, settings: RemoteSettings) -> None:
        self._settings = settings
        self._peer = Peer.of(settings)
        backend = f"remote {settings.style} at {self._peer.host}"
        self.info = ModelInfo(settings.model or "remote", sha256="", backend=backend)
        self._url = address(settings)
        self._max_batch = settings.max_batch or DIALECTS[settings.style].max_batch
        # Of the styles, TEI alone has a way to tell its limit.
        self._must_ask = settings.style == "tei" and settings.max_batch is None
        self._lock = threading.Lock()
        self._closed = False
        self._portal: BlockingPortal | None = None
        self._until_closed = ExitStack()
        # These belong to the event loop.
        self._line: Line | None = None
        self._running: set[anyio.CancelScope] = set()

    def close(self) -> None:
        """Abandon what is under way and hang up; a call raises RemoteError afterwards."""
        with self._lock:
            self._closed = True
            portal, self._portal = self._portal, None
        atexit.unregister(self.close)
        if portal is not None:
            portal.call(self._hang_up)
            self._until_closed.close()

    def query_tokens_unread(self, query: str) -> int:
        """Return 0: no server tells how much of `query` it left unread."""
        return 0

    def score(
        self, query: str, passages: Sequence[str], *, watch: Stopwatch, pulse: Pulse | None = None
    ) -> tuple[PairScore, ...]:
        """Return the score of each passage for `query`, in input order: all logits, or all relevances.

        Everything together takes at most the settings' `timeout_s`. `watch` gets the stage `network`: all
        of that time, the waits between two tries too, less what the server says it took itself, which is
        the stage `server`. `pulse` hears how many batches are scored; what it raises ends the request.
        Raises RemoteError when the server fails, or does not give one finite score for each passage.
        """
        if not passages:
            return ()
        began = time.perf_counter()
        call = _Call(query, passages, math.ceil(len(passages) / self._max_batch))
        try:
            self._attend(self._start(call, began + self._settings.timeout_s), call, pulse)
        except BaseException:  # whatever ended the call, its time is lost, and nothing was scored
            watch.note("network", time.perf_counter() - began)
            raise
        _note_times(watch, time.perf_counter() - began, call)
        return comparable([score for answer in call.answers for score in answer.scores])

    def _start(self, call: _Call, deadline: float) -> "Future[None]":
        with self._lock:
            if self._closed:
                raise self._was_closed()
            if self._portal is None:
                portal = start_blocking_portal(name="remote reranker")
                self._portal = self._until_closed.enter_context(portal)
                # A process that ends without closing it would wait for its thread for ever.
                atexit.register(self.close)
            return self._portal.start_task_soon(self._run, call, deadline)

    def _attend(self, running: "Future[None]", call: _Call, pulse: Pulse | None) -> None:
        """Wait until the call has ended; what ends the wait before ends the call."""
        try:
            while not wait([running], _TICK_S).done:
                if pulse:
                    pulse("network", len(call.answers), call.batches)
            running.result()
        finally:
            running.cancel()

    async def _run(self, call: _Call, deadline: float) -> None:
        """Fill in `call.answers` before `time.perf_counter` reaches `deadline`."""
        with anyio.move_on_after(deadline - time.perf_counter()) as scope:
            self._running.add(scope)
            try:
                await self._ask_all(call)
                return
            finally:
                self._running.discard(scope)
        raise self._was_closed() if self._closed else self._was_late(call)

    async def _hang_up(self) -> None:
        for scope in self._running:
            scope.cancel()
        while self._running:
            await anyio.sleep(0.01)
        if self._line:
            await self._line.close()

    async def _ask_all(self, call: _Call) -> None:
        line = self._line = self._line or Line(self._peer, self._settings.api_key)
        if self._must_ask:
            await self._learn_max_batch(line)
        begin, most = 0, self._max_batch
        while begin < len(call.passages):
            call.batches = len(call.answers) + math.ceil((len(call.passages) - begin) / most)
            batch = call.passages[begin : begin + most]
            reply = await self._ask(line, request_body(self._settings, call.query, batch))
            if reply.status == 413 and len(batch) > 1:
                most = len(batch) // 2  # for this question only: long passages may be the reason
                continue
            if not 200 <= reply.status < 300:
                raise self._refusal(reply)
            call.answers.append(read_answer(self._peer, reply.body, len(batch), reply.total_time_ms))
            begin += len(batch)

    async def _ask(self, line: Line, body: bytes) -> Reply:
        """Return the answer to `body`; a busy server is asked again for as long as there is time."""
        pause_s = _FIRST_PAUSE_S
        while True:
            reply = await line.request("POST", self._url, body)
            wait_s = max(pause_s, reply.retry_after_s)
            if (
                reply.status not in _BUSY
                or anyio.current_time() + wait_s >= anyio.current_effective_deadline()
            ):
                return reply
            await anyio.sleep(wait_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _learn_max_batch(self, line: Line) -> None:
        """Ask the server how many passages it takes at once; until it answers that, the usual 32.

        One that hangs over this question is not asked it again.
        """
        with anyio.move_on_after(min(_INFO_PATIENCE_S, self._settings.timeout_s / 4)) as patience:
            try:
                reply = await line.request("GET", info_address(self._url))
            except RemoteError:
                return  # the question itself will meet the same trouble, and tell of it
            if reply.status < 500 and reply.status not in _BUSY:
                self._max_batch = read_max_batch(reply.body) or self._max_batch
                self._must_ask = False
        if patience.cancelled_caught:
            self._must_ask = False

    def _refusal(self, reply: Reply) -> RemoteError:
        if 300 <= reply.status < 400:
            return self._peer.redirect(reply.status, reply.location)
        return self._peer.refusal(reply.status, reply.body)

    def _was_late(self, call: _Call) -> RemoteError:
        expected = f"{len(call.passages)} passages within {self._settings.timeout_s:g} s"
        found = f"{len(call.answers)} of {call.batches} batches came back"
        advice = "Ask again, or raise RAG_REMOTE_TIMEOUT_S."
        return self._peer.error("timeout", f"was expected to score {expected}; {found}. {advice}")

    def _was_closed(self) -> RemoteError:
        return self._peer.error("closed", "is no longer asked: this server shuts down. Start it again.")


def _note_times(watch: Stopwatch, wall_s: float, call: _Call) -> None:
    """Split `wall_s` where every answer told how long the server took, and that can be true."""
    told = [answer.server_s for answer in call.answers if answer.server_s is not None]
    is_known = len(told) == len(call.answers) and sum(told) <= wall_s
    watch.note("network", wall_s - sum(told) if is_known else wall_s, len(call.passages))
    if is_known:
        watch.note("server", sum(told), len(call.passages))
