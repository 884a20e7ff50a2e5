"""Where a request gets its service and a thread to be worked on."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request

from rag.api.body import Take, read_body
from rag.api.errors import AbandonedError, RefusedError, shutting_down
from rag.api.limits import MAX_BYTES_IN_FLIGHT, MAX_UPLOADS
from rag.machine.memory import give_memory_back
from rag.page_images import MOST_WAITING
from rag.service import Service
from rag.timing import Pulse, Stopwatch

T = TypeVar("T")

_SPARE_THREADS = 8
_LARGE_BYTES = 1_000_000


class Desk:
    """Does the routes' work in threads of their own, so that the page's files never wait behind it.

    There are as many threads as the service's gates let in and let wait, and some to refuse the others.
    Once `stopping` is set, what is under way ends at its next pulse.
    """

    def __init__(self, get_service: Callable[[], Service], stopping: threading.Event | None = None) -> None:
        self._get_service = get_service
        self._stopping = stopping or threading.Event()
        self._service: Service | None = None
        self._limiter = anyio.CapacityLimiter(_SPARE_THREADS)
        # As many uploads at once as may be, and room for those who list and delete.
        self._library_limiter = anyio.CapacityLimiter(2 * MAX_UPLOADS)
        # As many images as may wait for each other, and room to refuse the others.
        self._image_limiter = anyio.CapacityLimiter(1 + MOST_WAITING + _SPARE_THREADS)
        self._uploads = 0
        self._bytes_in_flight = 0

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request, once there is a service to count it."""
        if self._service:
            self._service.instruments.observe_request(route, method, status, seconds)

    async def service(self) -> Service:
        """Return the service, made now if nobody has needed it before."""
        if self._service is None:
            service = await anyio.to_thread.run_sync(self._get_service, limiter=self._library_limiter)
            gates = (service.pipeline.gate, service.pipeline.remote_gate, service.answers.gate)
            self._limiter.total_tokens = sum(gate.slots + gate.queue for gate in gates) + _SPARE_THREADS
            self._service = service
        return self._service

    async def work(self, request: Request, work: Callable[[Service, bytes, Stopwatch, Pulse], T]) -> T:
        """Return `work(service, body, watch, pulse)`, where `body` is what the request sent.

        `watch` runs from the body's arrival; a service that had to be made first is its stage `load`.
        `pulse` raises AbandonedError once the client is gone, and BusyError when the server is to end.
        """
        async with self._counted_bytes() as take:
            body = await read_body(request, take=take, is_over=self.is_over)
            watch, was_made = Stopwatch(), self._service is not None
            service = await self.service()
            if not was_made:
                watch.since_last("load")
            async with self._attended(request) as pulse:
                return await anyio.to_thread.run_sync(
                    work, service, body, watch, pulse, limiter=self._limiter
                )

    def is_over(self) -> bool:
        """Return whether the server has been told to end."""
        return self._stopping.is_set()

    @asynccontextmanager
    async def _attended(self, request: Request) -> AsyncIterator[Pulse]:
        """Yield what ends the work on a request for which there is nobody left, or no time."""
        gone = threading.Event()

        def pulse(_stage: str, _done: int, _total: int) -> None:
            if gone.is_set():
                raise AbandonedError
            if self._stopping.is_set():
                raise shutting_down()

        watcher = asyncio.create_task(_watch(request, gone))
        try:
            yield pulse
        finally:
            watcher.cancel()

    @asynccontextmanager
    async def _counted_bytes(self) -> AsyncIterator[Take]:
        """Yield what counts the bytes of a body, from when they come until they are answered.

        What all bodies together have no room for is refused.
        """
        taken = 0

        def take(n_bytes: int) -> None:
            nonlocal taken
            if taken < self._bytes_in_flight and self._bytes_in_flight + n_bytes > MAX_BYTES_IN_FLIGHT:
                message = "The server is busy: the requests under way are as large as they may be together."
                raise RefusedError(503, "busy", message, {"Retry-After": "5"})
            taken += n_bytes
            self._bytes_in_flight += n_bytes

        try:
            yield take
        finally:
            self._bytes_in_flight -= taken
        if taken > _LARGE_BYTES:
            await self._give_memory_back()

    async def _give_memory_back(self) -> None:
        """Give back what the allocator keeps of texts that are gone, where nothing large is under way."""
        if self._bytes_in_flight < _LARGE_BYTES:
            await anyio.to_thread.run_sync(give_memory_back, limiter=self._library_limiter)

    async def library(self, work: Callable[[Service], T]) -> T:
        """Return `work(service)`, for work on documents."""
        service = await self.service()
        return await anyio.to_thread.run_sync(work, service, limiter=self._library_limiter)

    async def image(self, work: Callable[[Service], T]) -> T:
        """Return `work(service)`, for images: those who add and delete documents do not wait behind them."""
        service = await self.service()
        return await anyio.to_thread.run_sync(work, service, limiter=self._image_limiter)

    async def upload(self, request: Request, work: Callable[[Service, Pulse], T]) -> T:
        """Return `work(service, pulse)`, for work on files whose form has been read; `pulse` as in `work`."""
        service = await self.service()
        try:
            async with self._attended(request) as pulse:
                return await anyio.to_thread.run_sync(work, service, pulse, limiter=self._library_limiter)
        finally:
            await self._give_memory_back()

    @contextmanager
    def counted_upload(self) -> Iterator[None]:
        """Count one more upload while the body runs; refuse it where too many are under way."""
        if self._uploads >= MAX_UPLOADS:
            message = f"{MAX_UPLOADS} uploads are under way, as many as may be. Try again in a while."
            raise RefusedError(503, "busy", message, {"Retry-After": "10"})
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1


async def _watch(request: Request, gone: threading.Event) -> None:
    """Wait until the client is gone, and say so."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()
