"""A client of the real server that looks twice at every answer: no accident, and no page in place of data."""

import http.client
import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from prometheus_client.parser import text_string_to_metric_families

JSON = "application/json"
TIMEOUT_S = 60
RERANK_ROUTES = ("/v2/rerank", "/v1/rerank", "/rerank")
ASKING_ROUTES = ("/api/query", *RERANK_ROUTES)
File = tuple[str, bytes]


@dataclass(frozen=True)
class Answer:
    """An answer; `body` is what its JSON says, or its bytes where it is none."""

    status: int
    headers: http.client.HTTPMessage
    body: Any


@dataclass(frozen=True)
class Server:
    """A client of the server at `netloc`, with or without a key."""

    netloc: str
    key: str | None = None

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        content_type: str | None = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection(self.netloc, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, self.headers(headers, body is not None and content_type))
            return checked(connection.getresponse())
        finally:
            connection.close()

    def headers(self, more: Mapping[str, str] | None, content_type: str | bool | None) -> dict[str, str]:
        """What every request says: the key, the type of its body, and `more`."""
        sent = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        if content_type:
            sent["Content-Type"] = str(content_type)
        return sent | dict(more or {})

    def post(self, path: str, fields: object) -> Answer:
        return self.send("POST", path, json.dumps(fields).encode())

    def query(self, **fields: object) -> Answer:
        return self.post("/api/query", fields)

    def rerank(self, path: str, query: str, texts: Sequence[object], **fields: object) -> Answer:
        """Rerank as the dialect of `path` wants it."""
        name = "texts" if path == "/rerank" else "documents"
        return self.post(path, {"query": query, name: texts, **fields})

    def upload(self, *files: File, path: str = "/api/documents", **fields: str) -> Answer:
        body, content_type = multipart(files, fields)
        return self.send("POST", path, body, content_type=content_type)

    def stream(self, path: str, parts: Iterable[bytes], *, content_type: str = JSON) -> tuple[Answer, int]:
        """Post `parts` as chunks until the server answers; return the answer, and the bytes sent by then."""
        host, _, port = self.netloc.partition(":")
        with socket.create_connection((host, int(port)), TIMEOUT_S) as line:
            head = self.headers({"Host": self.netloc, "Transfer-Encoding": "chunked"}, content_type)
            line.sendall(f"POST {path} HTTP/1.1\r\n".encode())
            line.sendall("".join(f"{name}: {value}\r\n" for name, value in head.items()).encode() + b"\r\n")
            sent = _send_until_answered(line, parts)
            response = http.client.HTTPResponse(line, method="POST")
            response.begin()
            return checked(response), sent

    def figures(self) -> dict[str, float]:
        """Return every sample of `/metrics`, named as in `name{label="value"}`, labels in order of name."""
        got = self.send("GET", "/metrics")
        assert got.status == 200, got.body
        families = text_string_to_metric_families(got.body.decode())
        return {
            _sample_name(sample.name, sample.labels): sample.value
            for family in families
            for sample in family.samples
        }


def checked(response: http.client.HTTPResponse) -> Answer:
    """Return an answer that is none of those that nobody may ever get."""
    data = response.read()
    headers = response.headers
    kind = headers.get_content_type()
    assert response.status < 500 or response.status == 503, data[:500]
    assert b"Traceback" not in data, data[:2000]
    assert b"<html" not in data[:1000].lower(), data[:200]
    assert headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert kind in (JSON, "text/plain", "image/png"), kind
    return Answer(response.status, headers, json.loads(data) if kind == JSON and data else data)


def error_message(got: Answer, *statuses: int, path: str = "/api") -> str:
    """Assert that `got` is an error as the dialect of `path` spells it; return its message."""
    assert got.status in statuses, (got.status, str(got.body)[:500])
    assert isinstance(got.body, dict), "not JSON"
    if path == "/v2/rerank":
        assert got.body.keys() == {"message"}
        message = got.body["message"]
    elif path == "/rerank":
        assert got.body.keys() == {"error", "error_type", "message"}
        assert got.body["error"] == got.body["message"]
        message = got.body["error"]
    else:
        assert got.body.keys() == {"error"}
        assert got.body["error"].keys() == {"type", "message"}
        assert got.body["error"]["type"]
        message = got.body["error"]["message"]
    assert 0 < len(message) < 1000
    return str(message)


def answerable(path: str) -> dict[str, Any]:
    """The fields of a request to `path` that is answered."""
    passages = {"/api/query": {"retrieve_k": 1}, "/rerank": {"texts": ["rests"]}}
    return {"query": "dough", **passages.get(path, {"documents": ["rests"]})}


def passages(path: str) -> str:
    """The field of `path` that holds the passages."""
    return "texts" if path == "/rerank" else "documents"


def multipart(files: Iterable[File], fields: Mapping[str, str] | None = None) -> tuple[bytes, str]:
    """Return a form's body and its content type."""
    boundary = uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in (fields or {}).items()
    ]
    for name, content in files:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        parts += [head.encode(), content, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def raw(server: Server, head: str, data: str = "", *, until: bytes | None = None) -> bytes:
    """Return what the server sends back until it closes the line, or until `until`."""
    host, _, port = server.netloc.partition(":")
    head += f"Host: {server.netloc}\r\nContent-Type: application/json\r\n"
    head += "" if until else "Connection: close\r\n"
    received = b""
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(f"{head}\r\n{data}".encode())
        while not (until and until in received) and (part := line.recv(65536)):
            received += part
    return received


def _send_until_answered(line: socket.socket, parts: Iterable[bytes]) -> int:
    sent = 0
    try:
        for part in parts:
            line.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            sent += len(part)
            line.setblocking(False)
            try:
                if line.recv(1, socket.MSG_PEEK):
                    return sent
            except BlockingIOError:
                pass
            finally:
                line.settimeout(TIMEOUT_S)
        line.sendall(b"0\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        pass  # the server has answered, and listens no longer
    return sent


def _sample_name(name: str, labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name
