"""Methods, paths and headers: each wrong one is refused as data, and every answer carries the policy."""

import http.client
import json
import re
from pathlib import Path
from typing import Any

import pytest
from api_client import ASKING_ROUTES, Server, answerable, error_message, raw

GETTING_ROUTES = ("/healthz", "/info", "/metrics", "/openapi.json")
METHODS = {
    **dict.fromkeys(ASKING_ROUTES, "POST"),
    **dict.fromkeys(GETTING_ROUTES, "GET"),
    "/api/documents": "GET, POST",
    "/api/documents/0": "DELETE",
    "/api/documents/0/pages/1": "GET",
}
OTHER_METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "FOO",
    "query",
    "M-SEARCH",
)
WRONG = [
    (method, path)
    for path, right in METHODS.items()
    for method in OTHER_METHODS
    # Who answers GET answers HEAD, too.
    if ("GET" if method == "HEAD" else method) not in right.split(", ")
]


# Methods and paths


@pytest.mark.parametrize(("method", "path"), WRONG)
def test_a_wrong_method_is_told_the_right_one(server: Server, method: str, path: str) -> None:
    got = server.send(method, path)
    assert (got.status, got.headers["Allow"]) == (405, METHODS[path])
    if method != "HEAD":
        assert METHODS[path] in error_message(got, 405, path=path)


@pytest.mark.parametrize("path", GETTING_ROUTES)
def test_the_head_of_an_answer_comes_without_its_body(server: Server, path: str) -> None:
    head, whole = server.send("HEAD", path), server.send("GET", path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Type"] == whole.headers["Content-Type"]


@pytest.mark.parametrize("method", [*OTHER_METHODS, "CONNECT"])
@pytest.mark.parametrize(
    "path",
    [
        *("/api", "/api/", "/api/nothing", "/api/query/", "/api/query/more", "/v1", "/v1/", "/v2/rerank/"),
        *("/v1/models", "/v2/embed", "/api/documents/", "/api/documents/a/b"),
        *("/api/%ff", "/api/<script>"),
    ],
)
def test_an_unknown_route_is_not_the_page(server: Server, method: str, path: str) -> None:
    got = server.send(method, path)
    assert got.status == 404
    if method != "HEAD":
        error_message(got, 404)


@pytest.mark.parametrize(
    "path", ["//api/query", "//v2/rerank", "/API/query", "/api%2fquery", "/%61pi/nothing"]
)
def test_a_disguised_path_is_no_accident(server: Server, path: str) -> None:
    status, headers, text = page(server, "POST", path, json.dumps(answerable("/api/query")))
    assert status < 500
    assert "Traceback" not in text
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/api/" + "x" * 20_000, "/api/documents/" + "x" * 20_000])
def test_a_long_path_is_not_repeated(server: Server, path: str) -> None:
    got = server.send("DELETE", path)
    assert len(error_message(got, 404, 422)) < 500


@pytest.mark.parametrize(
    "id_", ["%ff", "0" * 64, "x" * 200, "'; DROP TABLE documents; --".replace(" ", "%20")]
)
def test_a_document_that_is_not_there_cannot_be_deleted(server: Server, id_: str) -> None:
    error_message(server.send("DELETE", f"/api/documents/{id_}"), 404)


@pytest.mark.parametrize("collection", ["%00", "x" * 65, "x" * 9000, "a%0ab", "%20", "%e2%80%ae"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/api/documents"), ("DELETE", "/api/documents/0")])
def test_what_cannot_name_a_collection_is_refused(
    server: Server, method: str, path: str, collection: str
) -> None:
    message = error_message(server.send(method, f"{path}?collection={collection}"), 422)
    assert "64" in message
    assert "x" * 65 not in message


# Headers


@pytest.mark.parametrize("path", [*METHODS, "/", "/_stcore/health"])
def test_another_host_name_gets_no_answer(server: Server, path: str) -> None:
    got = server.send("GET", path, headers={"Host": "elsewhere.example"})
    assert got.status == 400
    assert server.send("GET", "/healthz", headers={"Host": "localhost"}).status == 200


@pytest.mark.parametrize("path", ["/", "/nowhere", "/_stcore/health", "/_stcore/host-config"])
def test_the_pages_own_files_carry_the_policy(server: Server, path: str) -> None:
    _, headers, text = page(server, "GET", path)
    assert "frame-ancestors" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    for script in re.findall(r'src="\./(static/[^"]+)"', text):
        assert page(server, "GET", f"/{script}")[1]["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", [*ASKING_ROUTES, "/api/documents", "/api/documents/0"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://elsewhere.example",
        "null",
        "http://127.0.0.1:1",
        "http://localhost",
        "http://[",
        "file://",
        "x" * 9000,
    ],
)
def test_a_page_of_another_origin_may_change_nothing(server: Server, path: str, origin: str) -> None:
    method = "DELETE" if path.endswith("/0") else "POST"
    got = server.send(method, path, b"{}", headers={"Origin": origin})
    assert "may not ask" in error_message(got, 403, path=path)


def test_a_page_of_this_server_may_ask(server: Server) -> None:
    sent = json.dumps(answerable("/v2/rerank")).encode()
    got = server.send("POST", "/v2/rerank", sent, headers={"Origin": f"http://{server.netloc}"})
    assert got.status == 200


def test_no_other_origin_is_told_that_it_may_read(server: Server) -> None:
    for method in ("OPTIONS", "GET", "POST"):
        asks = {"Origin": "http://elsewhere.example", "Access-Control-Request-Method": "POST"}
        got = server.send(method, "/api/query", headers=asks)
        assert "Access-Control-Allow-Origin" not in got.headers


def test_the_page_still_talks_over_its_websocket(server: Server) -> None:
    head = (
        "GET /_stcore/stream HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    )
    assert raw(server, head, until=b"\r\n\r\n").startswith(b"HTTP/1.1 101")


def test_nothing_of_all_this_was_an_accident(server: Server, server_log: Path) -> None:
    assert server.send("GET", "/healthz").status == 200
    assert "Traceback" not in server_log.read_text(errors="replace")


def page(server: Server, method: str, path: str, data: str | None = None) -> tuple[int, Any, str]:
    """Return status, headers and text of an answer that may be the page."""
    connection = http.client.HTTPConnection(server.netloc, timeout=20)
    try:
        connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        got = connection.getresponse()
        return got.status, got.headers, got.read().decode()
    finally:
        connection.close()
