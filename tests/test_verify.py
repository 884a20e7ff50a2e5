"""The visit to a running server: to the real one, and to one that breaks its promises as it is told to."""

import argparse
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from rag.cli import verify as command
from rag.verify.promises import Model, Models, QueryAnswer, Reranked, Retrieved, broken_order, broken_promise
from rag.verify.questions import LONGEST_PAUSE_S, made_up_questions, pause_s
from rag.verify.visit import Check, Plan, verify

KEY = "a-secret-key"
BREAD = "The dough rests for ninety minutes under a damp cloth.\n\nHeat the stone before the pizza goes in.\n"
UNHURRIED = ("--first-limit", "60", "--later-limit", "60")  # the tests' machine may be busy
LOCAL = {
    "embedder": {"id": "maker/embedder", "sha256": "e", "backend": "cpu"},
    "reranker": {"id": "maker/reranker", "sha256": "f", "backend": "cpu"},
}
REMOTE = LOCAL | {"reranker": {"id": "remote", "sha256": None, "backend": "remote cohere at gpu"}}
MODELS = Models(Model("maker/embedder", "cpu"), Model("maker/reranker", "cpu"))
HEALTH = {"status": "ok", "version": "9.9", "models": LOCAL, "notices": []}
FELL_BACK = "The remote reranker is down. maker/reranker on this machine took its place."
LISTING = {
    "collection": "default",
    "documents": [{"id": "d1", "name": "bread.txt"}],
    "collections": [{"name": "default", "documents": 1, "chunks": 2}],
}
RANKED = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.2}]
RANKED += [{"index": 2, "relevance_score": 0.1}]


def query_answer(**changes: object) -> dict[str, object]:
    """Return a small answer that keeps every promise, with `changes`."""
    return {
        "retrieved": [{"rank": n, "chunk_id": f"c{n}", "text": BREAD, "cosine": 0.5} for n in (1, 2)],
        "reranked": [
            {"rank": 1, "retrieved_rank": 2, "chunk_id": "c2", "score": 0.9, "logit": 3.0},
            {"rank": 2, "retrieved_rank": 1, "chunk_id": "c1", "score": 0.1, "logit": -2.0},
        ],
        "timings_ms": {"embed": 0.1, "score": 0.2, "total": 0.4},
        "cold": False,
        "cached": 0,
        "models": LOCAL,
        "notices": [],
        **changes,
    }


@dataclass
class Reply:
    """What the fake answers; `wait_s` passes before it does, and again before each byte where it drips."""

    body: object = None
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    drips: bool = False


Act = Callable[[], Reply]


