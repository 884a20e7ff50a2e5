"""What several test modules share: sample data, the real models, and the real server in a real browser."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from machine import Machine

from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER, Settings
from rag.embed import Embedder
from rag.embedders import Embedders
from rag.library import Library
from rag.rerank import Reranker
from rag.service import Service, build, load_model, open_library

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
CHROMIUM = Path(os.environ.get("CHROMIUM") or "/usr/bin/chromium")
CHROMIUM_ARGS = [
    "--no-sandbox",  # containers run as root and without user namespaces
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 10


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The sample collections and files that lie beside a developer's checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared sample data are not beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """The default embedder."""
    return Embedder(load_model(DEFAULT_EMBEDDER, "embed", threads=2))


@pytest.fixture(scope="session")
def reranker() -> Reranker:
    """The default reranker, without a cache: every score is made anew."""
    return Reranker(load_model(DEFAULT_RERANKER, "rerank", threads=2))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A whole service, warm, whose library is shared: each test adds a collection of its own."""
    made = build(Settings(home=tmp_path_factory.mktemp("service"), threads=2))
    made.warm_up()
    yield made
    made.close()


@pytest.fixture(scope="session")
def embedders(embedder: Embedder) -> Embedders:
    """A machine on which the default embedder is the only one."""
    return Machine(embedder).embedders()


@pytest.fixture
def library(embedders: Embedders, tmp_path: Path) -> Iterator[Library]:
    """An empty library in `tmp_path`."""
    opened = open_library(Settings(home=tmp_path, max_upload_mb=1), embedders)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def server_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of the real server: a library and a model cache of its own, both empty at first."""
    home = tmp_path_factory.mktemp("server")
    # The settings of whoever runs the tests must not reach the server under test.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAG_", "STREAMLIT_"))}
    own = {"RAG_HOME": str(home / "library"), "RAG_MODEL_CACHE": str(home / "models")}
    return kept | own | {"PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="session")
def base_url(server_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the real server, ready."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("log") / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(port)]
    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=ROOT, env=server_env, stdout=out, stderr=subprocess.STDOUT) as server,
    ):
        try:
            _wait_until_ready(server, url, log)
            yield url
        finally:
            _stop(server)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """The system's Chromium, without a window."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: install it, or set CHROMIUM to its path")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: "Browser", base_url: str) -> "Iterator[Page]":
    """The first page, opened by a visitor who was never here before."""
    # Streamlit scrolls inside the page, so only a tall window shows everything in a screenshot.
    with browser.new_context(viewport={"width": 1440, "height": 1400}) as context:
        visit = context.new_page()
        visit.set_default_timeout(15_000)
        visit.goto(base_url)
        yield visit


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
