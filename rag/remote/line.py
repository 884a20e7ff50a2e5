"""Exchange one request and answer with a server elsewhere; whatever fails, fails as a RemoteError.

The only module that knows the HTTP library.
"""

import logging
import socket
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from rag import __version__
from rag.config import HOP_HEADER
from rag.errors import RemoteError
from rag.remote.server import Server

if TYPE_CHECKING:
    import httpx2

MAX_ANSWER_BYTES = 16 * 2**20  # a thousand results with their texts are a tenth of it
_KEEP_ALIVE_S = 30.0  # a person's next question often comes within it


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever its status. `retry_after_s` is 0 where the server names no time."""

    status: int
    body: bytes
    total_time_ms: str
    retry_after_s: float
    location: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer that has begun to come: its status and headers; its `body` comes in pieces, once."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


class Line:
    """A connection to `server`, kept open between requests. Belongs to one event loop."""

    def __init__(self, server: Server, api_key: str | None) -> None:
        # Imported by the first request only: it takes 0.1 s, which a server without a remote need not spend.
        import httpx2

        # It logs each address, and what it is built on each header: with the secrets in them.
        for name in ("httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",  # what is small when packed may be huge when unpacked
            "User-Agent": f"RerankLens/{__version__}",
            HOP_HEADER: "1",  # so that two that ask each other come to rest
        }
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        limits = httpx2.Limits(keepalive_expiry=_KEEP_ALIVE_S)
        self._server = server
        self._was_used = False
        try:
            # No time-outs of its own, one for each wait: the caller has one for everything.
            self._client = httpx2.AsyncClient(headers=headers, limits=limits, timeout=None)
        except (OSError, ValueError, ImportError, httpx2.InvalidURL) as exc:
            message = "cannot be asked: this machine's proxy or certificate settings cannot be used. "
            advice = "Check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR."
            raise server.error("setup", message + advice) from exc

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def request(self, method: str, url: str, body: bytes | None = None) -> Reply:
        """Return the answer to one request. Raises RemoteError, if there is none or it does not end well."""
        try:
            return await self._exchange(method, url, body)
        except RemoteError as exc:
            # The server may hang up a kept connection in the very moment in which it is used again.
            if exc.kind != "no_answer" or not self._was_used:
                raise
            first = exc
        try:
            return await self._exchange(method, url, body)
        except RemoteError as exc:
            raise first from exc  # which is what became of the question

    @asynccontextmanager
    async def answering(
        self, method: str, url: str, body: bytes | None = None, *, accept: str = "application/json"
    ) -> AsyncIterator[Incoming]:
        """Yield the answer to one request as it comes; who leaves before its end hangs up on it.

        Raises RemoteError, from the block's reading too, if there is none or it does not end well.
        """
        import httpx2

        begun = False
        try:
            async with self._client.stream(method, url, content=body, headers={"Accept": accept}) as response:
                begun = True
                async with aclosing(self._pieces(response)) as pieces:
                    yield Incoming(response.status_code, response.headers, pieces)
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, UnicodeError) as exc:
            raise explained(self._server, exc, begun=begun) from exc
        self._was_used = True

    async def _exchange(self, method: str, url: str, body: bytes | None) -> Reply:
        async with self.answering(method, url, body) as incoming:
            return Reply(
                incoming.status,
                b"".join([piece async for piece in incoming.body]),
                incoming.headers.get("x-total-time", ""),
                _seconds(incoming.headers.get("retry-after", "")),
                incoming.headers.get("location", ""),
            )

    async def _pieces(self, response: "httpx2.Response") -> AsyncGenerator[bytes]:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            message = "gave no usable answer: expected it as it is, found it compressed. "
            raise self._server.error("compressed", message + "Let it, or the proxy before it, not compress.")
        size = 0
        async for piece in response.aiter_raw():
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                found = f"gave no usable answer: expected at most {MAX_ANSWER_BYTES:,} bytes, found more. "
                advice = f"Check {self._server.terms.address}."
                raise self._server.error("answer_too_large", found + advice)
            yield piece


def explained(server: Server, exc: Exception, *, begun: bool) -> RemoteError:
    """Return the error to raise for `exc` of the HTTP library; `begun` if an answer had begun to come."""
    import httpx2

    check = f"Check {server.terms.address}"
    detail = server.quote(str(exc)).rstrip(".") or type(exc).__name__
    meanings = (
        (socket.gaierror, "unknown_host", f"was not found: its name has no address. {check}."),
        (
            ssl.SSLError,
            "tls",
            f"could not be reached securely: {detail}. Check that it speaks https; name a certificate "
            "authority of your own in SSL_CERT_FILE.",
        ),
        (
            ConnectionRefusedError,
            "refused",
            f"refused the connection: nothing listens there. Start it, or check {server.terms.address}.",
        ),
        (httpx2.ProxyError, "proxy", f"was not reached: the proxy failed ({detail}). Check HTTPS_PROXY."),
        (
            (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, UnicodeError),
            "address",
            f"cannot be asked: its address cannot be used ({detail}). {check}.",
        ),
        (
            (httpx2.ConnectError, httpx2.ConnectTimeout),
            "unreachable",
            f"could not be reached: {detail}. {check}, and that it can be reached from here.",
        ),
    )
    causes = tuple(_causes(exc))
    for types, kind, message in meanings:
        if any(isinstance(cause, types) for cause in causes):
            return server.error(kind, message)
    if begun:
        return server.error("broken_off", f"broke off in the middle of its answer: {detail}. Ask again.")
    message = f"was expected to answer in HTTP; it closed the connection, or said something else: {detail}. "
    return server.error("no_answer", message + f"Look at its log, and check {server.terms.address}.")


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield `exc`, what caused it, and what caused that; a name with many addresses fails for each."""
    yield exc
    if isinstance(exc, BaseExceptionGroup):
        for inner in exc.exceptions:
            yield from _causes(inner)
    before = exc.__cause__ or exc.__context__
    if before is not None:
        yield from _causes(before)


def _seconds(retry_after: str) -> float:
    """Return the seconds until the time that the header names: a number of them, or a date."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0
