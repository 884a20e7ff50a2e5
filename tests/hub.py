"""A model hub on this machine: as much of the Hugging Face hub's HTTP interface as a download asks for."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Repository:
    """One model: what each commit holds, which commit each branch is at, and whether terms come first."""

    commits: Mapping[str, Path]
    branches: Mapping[str, str]
    gated: bool = False


@dataclass
class Hub:
    """A running hub: its address, what it holds by id, and every request that it got."""

    url: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)


def commit(name: str) -> str:
    """Return what a commit looks like: 40 hexadecimal digits."""
    return sha1(name.encode()).hexdigest()


@contextmanager
def running() -> Iterator[Hub]:
    """Yield a hub that answers during the body; afterwards nobody listens at its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    hub = server.hub = Hub(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_args: object) -> None:
        """Say nothing: the requests are in `Hub.requests`."""

    def _answer(self) -> None:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        hub.requests.append(f"{self.command} {self.path}")
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        about = parts[:2] == ["api", "models"]
        owner, name, *rest = (parts[2:] if about else parts) + ["", ""]
        repository = hub.repositories.get(f"{owner}/{name}")
        if repository is None:
            return self._refuse(404, "RepoNotFound")
        revision = rest[1] if rest[0] in ("revision", "resolve") else "main"
        at = repository.branches.get(revision, revision)
        if at not in repository.commits:
            return self._refuse(404, "RevisionNotFound")
        folder = repository.commits[at]
        if about:
            return self._describe(f"{owner}/{name}", at, folder)
        if repository.gated:
            return self._refuse(403, "GatedRepo")
        return self._send_file(folder / "/".join(part for part in rest[2:] if part), at)

    def _describe(self, model_id: str, at: str, folder: Path) -> None:
        files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        about = {"id": model_id, "sha": at, "siblings": [{"rfilename": name} for name in files]}
        self._send(200, json.dumps(about).encode(), {"Content-Type": "application/json"})

    def _send_file(self, path: Path, at: str) -> None:
        if not path.is_file():
            return self._refuse(404, "EntryNotFound")
        content = path.read_bytes()
        return self._send(200, content, {"ETag": f'"{sha256(content).hexdigest()}"', "X-Repo-Commit": at})

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": f"the hub says {code}"})

    def _send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
