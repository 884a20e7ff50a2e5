"""What several test modules share: sample data, the real models, and the real server in a real browser."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from api_client import Server
from machine import Machine
from servers import ROOT, environment, serving

from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER, Settings
from rag.embed import Embedder
from rag.library import Library
from rag.library.embedders import Embedders
from rag.rerank import Reranker
from rag.service import Service, build, load_model, open_library

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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
    return environment(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="session")
def server_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the real server's output goes."""
    return tmp_path_factory.mktemp("log") / "server.log"


@pytest.fixture(scope="session")
def base_url(server_env: dict[str, str], server_log: Path) -> Iterator[str]:
    """The address of the real server, ready."""
    with serving(server_env, server_log) as url:
        yield url


@pytest.fixture(scope="session")
def server(base_url: str) -> Server:
    """A client of the real server."""
    return Server(base_url.removeprefix("http://"))


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """The system's Chromium, without a window."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: install it, or set CHROMIUM to its path")
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect.set_options(timeout=30_000)  # as for everything else; usual are 5 s
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
        visit.goto(base_url)
        yield visit
