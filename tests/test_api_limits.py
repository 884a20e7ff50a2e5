"""The routes answer nonsense, malice and excess with a refusal that names the reason, and live on."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import ASKING_ROUTES, RERANK_ROUTES, Server, answerable, error_message, passages, raw

MB = 1_000_000
DEEP = 100_000


def body(path: str, more: str) -> bytes:
    """A request to `path` that is answered, but for `more`, the text of further members."""
    return f"{json.dumps(answerable(path))[:-1]}, {more}}}".encode()


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


# No JSON


@pytest.mark.parametrize("path", ASKING_ROUTES)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"query=dough",
        b'{"query": "\xff\xfe"}',
        b'{"query": "dou\x00gh"}',
        b"\x00\x00\x00",
        b'\xef\xbb\xbf{"query": "dough"}',
        '{"query": "dough"}'.encode("utf-16"),
        b'{"query": "\\ud800"}',
        b'{"query": "a\\udfff\\ud800z"}',
        b'{"query": "\xed\xa0\x80"}',
        b"{'query': 'dough'}",
        b'{"query": "dough", "top_k": NaN}',
        b'{"query": "dough", "top_k": -Infinity}',
        b'{"query": "dough", "other": Infinity}',
        b'{"query": "dough", "top_k": 01}',
        b'{"query": "dough",}',
    ],
    ids=[
        *("empty", "cut", "form", "not utf-8", "raw nul", "nuls", "bom", "utf-16", "surrogate"),
        *("surrogates", "raw surrogate", "apostrophes", "nan", "-infinity", "infinity", "octal", "comma"),
    ],
)
def test_a_body_that_is_not_json_is_malformed(server: Server, path: str, data: bytes) -> None:
    assert "JSON" in error_message(server.send("POST", path, data), 400, path=path)


@pytest.mark.parametrize("path", ASKING_ROUTES)
def test_a_second_value_after_the_first_is_malformed(server: Server, path: str) -> None:
    data = json.dumps(answerable(path)).encode()
    assert "JSON" in error_message(server.send("POST", path, data + b" " + data), 400, path=path)


@pytest.mark.parametrize("path", ASKING_ROUTES)
@pytest.mark.parametrize("data", [b"[]", b"null", b"true", b'"dough"', b'[{"query": "dough"}]'])
def test_json_that_is_no_object_is_invalid(server: Server, path: str, data: bytes) -> None:
    assert "object" in error_message(server.send("POST", path, data), 422, path=path)


@pytest.mark.parametrize("path", ASKING_ROUTES)
@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"],
)
def test_a_body_that_does_not_call_itself_json_is_refused(
    server: Server, path: str, content_type: str | None
) -> None:
    got = server.send("POST", path, json.dumps(answerable(path)).encode(), content_type=content_type)
    assert "application/json" in error_message(got, 415, path=path)


@pytest.mark.parametrize("path", ASKING_ROUTES)
def test_a_charset_beside_the_content_type_is_fine(server: Server, path: str) -> None:
    data = json.dumps(answerable(path)).encode()
    assert server.send("POST", path, data, content_type="Application/JSON; charset=utf-8").status in (
        200,
        404,
    )


# Values


@pytest.mark.parametrize("path", RERANK_ROUTES)
@pytest.mark.parametrize(
    ("value", "named"),
    [
        (None, "array"),
        ("rests", "array"),
        ({}, "array"),
        ({"text": "rests"}, "array"),
        ([None], "[0]"),
        ([7], "[0]"),
        (["rests", True], "[1]"),
        ([["rests"]], "[0]"),
        (["", "x" * 100_001], "100000"),
    ],
)
def test_passages_that_cannot_be_scored_are_named(
    server: Server, path: str, value: object, named: str
) -> None:
    message = error_message(server.post(path, {**answerable(path), passages(path): value}), 422, path=path)
    assert passages(path) in message
    assert named in message


@pytest.mark.parametrize("path", RERANK_ROUTES)
@pytest.mark.parametrize(
    ("texts", "status", "named"), [([], 400, "nothing to rerank"), (["rests"] * 1001, 413, "At most 1,000")]
)
def test_none_and_too_many_passages_are_refused_as_clients_know_it(
    server: Server, path: str, texts: list[str], status: int, named: str
) -> None:
    got = server.post(path, {**answerable(path), passages(path): texts})
    assert named in error_message(got, status, path=path)


@pytest.mark.parametrize("path", RERANK_ROUTES[:2])
@pytest.mark.parametrize(
    "value", [{}, {"text": None}, {"text": 7}, {"text": "x" * 100_001}, {"title": "no text"}]
)
def test_document_objects_need_a_text(server: Server, path: str, value: object) -> None:
    message = error_message(
        server.rerank(path, "dough", ["rests", value], documents=["rests", value]), 422, path=path
    )
    assert "text" in message


@pytest.mark.parametrize("path", RERANK_ROUTES)
def test_passages_must_be_there(server: Server, path: str) -> None:
    assert passages(path) in error_message(server.post(path, {"query": "dough"}), 422, path=path)


@pytest.mark.parametrize("path", RERANK_ROUTES[:2])
@pytest.mark.parametrize("name", ["top_n", "max_tokens_per_doc", "max_doc_length"])
@pytest.mark.parametrize("value", [0, -1, 2.5, "3", True, [1], -(10**30)])
def test_counts_are_whole_and_at_least_one(server: Server, path: str, name: str, value: object) -> None:
    if name == ("max_doc_length" if path == "/v2/rerank" else "max_tokens_per_doc"):
        assert server.post(path, {**answerable(path), name: value}).status == 200, "an unknown field"
    else:
        assert name in error_message(server.post(path, {**answerable(path), name: value}), 422, path=path)


@pytest.mark.parametrize("path", ASKING_ROUTES)
@pytest.mark.parametrize(
    "query", [None, 7, True, ["dough"], {"text": "dough"}, "", " \n\u200b\x00", "x" * 4001]
)
def test_a_question_that_cannot_be_asked_is_refused(server: Server, path: str, query: object) -> None:
    message = error_message(server.post(path, {**answerable(path), "query": query}), 422, path=path)
    assert any(word in message for word in ("query", "empty", "4,001"))


@pytest.mark.parametrize("path", ASKING_ROUTES)
@pytest.mark.parametrize(
    "value",
    ["\x00", "\u202e\ufffe", "../../etc/passwd", "'; DROP TABLE chunks; --", "x" * 90_000, "🎉" * 300],
    ids=["nul", "invisible", "path", "sql", "long", "emoji"],
)
@pytest.mark.parametrize(
    "name", ["query", "model", "collection", "document_id", "retriever", "reranker", "truncation_direction"]
)
def test_a_hostile_string_is_at_worst_refused(server: Server, path: str, name: str, value: str) -> None:
    got = server.post(path, {**answerable(path), name: value})
    if got.status != 200:
        message = error_message(got, 404, 422, path=path)
        assert "x" * 400 not in message, "not repeated at length"
    assert "passwd:" not in str(got.body)


@pytest.mark.parametrize("path", ASKING_ROUTES)
@pytest.mark.parametrize("name", ["top_k", "top_n", "unknown"])
def test_a_number_of_thousands_of_digits_is_no_accident(server: Server, path: str, name: str) -> None:
    got = server.send("POST", path, body(path, f'"{name}": {"9" * 5001}'))
    assert got.status in (200, 400, 404, 422)
    assert "9" * 100 not in str(got.body)


@pytest.mark.parametrize("path", ASKING_ROUTES)
def test_of_a_key_given_twice_the_last_counts(server: Server, path: str) -> None:
    got = server.send("POST", path, body(path, '"query": ""'))
    assert "query" in error_message(got, 422, path=path)


# Depth


@pytest.mark.parametrize("path", ASKING_ROUTES)
@pytest.mark.parametrize("name", ["query", "documents", "texts", "top_k", "unknown"])
def test_a_value_nested_without_end_is_refused(server: Server, path: str, name: str) -> None:
    for value in (nested(DEEP), "[" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, '{"text":' * DEEP):
        error_message(server.send("POST", path, body(path, f'"{name}": {value}')), 400, 422, path=path)


@pytest.mark.parametrize("path", ASKING_ROUTES)
def test_thirty_two_levels_are_enough(server: Server, path: str) -> None:
    # The object of the body is a level of its own.
    assert server.send("POST", path, body(path, f'"unknown": {nested(31)}')).status in (200, 404)
    for depth in (32, 100, DEEP):
        got = server.send("POST", path, body(path, f'"unknown": {nested(depth)}'))
        assert "32" in error_message(got, 422, path=path)


@pytest.mark.parametrize("path", ASKING_ROUTES)
def test_brackets_inside_strings_are_no_levels(server: Server, path: str) -> None:
    text = json.dumps("[" * 1000 + '"{[' + "\\")
    assert server.send("POST", path, body(path, f'"unknown": {text}')).status in (200, 404)


# Size


@pytest.mark.parametrize("path", ASKING_ROUTES)
def test_a_body_over_the_limit_is_refused(server: Server, path: str) -> None:
    got = server.send("POST", path, b" " * (10 * MB + 1))
    assert "10,000,000" in error_message(got, 413, path=path)


@pytest.mark.parametrize("path", ASKING_ROUTES)
def test_a_body_without_a_length_is_read_to_its_end(server: Server, path: str) -> None:
    data = json.dumps(answerable(path)).encode()
    got, _ = server.stream(path, [data[i : i + 5] for i in range(0, len(data), 5)])
    assert got.status in (200, 404)


def test_an_endless_question_is_cut_off(server: Server) -> None:
    def parts() -> Iterator[bytes]:
        yield b'{"query": "'
        for _ in range(50):
            yield b"x" * MB

    before = server.figures()["process_resident_memory_bytes"]
    got, sent = server.stream("/api/query", parts())
    assert "10,000,000" in error_message(got, 413)
    assert sent < 25 * MB, "what is in the buffers on the way, and no more"
    assert server.figures()["process_resident_memory_bytes"] - before < 40 * MB


@pytest.mark.parametrize("path", RERANK_ROUTES)
def test_a_million_passages_are_refused(server: Server, path: str) -> None:
    data = b'{"query": "q", "%s": [%s]}' % (passages(path).encode(), b",".join([b'""'] * 1_000_000))
    message = error_message(server.send("POST", path, data), 413, path=path)
    assert "At most 1,000" in message


@pytest.mark.parametrize("length", ["-1", "abc", "5, 6", "1" * 30])
def test_a_length_that_is_none_is_no_accident(server: Server, length: str) -> None:
    assert raw(server, f"POST /api/query HTTP/1.1\r\nContent-Length: {length}\r\n").startswith(
        b"HTTP/1.1 400"
    )


def test_a_body_with_two_ideas_of_its_length_asks_only_once(server: Server) -> None:
    smuggled = "5\r\nhello\r\n0\r\n\r\nGET /info HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = "POST /api/query HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
    assert b"model_id" not in raw(server, head, smuggled)


def test_nothing_of_all_this_was_an_accident(server: Server, server_log: Path) -> None:
    assert server.send("GET", "/healthz").status == 200
    assert "Traceback" not in server_log.read_text(errors="replace")
