"""The real server, started with an environment of one's own."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 10
# The settings of whoever runs the tests must not reach the server under test.
SETTINGS = ("RAG_", "STREAMLIT_", "MODAL_RERANK_URL", "USE_ONNX_RERANKER", "LLM_")


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a server with its library and its model cache in `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    own = {"RAG_HOME": str(folder / "library"), "RAG_MODEL_CACHE": str(folder / "models")}
    return kept | own | {"PYTHONUNBUFFERED": "1"} | settings


@contextmanager
def serving(env: Mapping[str, str], log: Path) -> Iterator[str]:
    """The address of a server that is ready, until the block ends."""
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(port)]
    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT) as server,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(server, url, log)
            yield url
        finally:
            _stop(server)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _is_ready(url):
        if server.poll() is not None or time.monotonic() > deadline:
            ended = f"ended with {server.returncode}" if server.poll() is not None else "was never ready"
            pytest.fail(f"The server {ended}. Its log:\n{log.read_text(errors='replace')}", pytrace=False)
        time.sleep(0.1)


def _is_ready(url: str) -> bool:
    try:
        # The server answers while its models load, but only when they have loaded.
        with urllib.request.urlopen(f"{url}/healthz", timeout=START_TIMEOUT_S) as answer:
            return isinstance(json.load(answer), dict)
    except (OSError, ValueError):
        return False


def _stop(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
