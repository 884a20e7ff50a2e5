"""Lifespan, routes and pages use one service: one library, and one copy of each model in memory.

Looked at in a process of its own, where no other test has built a service. That the running server
keeps to it too, test_browser.py shows: a route knows the scores that the page computed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

LOOK = """
import asyncio
import gc
import json
import sys

opened = []
sys.addaudithook(lambda event, args: event == "sqlite3.connect" and opened.append(args))

import streamlit as st
from streamlit.testing.v1 import AppTest

import streamlit_app
from rag.api.routes import api_routes
from rag.models.session import OnnxModel
from rag.service import Service
from rag.ui import resources

handed_out = []
answered = asyncio.Queue()


def alive(kind):
    return [id(thing) for thing in gc.get_objects() if isinstance(thing, kind)]


def get_service():
    handed_out.append(id(resources.get_service()))
    return resources.get_service()


def page():
    run = AppTest.from_file(streamlit_app.__file__, default_timeout=60).run()
    assert not run.exception, run.exception
    assert run.file_uploader, "the page was not drawn"


async def serve():
    assert not alive(Service)
    async with resources.lifespan(streamlit_app.app):
        of_the_lifespan = alive(Service)
        healthz = next(route for route in api_routes(get_service) if route.path == "/healthz")
        asked = {"type": "http", "method": "GET", "path": "/healthz", "headers": []}
        await healthz.endpoint(asked, receive=None, send=answered.put)
        assert (await answered.get())["status"] == 200
        await asyncio.to_thread(page)
        st.cache_resource.clear()  # which any visitor's browser can ask for
        await asyncio.to_thread(page)
        handed_out.append(id(resources.get_service()))
        return {
            "of_the_lifespan": of_the_lifespan,
            "of_the_routes": handed_out,
            "services": len(alive(Service)),
            "models": len(alive(OnnxModel)),
            "libraries_opened": len(opened),
        }


print(json.dumps(asyncio.run(serve())))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What was alive after the lifespan began, a route answered and a page was drawn."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RAG_", "STREAMLIT_"))}
    ran = subprocess.run(
        [sys.executable, "-c", LOOK],
        cwd=ROOT,
        env=env | {"RAG_HOME": str(tmp_path_factory.mktemp("one"))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if ran.returncode:
        pytest.fail(ran.stderr, pytrace=False)
    return json.loads(ran.stdout.splitlines()[-1])


def test_the_lifespan_builds_the_service_and_the_routes_get_that_one(seen: Any) -> None:
    assert len(seen["of_the_lifespan"]) == 1
    assert set(seen["of_the_routes"]) == set(seen["of_the_lifespan"]), "after the caches were cleared, too"


def test_a_page_adds_no_service_and_no_model(seen: Any) -> None:
    assert seen["services"] == 1
    assert seen["models"] == 2, "an embedder and a reranker"


def test_the_library_is_opened_once(seen: Any) -> None:
    # Counts what was built and thrown away again, too.
    assert seen["libraries_opened"] == 1