class Fake:
    """A server that keeps every promise, unless `replies` has something else for "METHOD /path"."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply | Act] = {
            "GET /healthz": Reply(HEALTH),
            "GET /info": Reply({"version": "9.9", "model_id": "maker/reranker", "max_client_batch_size": 8}),
            "GET /api/documents": Reply(LISTING),
            "POST /api/documents": Reply(uploaded("added")),
            "DELETE /api/documents/d1": Reply({"deleted": {"id": "d1", "name": "bread.txt"}}),
            "POST /api/query": Reply(query_answer(), wait_s=0.001),
            "POST /v2/rerank": Reply({"results": RANKED, "meta": {"cached": 0}}),
            "POST /v1/rerank": Reply({"results": RANKED, "cached": 3}),
            "POST /rerank": Reply([{"index": r["index"], "score": r["relevance_score"]} for r in RANKED]),
        }
        self.asked: list[str] = []
        self.questions: list[str] = []
        self.named: list[object] = []  # the models that requests to rerank name
        self.keys: set[str | None] = set()
        self.url = ""

    def answer(self, request: BaseHTTPRequestHandler) -> Reply:
        path = request.path.partition("?")[0].removeprefix("/below")
        self.asked.append(f"{request.command} {path}")
        self.keys.add(request.headers.get("authorization"))
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        if path == "/api/query":
            self.questions.append(json.loads(body)["query"])
        if path.endswith("/rerank"):
            self.named.append(json.loads(body).get("model"))
        reply = self.replies.get(self.asked[-1], Reply({"error": {"message": "No such route."}}, 404))
        return reply if isinstance(reply, Reply) else reply()


def uploaded(*statuses: str) -> dict[str, object]:
    return {
        "files": [
            {"name": "bread.txt", "status": status, "message": f"bread.txt {status}.", "document_id": "d1"}
            for status in statuses
        ]
    }


@pytest.fixture
def fake() -> Iterator[Fake]:
    made = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            reply = made.answer(self)
            data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            time.sleep(reply.wait_s)
            self.send_response(reply.status)
            for name, value in {"Content-Type": reply.content_type, **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            for piece in [data[i : i + 1] for i in range(len(data))] if reply.drips else [data]:
                self.wfile.write(piece)
                time.sleep(reply.wait_s if reply.drips else 0)

        do_GET = do_POST = do_DELETE = do  # noqa: N815 - named by the library

        def handle(self) -> None:
            with suppress(ConnectionError):  # who asked has given up, as a test wants it
                super().handle()

        def log_message(self, *_args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield made
        server.shutdown()


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAG_API_KEY", raising=False)


@pytest.fixture
def bread(tmp_path: Path) -> Path:
    path = tmp_path / "bread.txt"
    path.write_text(BREAD)
    return path


def parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(argv)


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, dict[str, Any]]:
    status = command.run(parsed(*argv, "--json"))
    return status, json.loads(capsys.readouterr().out)


def row(checks: tuple[Check, ...], name: str) -> Check:
    (found,) = [check for check in checks if name in check.name]
    return found


def documents(base_url: str, collection: str) -> list[str]:
    """Return the names of the documents in a collection of the real server."""
    listing = httpx2.get(f"{base_url}/api/documents", params={"collection": collection}).json()
    return [document["name"] for document in listing["documents"]]


def collections(base_url: str) -> list[str]:
    listing = httpx2.get(f"{base_url}/api/documents").json()
    return [collection["name"] for collection in listing["collections"]]


def test_the_real_server_keeps_its_promises_and_keeps_no_document(
    base_url: str, bread: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = collections(base_url)
    status, body = run(capsys, base_url, "--document", str(bread), *UNHURRIED)
    assert (status, [check for check in body["checks"] if not check["ok"]]) == (0, [])
    assert body["checks"][-1]["name"] == "delete"
    assert collections(base_url) == before


def test_a_file_that_was_there_before_stays_there(
    base_url: str, bread: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"files": ("mine.txt", bread.read_bytes())}
    params = {"collection": "kept"}
    mine = httpx2.post(f"{base_url}/api/documents", params=params, files=files, timeout=60).json()["files"][0]
    status, body = run(capsys, base_url, "--document", str(bread), "--collection", "kept", *UNHURRIED)
    assert documents(base_url, "kept") == ["mine.txt"]
    assert (status, "unchanged and stays" in body["checks"][-1]["detail"]) == (0, True)
    httpx2.delete(f"{base_url}/api/documents/{mine['document_id']}", params=params).raise_for_status()


def test_an_interrupted_visit_leaves_no_document_behind(base_url: str) -> None:
    before = collections(base_url)

    def interrupt(check: Check) -> None:
        if check.name == "upload":
            assert collections(base_url) != before
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(Plan(base_url, documents=(("bread.txt", BREAD.encode()),)), interrupt)
    assert collections(base_url) == before


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as in a terminal: whoever runs the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_upload_that_an_interrupt_overtakes_is_waited_for_and_deleted(fake: Fake) -> None:
    def interrupt_then_add() -> Reply:
        ident = threading.main_thread().ident
        assert ident
        signal.pthread_kill(ident, signal.SIGINT)
        return Reply(uploaded("added"), wait_s=0.2)

    fake.replies["POST /api/documents"] = interrupt_then_add
    with pytest.raises(KeyboardInterrupt):
        verify(Plan(fake.url, documents=(("bread.txt", BREAD.encode()),)))
    assert fake.asked[-1] == "DELETE /api/documents/d1"


def test_in_a_named_collection_only_what_was_added_is_deleted(fake: Fake) -> None:
    fake.replies["POST /api/documents"] = Reply(uploaded("replaced", "unchanged"))
    files = (("bread.txt", BREAD.encode()), ("bread.txt", BREAD.encode()))
    checks = verify(Plan(fake.url, documents=files, collection="theirs"))
    assert not any(asked.startswith("DELETE") for asked in fake.asked)
    assert "bread.txt was replaced and stays." in row(checks, "delete").detail


def test_a_document_that_stays_behind_fails_by_name_of_its_collection(fake: Fake) -> None:
    del fake.replies["DELETE /api/documents/d1"]
    check = row(verify(Plan(fake.url, documents=(("bread.txt", b"x"),), collection="theirs")), "delete")
    assert check.ok is False
    assert check.detail == "1 of 1 documents stay in collection 'theirs': Status 404: No such route."


@pytest.mark.parametrize("reply", [Reply(uploaded("added"), wait_s=30), Reply(b"<html>", 504, "text/html")])
def test_an_upload_without_an_answer_says_where_to_look(fake: Fake, reply: Reply) -> None:
    fake.replies["POST /api/documents"] = reply
    checks = verify(Plan(fake.url, documents=(("bread.txt", b"x"),), timeout_s=0.3))
    assert row(checks, "upload").ok is False
    assert "look into collection 'verify-" in row(checks, "delete").detail


def test_a_failed_file_fails_the_upload_and_skips_the_questions(fake: Fake) -> None:
    fake.replies["POST /api/documents"] = Reply(uploaded("failed"))
    checks = verify(Plan(fake.url, documents=(("bread.txt", b""),)))
    assert row(checks, "upload").detail == "1 of 1 file failed. bread.txt failed."
    assert row(checks, "first question").ok is None


def test_a_good_server_passes_below_a_path_and_without_documents(
    fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    status, body = run(capsys, f"{fake.url}/below/")
    assert (status, body["ok"], body["url"]) == (0, True, f"{fake.url}/below")
    assert [check["limit_ms"] for check in body["checks"]] == [None] * 3 + [5000] + [2000] * 4


def test_eleven_different_questions_are_asked_the_persons_own_first(fake: Fake) -> None:
    verify(Plan(fake.url, queries=("How long?", "How long?", "How hot?")))
    assert fake.questions[:2] == ["How long?", "How hot?"]
    assert len(set(fake.questions)) == len(fake.questions) == 11


def test_a_second_visit_asks_other_questions(fake: Fake) -> None:
    verify(Plan(fake.url))
    verify(Plan(fake.url))
    assert len(set(fake.questions)) == 22


def test_an_answer_from_the_cache_is_no_measured_speed(fake: Fake) -> None:
    fake.replies["POST /api/query"] = Reply(query_answer(cached=2), wait_s=0.001)
    checks = verify(Plan(fake.url))
    assert row(checks, "first question").detail == "In collection 'default': 2 of 2 pairs cached."
    assert row(checks, "10 questions").ok is False
    assert row(checks, "10 questions").detail.startswith("Nothing was measured")


def test_the_library_without_documents_does_not_pass(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.replies["GET /api/documents"] = Reply({"documents": [], "collections": []})
    status, body = run(capsys, fake.url)
    assert (status, body["checks"][3]["detail"]) == (1, "The library is empty: give --document FILE.")


def test_the_first_collection_with_documents_is_asked_where_default_has_none(fake: Fake) -> None:
    empty, full = {"name": "a", "documents": 0}, {"name": "b", "documents": 3}
    fake.replies["GET /api/documents"] = Reply({"documents": [], "collections": [empty, full]})
    assert "In collection 'b'" in row(verify(Plan(fake.url)), "first question").detail


def test_an_answer_over_the_limit_fails_and_the_others_are_still_asked(
    fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.replies["POST /api/query"] = Reply(query_answer(), wait_s=0.03)
    status, body = run(capsys, fake.url, "--first-limit", "0.02", "--later-limit", "1.5")
    first, later = body["checks"][3:5]
    assert (status, first["ok"], later["ok"]) == (1, False, True)
    assert first["detail"].startswith("Over the limit.")
    assert 20 < first["ms"] < later["limit_ms"]


def test_only_the_slowest_of_the_later_questions_counts(fake: Fake) -> None:
    times = iter([0.001] * 5 + [0.2] + [0.001] * 5)
    fake.replies["POST /api/query"] = lambda: Reply(query_answer(), wait_s=next(times))
    check = row(verify(Plan(fake.url, later_limit_s=0.15)), "10 questions")
    assert (check.ok, (check.seconds or 0) > 0.2) == (False, True)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(b"<html>", content_type="text/html"), "Expected JSON, found text/html."),
        (Reply(b"ok", content_type="application/json"), "The answer has not the promised form: JSON is malf"),
        (Reply({"status": "ok"}), "not the promised form: Object missing required field `version`"),
        (Reply(HEALTH | {"status": "starting"}), "Invalid enum value 'starting'"),
        (Reply(None, 302, headers={"Location": "https://login.example.com/"}), "redirects to https://login"),
        (Reply(b"Invalid host header", 400, "text/plain"), "RAG_ALLOWED_HOSTS"),
        (Reply({"error": {"type": "unavailable", "message": "No model."}}, 503), "Status 503: No model."),
        (Reply(b"<html>", 502, "text/html"), "Status 502: Bad Gateway."),
        (Reply(HEALTH, wait_s=30), "No answer within 0.3 s."),
        (Reply(HEALTH, wait_s=0.05, drips=True), "No answer within 0.3 s."),
    ],
)
def test_a_server_without_health_fails_in_a_sentence_and_the_rest_is_skipped(
    fake: Fake, reply: Reply, sentence: str
) -> None:
    fake.replies["GET /healthz"] = reply
    checks = verify(Plan(fake.url, timeout_s=0.3))
    assert (checks[0].ok, sentence in checks[0].detail) == (False, True), checks[0].detail
    assert {check.ok for check in checks[1:]} == {None}


def test_a_port_where_nobody_listens_is_called_that(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as bound:  # bound and not listening: nobody else can take it meanwhile
        bound.bind(("127.0.0.1", 0))
        status, body = run(capsys, f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert (status, body["checks"][0]["detail"].startswith("No connection")) == (1, True)


def test_https_where_http_is_spoken_is_called_a_failure_of_tls(fake: Fake) -> None:
    checks = verify(Plan(fake.url.replace("http", "https"), timeout_s=5))
    assert checks[0].detail.startswith("TLS failed")


def test_the_key_is_sent_and_never_shown(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.replies["GET /info"] = Reply({"error": {"message": "no"}}, 401)
    assert command.run(parsed(fake.url, "--api-key", KEY)) == 1
    out = "".join(capsys.readouterr())
    assert fake.keys == {f"Bearer {KEY}"}
    assert "refused the key" in out
    assert KEY not in out + repr(Plan(fake.url, KEY))


def test_a_server_that_wants_a_key_is_said_to_want_one(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.replies["GET /info"] = Reply({"error": {"message": "no"}}, 401)
    check = row(verify(Plan(fake.url)), "info")
    assert check.detail == (
        "Status 401: the server wants a key. Give its key with --api-key or in RAG_API_KEY."
    )
    monkeypatch.setenv("RAG_API_KEY", KEY)
    command.run(parsed(fake.url, "--json"))
    assert f"Bearer {KEY}" in fake.keys


def test_forms_of_reranking_that_disagree_fail(fake: Fake) -> None:
    fake.replies["POST /rerank"] = Reply([{"index": i, "score": 0.5} for i in (0, 1, 2)])
    check = row(verify(Plan(fake.url)), "TEI")
    assert check.detail == "Order [0, 1, 2], but another form answered [1, 0, 2] to the same question."
    assert check.ok is False


def test_answers_of_a_local_reranker_that_took_the_remote_ones_place_fail(fake: Fake) -> None:
    fake.replies["GET /healthz"] = Reply(HEALTH | {"models": REMOTE})
    fake.replies["POST /api/query"] = Reply(query_answer(notices=[FELL_BACK]), wait_s=0.001)
    checks = verify(Plan(fake.url))
    first, later = row(checks, "first question"), row(checks, "10 questions")
    assert first.detail == (
        "Expected the reranker that /healthz names, remote on remote cohere at gpu; "
        f"found maker/reranker on cpu in 1 of 1 answer. {FELL_BACK} "
        "In collection 'default': 0 of 2 pairs cached."
    )
    assert (first.ok, later.ok, later.detail.count(FELL_BACK)) == (False, False, 1)
    assert "found maker/reranker on cpu in 10 of 10 answers." in later.detail


def test_one_answer_of_another_reranker_among_the_later_ones_fails_them(fake: Fake) -> None:
    fake.replies["GET /healthz"] = Reply(HEALTH | {"models": REMOTE})
    models = iter([REMOTE] * 10 + [LOCAL])
    fake.replies["POST /api/query"] = lambda: Reply(query_answer(models=next(models)), wait_s=0.001)
    checks = verify(Plan(fake.url))
    assert row(checks, "first question").ok is True
    assert "in 1 of 10 answers." in row(checks, "10 questions").detail


def test_the_same_id_on_another_backend_is_another_reranker(fake: Fake) -> None:
    models = LOCAL | {"reranker": {"id": "maker/reranker", "backend": "remote tei at gpu"}}
    fake.replies["POST /api/query"] = Reply(query_answer(models=models), wait_s=0.001)
    assert row(verify(Plan(fake.url)), "first question").ok is False


def ranking(order: list[int]) -> Reply:
    results = [{"index": index, "relevance_score": 1 / place} for place, index in enumerate(order, 1)]
    return Reply({"results": results, "meta": {"cached": 0}})


def test_a_remote_reranker_is_asked_to_rerank_in_its_own_order(fake: Fake) -> None:
    fake.replies["GET /healthz"] = Reply(HEALTH | {"models": REMOTE})
    fake.replies["POST /api/query"] = Reply(query_answer(models=REMOTE), wait_s=0.001)
    usual, other = ranking([1, 0, 2]), ranking([2, 0, 1])
    fake.replies["POST /v2/rerank"] = lambda: other if fake.named[-1] == "remote" else usual
    checks = verify(Plan(fake.url))
    assert [check.ok for check in checks] == [True] * 9
    assert (checks[-1].name, fake.named) == ("rerank, remote", [None, None, None, "remote"])


def test_a_remote_reranker_that_fails_fails_its_row_alone(fake: Fake) -> None:
    fake.replies["GET /healthz"] = Reply(HEALTH | {"models": REMOTE})
    fake.replies["POST /api/query"] = Reply(query_answer(models=REMOTE), wait_s=0.001)
    down, usual = Reply({"message": "It is down."}, 503), ranking([1, 0, 2])
    fake.replies["POST /v2/rerank"] = lambda: down if fake.named[-1] == "remote" else usual
    (failed,) = [check for check in verify(Plan(fake.url)) if not check.ok]
    assert (failed.name, failed.detail) == ("rerank, remote", "Status 503: It is down.")


def test_no_remote_reranker_is_asked_where_health_names_none(fake: Fake) -> None:
    assert "rerank, remote" not in [check.name for check in verify(Plan(fake.url))]
    assert fake.named == [None] * 3


@pytest.mark.parametrize("status", [401, 413, 302])
def test_after_a_refused_upload_nothing_is_deleted(fake: Fake, status: int) -> None:
    fake.replies["POST /api/documents"] = Reply(
        {"error": {"message": "No."}}, status, headers={"Location": "https://login.example.com/"}
    )
    checks = verify(Plan(fake.url, documents=(("bread.txt", b"x"),)))
    assert (row(checks, "upload").ok, row(checks, "delete").ok) == (False, None)
    assert "GET /api/documents" not in fake.asked


def test_after_an_upload_that_broke_the_server_is_still_cleaned_up(fake: Fake) -> None:
    fake.replies["POST /api/documents"] = Reply({"error": {"message": "Broken."}}, 500)
    verify(Plan(fake.url, documents=(("bread.txt", b"x"),)))
    assert fake.asked[-1] == "DELETE /api/documents/d1"


def busy(retry_after: str) -> Reply:
    return Reply({"error": {"message": "All turns are taken."}}, 503, headers={"Retry-After": retry_after})


def test_a_busy_server_is_asked_once_more_when_it_wants_and_only_the_answer_is_timed(fake: Fake) -> None:
    replies = iter([busy("1")])
    answered = Reply(query_answer(), wait_s=0.001)
    fake.replies["POST /api/query"] = lambda: next(replies, answered)
    began = time.perf_counter()
    check = row(verify(Plan(fake.url)), "first question")
    assert time.perf_counter() - began > 1 > (check.seconds or 9)
    assert check.ok is True
    assert check.detail.startswith(
        "1 question had to be asked twice: Status 503: All turns are taken. In coll"
    )
    assert fake.questions[0] == fake.questions[1]


def test_later_questions_that_had_to_be_asked_twice_are_counted(fake: Fake) -> None:
    answered = Reply(query_answer(), wait_s=0.001)
    replies = iter([answered, busy("0"), answered, busy("0")])
    fake.replies["POST /api/query"] = lambda: next(replies, answered)
    check = row(verify(Plan(fake.url)), "10 questions")
    assert (check.ok, check.detail.startswith("2 questions had to be asked twice:")) == (True, True)


def test_a_server_that_stays_busy_is_asked_twice_and_no_more(fake: Fake) -> None:
    fake.replies["POST /api/query"] = busy("0")
    check = row(verify(Plan(fake.url)), "first question")
    assert (check.ok, len(fake.questions)) == (False, 2)
    assert check.detail == "Asked twice, in vain. Status 503: All turns are taken."


def test_a_503_that_names_no_time_is_final(fake: Fake) -> None:
    fake.replies["POST /api/query"] = Reply({"error": {"message": "No model."}}, 503)
    verify(Plan(fake.url))
    assert len(fake.questions) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0), ("2", 2), ("3600", LONGEST_PAUSE_S), ("Wed, 21 Oct 2026 07:28:00 GMT", LONGEST_PAUSE_S)],
)
def test_a_pause_is_the_wanted_one_and_never_long(header: str, seconds: float) -> None:
    assert pause_s(header) == seconds


def test_a_row_names_its_limit_as_one(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    command.run(parsed(fake.url))
    assert " ms (limit 5,000 ms)\n" in capsys.readouterr().out


def test_an_address_below_a_path_is_taken_and_not_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    assert parsed("http://example.com/below/").url == "http://example.com/below"
    with pytest.raises(SystemExit):
        parsed("nowhere")
    assert "http://127.0.0.1:8501, without" in " ".join(capsys.readouterr().err.split())


def test_what_a_server_writes_cannot_steer_the_terminal(
    fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.replies["GET /healthz"] = Reply(HEALTH | {"notices": ["\x1b[2J all is\nwell"]})
    assert command.run(parsed(fake.url)) == 0
    assert "\x1b" not in capsys.readouterr().out


def reranked(*hits: tuple[int, int, float]) -> tuple[Reranked, ...]:
    return tuple(Reranked(rank, before, f"c{before}", 0.5, logit) for rank, before, logit in hits)


@pytest.mark.parametrize(
    ("ranked", "timings_ms", "sentence"),
    [
        (reranked((1, 2, 3.0), (2, 1, 3.0)), {"embed": 4, "score": 5, "total": 9}, ""),
        (reranked((1, 1, 3.0)), {"score": 5, "total": 9}, "Reranked ranks must be 1 to 2, found [1]."),
        (reranked((1, 2, 3.0), (2, 2, 1.0)), {"score": 5, "total": 9}, "no permutation"),
        (reranked((1, 2, 3.0), (2, 3, 1.0)), {"score": 5, "total": 9}, "no permutation"),
        (reranked((1, 2, 1.0), (2, 1, 3.0)), {"score": 5, "total": 9}, "Logits must not increase"),
        (reranked((1, 1, 3.0), (2, 2, 1.0)), {"embed": 6, "score": 5, "total": 9}, "more than their total"),
        (reranked((1, 1, 3.0), (2, 2, 1.0)), {"score": 5, "total": 12}, "waited for only 10.0 ms"),
        (reranked((1, 1, 3.0), (2, 2, 1.0)), {"score": 5}, "Expected each stage's time and their total"),
    ],
)
def test_a_broken_promise_is_named(
    ranked: tuple[Reranked, ...], timings_ms: dict[str, float], sentence: str
) -> None:
    retrieved = tuple(Retrieved(n, f"c{n}", "text") for n in (1, 2))
    answer = QueryAnswer(retrieved, ranked, timings_ms, cold=False, cached=0, models=MODELS, notices=())
    found = broken_promise(answer, top_k=10, wall_s=0.010)
    assert (sentence in found) if found else sentence == ""


def test_a_prefix_is_enough_when_only_so_many_were_asked_for() -> None:
    retrieved = tuple(Retrieved(n, f"c{n}", "text") for n in (1, 2))
    answer = QueryAnswer(retrieved, reranked((1, 2, 3.0)), {"score": 5, "total": 9}, False, 0, MODELS, ())
    assert broken_promise(answer, top_k=1, wall_s=0.010) is None


def test_a_reranking_must_name_each_passage_once_and_the_best_first() -> None:
    assert broken_order([(1, 0.9), (0, 0.9)], 2) is None
    assert "found the indices [1, 1]" in (broken_order([(1, 0.9), (1, 0.5)], 2) or "")
    assert "found the scores [0.1, 0.5]" in (broken_order([(1, 0.1), (0, 0.5)], 2) or "")


@pytest.mark.parametrize("texts", [["Bread."], ["", " "], ["中文" * 500, "naïve Straße"], [BREAD] * 30])
def test_questions_of_any_text_differ_and_are_short(texts: list[str]) -> None:
    questions = made_up_questions(texts, 10, "abc")
    assert len(set(questions)) == 10
    assert max(map(len, questions)) < 120


@pytest.mark.parametrize(
    "argv",
    [
        ["nowhere"],
        ["ftp://example.com"],
        ["http://"],
        ["http://example.com:99999"],
        ["http://[::1"],
        [f"http://user:{KEY}@example.com"],
        [f"http://example.com/?key={KEY}"],
        ["http://example.com", "--document", "no/such/file.pdf"],
        ["http://example.com", "--document", "."],
        ["http://example.com", "--later-limit", "0"],
        ["http://example.com", "--timeout", "nan"],
        ["http://example.com", "--api-key", f"{KEY} é"],
    ],
)
def test_what_cannot_be_asked_for_is_refused_as_usage(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        parsed(*argv)
    assert refused.value.code == 2
    assert KEY not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "said"),
    [({"x": "y" * 20_000_000}, "larger than 16,777,216 bytes"), ([], "not the promised form")],
)
def test_an_answer_that_is_none_of_ours_is_named(fake: Fake, body: object, said: str) -> None:
    fake.replies["GET /healthz"] = Reply(body)
    (health, *_) = verify(Plan(fake.url))
    assert health.ok is False
    assert said in health.detail
