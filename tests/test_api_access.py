"""A server with a key, and room for one who waits: who gets in, who waits, and who has left."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from api_client import RERANK_ROUTES, TIMEOUT_S, Answer, Server, error_message, multipart
from servers import environment, serving

from rag.config import HOP_HEADER

KEY = "open-sesame-0123456789"
ROUTES = [
    ("POST", "/api/query"),
    ("GET", "/api/documents"),
    ("POST", "/api/documents"),
    ("DELETE", "/api/documents/0"),
    ("GET", "/api/documents/0/pages/1"),
    *(("POST", path) for path in RERANK_ROUTES),
    ("GET", "/info"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/api/nothing"),
    ("FOO", "/api/query"),
]
IN_PROGRESS = 'reranklens_in_progress{reranker="local"}'
WAITING = 'reranklens_queue_length{reranker="local"}'
LEFT = 'reranklens_requests_total{method="POST",route="/v2/rerank",status="499"}'
PAIRS = 'reranklens_pairs_total{source="model"}'
WORDS = "waits for the tide and for the wind, and for whoever comes late, " * 6
_numbers = count()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("closed_log") / "server.log"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, log: Path) -> Iterator[Server]:
    """A client, with the key, of a server that wants one, and that does one thing at a time."""
    env = environment(
        tmp_path_factory.mktemp("closed"),
        RAG_API_KEY=KEY,
        RAG_QUEUE="1",
        RAG_THREADS="1",
        RAG_MAX_UPLOAD_MB="1",
    )
    with serving(env, log) as url:
        yield Server(url.removeprefix("http://"), KEY)


@pytest.fixture
def stranger(closed: Server) -> Server:
    """A client of the same server, without the key."""
    return Server(closed.netloc)


def passages(n: int) -> list[str]:
    """Return `n` passages that nobody has scored yet, each some hundredths of a second of work."""
    return [f"{next(_numbers)} {WORDS}" for _ in range(n)]


def eventually(is_so: Callable[[], bool], *, within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)


@contextmanager
def asked(server: Server, n: int) -> Iterator[socket.socket]:
    """Ask for `n` passages to be scored, and hang up at the end of the block without having listened."""
    body = json.dumps({"query": "When?", "documents": passages(n)}).encode()
    with sending(server, "/v2/rerank", body, "application/json", len(body)) as line:
        yield line


@contextmanager
def sending(
    server: Server, path: str, body: bytes, content_type: str, length: int
) -> Iterator[socket.socket]:
    host, _, port = server.netloc.partition(":")
    head = server.headers({"Host": server.netloc, "Content-Length": str(length)}, content_type)
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    with socket.create_connection((host, int(port)), TIMEOUT_S) as line:
        line.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        yield line


# The key


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer open-sesame",
        f"Bearer {KEY}x",
        f"Bearer {KEY.upper()}",
        f"Basic {KEY}",
        KEY,
        "Bearer \u00e9",
    ],
)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_the_key_there_is_no_answer(
    stranger: Server, method: str, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    got = stranger.send(method, path, b"{}", headers=headers)
    assert "RAG_API_KEY" in error_message(got, 401, path=path)
    assert got.headers["WWW-Authenticate"] == "Bearer"
    assert KEY not in str(got.body)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_with_the_key_the_routes_are_as_ever(closed: Server, method: str, path: str) -> None:
    assert closed.send(method, path, b"{}").status in (200, 404, 405, 415, 422)


def test_how_the_scheme_is_written_does_not_matter(stranger: Server) -> None:
    assert stranger.send("GET", "/info", headers={"Authorization": f"bearer  {KEY}"}).status == 200


def test_whether_it_runs_can_be_asked_without_the_key(stranger: Server) -> None:
    assert stranger.send("GET", "/healthz").body["status"] == "ok"


def test_the_description_says_which_routes_want_the_key(closed: Server) -> None:
    described = closed.send("GET", "/openapi.json").body
    wanted = {
        path: any("security" in way for way in ways.values()) for path, ways in described["paths"].items()
    }
    assert [path for path, wants in wanted.items() if not wants] == ["/healthz"]
    assert all(
        "401" in way["responses"]
        for path in wanted
        if wanted[path]
        for way in described["paths"][path].values()
    )


def test_the_servers_settings_are_what_info_says(closed: Server) -> None:
    info = closed.send("GET", "/info").body
    assert (info["queue"], info["slots"], info["threads"]) == (1, 1, 1)
    assert info["limits"]["upload_file_bytes"] == 1_000_000


def test_the_key_does_not_let_in_a_page_of_another_origin(closed: Server) -> None:
    got = closed.send("POST", "/v2/rerank", b"{}", headers={"Origin": "http://elsewhere.example"})
    error_message(got, 403, path="/v2/rerank")


# The queue


def test_one_is_served_one_waits_and_the_third_is_told_to_come_again(closed: Server) -> None:
    with ThreadPoolExecutor(2) as clients:
        first = clients.submit(closed.rerank, "/v2/rerank", "When?", passages(60))
        eventually(lambda: closed.figures()[IN_PROGRESS] == 1)
        second = clients.submit(closed.rerank, "/v2/rerank", "When?", passages(1))
        eventually(lambda: closed.figures()[WAITING] == 1)
        turned_away = {path: closed.rerank(path, "When?", ["noon"]) for path in RERANK_ROUTES}
        turned_away["/api/query"] = closed.query(query="When?")
        assert closed.send("GET", "/healthz").status == 200
        assert not first.done(), "the others were turned away because of it"
        answers = [first.result(), second.result()]
    for path, got in turned_away.items():
        assert "RAG_QUEUE" in error_message(got, 503, path=path)
        assert int(got.headers["Retry-After"]) >= 1
    assert turned_away["/rerank"].body["error_type"] == "overloaded"
    assert turned_away["/v1/rerank"].body["error"]["type"] == "busy"
    queued = [queue_ms(got) for got in answers]
    assert queued[1] > 50 > queued[0]


def queue_ms(got: Answer) -> float:
    assert got.status == 200, got.body
    assert got.headers["x-queue-time"] == str(round(got.body["meta"]["timings_ms"]["queue"]))
    return float(got.body["meta"]["timings_ms"]["queue"])


def test_who_hangs_up_while_waiting_frees_the_place(closed: Server) -> None:
    before = closed.figures()
    with ThreadPoolExecutor(2) as clients:
        first = clients.submit(closed.rerank, "/v2/rerank", "When?", passages(80))
        eventually(lambda: closed.figures()[IN_PROGRESS] == 1)
        with asked(closed, 900):
            eventually(lambda: closed.figures()[WAITING] == 1)
        eventually(lambda: closed.figures()[WAITING] == 0)
        assert not first.done(), "the place was free before a turn was"
        next_one = clients.submit(closed.rerank, "/v2/rerank", "When?", passages(1))
        assert (first.result().status, next_one.result().status) == (200, 200)
    after = closed.figures()
    assert after[PAIRS] - before.get(PAIRS, 0) == 81, "none for the one who left"
    assert after[LEFT] - before.get(LEFT, 0) == 1


def test_who_hangs_up_while_being_served_is_served_no_further(closed: Server) -> None:
    with asked(closed, 1000):
        eventually(lambda: closed.figures()[IN_PROGRESS] == 1)
        time.sleep(0.1)
        left = time.monotonic()
    eventually(lambda: closed.figures()[IN_PROGRESS] == 0)
    assert time.monotonic() - left < 5, "a thousand pairs take far longer"
    assert closed.rerank("/v2/rerank", "When?", passages(1)).status == 200


def test_who_hangs_up_while_sending_costs_nothing(closed: Server) -> None:
    before = closed.figures().get(LEFT, 0)
    with sending(closed, "/v2/rerank", b'{"query": "Wh', "application/json", 1000):
        pass
    eventually(lambda: closed.figures().get(LEFT, 0) == before + 1)
    assert closed.figures()[IN_PROGRESS] == 0


# Uploads


def test_a_fifth_upload_at_once_is_told_to_come_again(closed: Server) -> None:
    body, content_type = multipart([("bread.txt", b"The dough rests.")])
    with (
        begun(closed, body, content_type),
        begun(closed, body, content_type),
        begun(closed, body, content_type),
        begun(closed, body, content_type),
    ):
        eventually(lambda: closed.upload(("a.txt", b"One too many.")).status == 503)
        got = closed.upload(("a.txt", b"One too many."))
        assert "4 uploads" in error_message(got, 503)
        assert got.headers["Retry-After"]
        assert closed.send("GET", "/api/documents").status == 200, "who only looks need not wait"
    eventually(lambda: closed.upload(("a.txt", b"One of few."), collection="later").status == 200)
    assert closed.send("GET", "/api/documents").body["documents"] == []


@contextmanager
def begun(server: Server, body: bytes, content_type: str) -> Iterator[None]:
    """An upload whose sender goes quiet before its end, and hangs up at the end of the block."""
    with sending(server, "/api/documents", body[:-20], content_type, len(body)):
        yield


def test_an_upload_has_the_limit_of_the_settings(closed: Server) -> None:
    (file,) = closed.upload(("big.txt", b"x" * 1_000_001)).body["files"]
    assert file["status"] == "failed"
    got = closed.upload(*[(f"{n}.txt", b"x" * 1_000_000) for n in range(6)])
    assert "5,000,000" in error_message(got, 413)


def test_nothing_of_all_this_was_an_accident(closed: Server, log: Path) -> None:
    assert closed.send("GET", "/healthz").status == 200
    said = log.read_text(errors="replace")
    assert "Traceback" not in said
    assert KEY not in said


def test_a_server_that_is_told_to_end_does_not_finish_a_thousand_pairs_first(tmp_path: Path) -> None:
    body = json.dumps({"query": "dough?", "documents": passages(1000)}).encode()
    told: list[Answer] = []
    with serving(environment(tmp_path, RAG_THREADS="1"), tmp_path / "log") as url:
        server = Server(url.removeprefix("http://"))
        asked = threading.Thread(target=lambda: told.append(server.send("POST", "/v2/rerank", body)))
        asked.start()
        eventually(lambda: server.figures()[IN_PROGRESS] == 1)
    # The block sends SIGTERM, and kills what is still there ten seconds later.
    asked.join()
    assert "shutting down" in error_message(told[0], 503, path="/v2/rerank")


def test_a_page_on_another_port_cannot_open_the_pages_websocket(server: Server) -> None:
    def upgraded(origin: str) -> int:
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Origin": origin,
        }
        line = http.client.HTTPConnection(server.netloc, timeout=TIMEOUT_S)
        line.request("GET", "/_stcore/stream", headers=headers)
        status = line.getresponse().status
        line.close()
        return status

    assert upgraded(f"http://{server.netloc}") == 101
    assert upgraded("http://127.0.0.1:9777") == 403
    assert upgraded("http://elsewhere.example") == 403


def test_who_is_asked_by_another_reranklens_asks_no_third(server: Server) -> None:
    body = json.dumps({"query": "q", "documents": ["d"], "model": "remote"}).encode()
    got = server.send("POST", "/v2/rerank", body, headers={HOP_HEADER: "1"})
    assert "whose remote reranker this one is" in error_message(got, 422, path="/v2/rerank")
