"""A rerank server on this machine that tells the truth, in every style, or misbehaves in one known way.

Real HTTP over a real socket. What it does with a request is a function of its own, set as `behaviour`.
"""

import json
import random
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rag.config import RemoteStyle
from rag.logistic import sigmoid

Row = dict[str, Any]
Behaviour = Callable[["Exchange"], None]


def truth(query: str, text: str) -> float:
    """The logit of a pair: any number, but always the same."""
    return zlib.crc32(f"{query}\n{text}".encode()) / 2**32 * 20 - 10


@dataclass
class Asked:
    """What one request said, and from which port of the client it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Row
    port: int

    @property
    def texts(self) -> list[str]:
        return list(self.body.get("texts", self.body.get("documents", [])))

    @property
    def query(self) -> str:
        return str(self.body["query"])


class Exchange(BaseHTTPRequestHandler):
    """One request, and the means to answer it well or badly."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or a body would wait 0.04 s for the receipt of its headers
    server: "Server"
    asked: Asked

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        self._take(json.loads(self.rfile.read(size)))

    def do_GET(self) -> None:
        self._take({})

    def _take(self, body: Row) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked = Asked(self.command, self.path, headers, body, self.client_address[1])
        self.server.asked.append(self.asked)
        self.server.behaviour(self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output clean."""

    def reply(self, body: object, status: int = 200, **headers: str) -> None:
        """Answer in full; what is no bytes is sent as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def say(self, data: bytes) -> None:
        """Send raw bytes and hang up."""
        self.wfile.write(data)
        self.close_connection = True

    def drip(self, data: bytes, every_s: float = 0.02) -> None:
        """Send raw bytes, one at a time, until the server stops."""
        for byte in data:
            self.wfile.write(bytes([byte]))
            if self.server.stopping.wait(every_s):
                return


class Server(ThreadingHTTPServer):
    """Listens on a free port of the loopback."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.asked: list[Asked] = []
        self.behaviour: Behaviour = truthful("cohere")
        self.stopping = threading.Event()
        self.hung_up = threading.Event()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def posts(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "POST"]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is what half of these tests are about."""


@contextmanager
def serving() -> Iterator[Server]:
    """A running server; whatever it is in the middle of ends with the block."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()
            thread.join()


# The truth, in each style.


def rows(style: RemoteStyle, asked: Asked) -> list[Row]:
    """One result for each text, in input order."""
    logits = [truth(asked.query, text) for text in asked.texts]
    if style == "tei":
        return [{"index": i, "score": logit} for i, logit in enumerate(logits)]
    if style == "infinity":
        return [{"index": i, "relevance_score": logit} for i, logit in enumerate(logits)]
    return [{"index": i, "relevance_score": sigmoid(logit)} for i, logit in enumerate(logits)]


def wrapped(style: RemoteStyle, results: Sequence[Row]) -> object:
    """`results` as the body of an answer."""
    if style == "tei":
        return list(results)
    if style == "voyage":
        return {"object": "list", "data": list(results), "model": "m", "usage": {"total_tokens": 1}}
    return {"id": "x", "results": list(results), "meta": {"api_version": {"version": "2"}}}


def truthful(style: RemoteStyle) -> Behaviour:
    return changed(style, lambda results: results)


def changed(style: RemoteStyle, change: Callable[[list[Row]], list[Row]]) -> Behaviour:
    """The truth, but for what `change` makes of the results."""
    return lambda exchange: exchange.reply(wrapped(style, change(rows(style, exchange.asked))))


def shuffled(style: RemoteStyle, seed: int) -> Behaviour:
    return changed(style, lambda results: random.Random(seed).sample(results, len(results)))


def telling_logits(exchange: Exchange) -> None:
    """Cohere's style with what RerankLens itself adds to it."""
    results = rows("cohere", exchange.asked)
    for result, text in zip(results, exchange.asked.texts, strict=True):
        result |= {"logit": truth(exchange.asked.query, text), "tokens": len(text), "tokens_read": 1}
    exchange.reply(wrapped("cohere", results))


def limited_to(most: int, behaviour: Behaviour) -> Behaviour:
    """Refuses more than `most` passages with 413."""

    def answer(exchange: Exchange) -> None:
        if len(exchange.asked.texts) > most:
            exchange.reply({"error": f"at most {most}", "error_type": "validation"}, 413)
        else:
            behaviour(exchange)

    return answer


def with_info(info: object, behaviour: Behaviour, status: int = 200) -> Behaviour:
    """Answers GET with `info`, else as `behaviour` does."""
    return lambda exchange: (
        exchange.reply(info, status) if exchange.asked.method == "GET" else behaviour(exchange)
    )


def timed(total_time_ms: str) -> Behaviour:
    """The truth in Cohere's style, with a header that says how long it took, true or not."""
    return lambda exchange: exchange.reply(
        wrapped("cohere", rows("cohere", exchange.asked)), x_total_time=total_time_ms
    )


# Slow, silent, broken.


def slow(seconds: float, behaviour: Behaviour) -> Behaviour:
    def answer(exchange: Exchange) -> None:
        exchange.server.stopping.wait(seconds)
        behaviour(exchange)

    return answer


def waiting_for_the_hang_up(exchange: Exchange) -> None:
    """Says nothing, and notes when the client gives up."""
    exchange.connection.settimeout(9)
    if exchange.connection.recv(1) == b"":
        exchange.server.hung_up.set()
    exchange.close_connection = True


def closing_at_once(exchange: Exchange) -> None:
    exchange.close_connection = True


def closing_within_the_headers(exchange: Exchange) -> None:
    exchange.say(b"HTTP/1.1 200 OK\r\nContent-Le")


def closing_within_the_body(exchange: Exchange) -> None:
    exchange.say(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"results": [')


def dripping_headers(exchange: Exchange) -> None:
    exchange.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100_000)


def dripping_body(exchange: Exchange) -> None:
    exchange.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    exchange.drip(b" " * 100_000)


def saying(data: bytes) -> Behaviour:
    """Raw bytes in place of an answer."""
    return lambda exchange: exchange.say(data)


def too_large(exchange: Exchange) -> None:
    exchange.reply(b" " * (17 * 2**20))


# Refusals.


def replying(body: object, status: int = 200, **headers: str) -> Behaviour:
    """The same answer to everything."""
    return lambda exchange: exchange.reply(body, status, **headers)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Each behaviour once, the last one for ever."""
    left = list(behaviours)
    return lambda exchange: (left.pop(0) if len(left) > 1 else left[0])(exchange)


HTML_PAGE = b"<!doctype html><title>Welcome to nginx!</title>"
