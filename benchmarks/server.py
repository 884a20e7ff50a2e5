"""Start, ask and stop a server, on a free port of this machine, as a user would."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from benchmarks.common import RETRIEVE_K, ROOT, MeasureError
from rag.samples import SAMPLE_COLLECTION

_POLL_S = 0.01
_PATIENCE_S = 120.0
# Requests never pass through a proxy: http.client knows of none.
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, ready `ready_s` seconds after its process was started."""

    pid: int
    port: int
    ready_s: float

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{_HOST}:{self.port}"

    def ask(self, query: str, *, retrieve_k: int = RETRIEVE_K) -> tuple[dict[str, Any], float]:
        """Return the answer of /api/query on the sample collection, and the seconds until it was here."""
        fields = {
            "query": query,
            "collection": SAMPLE_COLLECTION,
            "retrieve_k": retrieve_k,
            "top_k": retrieve_k,
        }
        connection = http.client.HTTPConnection(_HOST, self.port, timeout=_PATIENCE_S)
        began = time.perf_counter()
        connection.request("POST", "/api/query", json.dumps(fields), {"Content-Type": "application/json"})
        response = connection.getresponse()
        body = response.read()
        seconds = time.perf_counter() - began
        connection.close()
        if response.status != 200:
            raise MeasureError(f"/api/query answered {response.status}: {body[:500]!r}")
        return json.loads(body), seconds

    def memory_mb(self, field: str = "VmRSS") -> float:
        """Return the process's resident memory in MB (10^6 bytes), or with `VmHWM` its peak."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise MeasureError(f"/proc/{self.pid}/status has no field {field}; this measure needs Linux.")


@contextmanager
def reranklens(home: Path, **settings: str) -> Iterator[Server]:
    """Run the product on `home` until the body is done; `settings` are further RAG_ variables."""
    env = {"RAG_HOME": str(home), **{f"RAG_{name.upper()}": value for name, value in settings.items()}}
    with serving(ROOT / "streamlit_app.py", ready="/healthz", env=env) as server:
        yield server


@contextmanager
def serving(script: Path, *, ready: str, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run `streamlit run script` in the script's folder, from the moment that `ready` answers 200."""
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", script.name, "--server.port", str(port)]
    with TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=script.parent, env=_environment(env or {}), stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_ready(process, port, ready, log)
            yield Server(process.pid, port, time.perf_counter() - began)
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:  # an open page keeps Streamlit waiting
                process.kill()
                process.wait()


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment, without settings that would change what is measured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAG_", "STREAMLIT_"))}
    return {**kept, **extra}


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, path: str, log: IO[bytes]) -> None:
    deadline = time.perf_counter() + _PATIENCE_S
    while not _answers(port, path):
        if process.poll() is not None or time.perf_counter() > deadline:
            log.seek(0)
            said = log.read()[-2000:].decode(errors="replace")
            raise MeasureError(
                f"The server did not answer {path} within {_PATIENCE_S:.0f} s. It said:\n{said}"
            )
        time.sleep(_POLL_S)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(_HOST, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:  # nobody listens yet
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port
