"""The page in a real browser while questions are slow: who waits, who is turned away, what is given up."""

import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from servers import environment, serving

from rag.config import Settings
from rag.library.embedders import Embedders
from rag.samples import SAMPLE_COLLECTION, sample_files
from rag.service import open_library

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
expect = sync_api.expect

PATIENCE_MS = 60_000  # for a question that scores every chunk with one thread, on a machine with other work
SCORED = 'reranklens_stage_seconds_count{stage="score"}'
IN_PROGRESS = 'reranklens_in_progress{reranker="local"}'
QUEUED = 'reranklens_queue_length{reranker="local"}'


@pytest.fixture(scope="module")
def busy_url(embedders: Embedders, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that reads one question at a time, slowly, and lets one more wait."""
    folder = tmp_path_factory.mktemp("busy")
    library = open_library(Settings(home=folder / "library"), embedders)
    library.ingest(sample_files()[:12], collection=SAMPLE_COLLECTION)
    library.close()
    with serving(environment(folder, RAG_THREADS="1", RAG_QUEUE="1"), folder / "server.log") as url:
        yield url


@pytest.fixture
def visit(browser: "Browser", busy_url: str) -> "Iterator[Callable[[], Page]]":
    """What opens the page of another visitor, who is about to have everything read; all leave afterwards."""
    contexts = []

    def another() -> "Page":
        contexts.append(browser.new_context())
        page = contexts[-1].new_page()
        page.goto(busy_url)
        page.get_by_role("spinbutton", name="Candidates (retrieve k)").fill("1000")
        return page

    yield another
    for context in contexts:
        context.close()
    wait_for(busy_url, IN_PROGRESS, 0)


def ask(page: "Page", question: str) -> None:
    """Send a question without waiting for its answer."""
    page.get_by_role("textbox", name="Question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()


def reranked(page: "Page") -> "Locator":
    return page.get_by_role("region", name=re.compile("Reranked"))


def metric(url: str, name: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as response:
        found = re.search(rf"^{re.escape(name)} (\S+)$", response.read().decode(), re.MULTILINE)
    return float(found[1]) if found else 0


def wait_for(url: str, name: str, value: float) -> None:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while metric(url, name) != value:
        assert time.monotonic() < deadline, f"{name} never came to be {value}"
        time.sleep(0.05)


def test_six_rapid_clicks_are_no_six_computations_and_the_last_question_is_answered(
    visit: "Callable[[], Page]", busy_url: str
) -> None:
    page = visit()
    before = metric(busy_url, SCORED)
    for word in ("bicycle", "garden", "clock", "rent", "lizard", "espresso"):
        ask(page, f"Where is the {word}?")
    expect(page.get_by_text(re.compile(r"has read \d+ of \d+ candidates"))).to_be_visible()
    expect(reranked(page)).to_be_visible(timeout=PATIENCE_MS)
    assert {text.lower() for text in page.locator("mark").all_inner_texts()} == {"espresso"}
    assert metric(busy_url, SCORED) - before <= 2


def test_one_waits_behind_the_first_and_the_third_is_turned_away(
    visit: "Callable[[], Page]", busy_url: str
) -> None:
    first, second, third = visit(), visit(), visit()
    ask(first, "Who is served first?")
    wait_for(busy_url, IN_PROGRESS, 1)
    ask(second, "Who is served second?")
    expect(second.get_by_text("1 question is before this one.")).to_be_visible()
    ask(third, "Who is turned away?")
    expect(
        third.get_by_text(re.compile(r"The server is busy: 1 question waits\. .* in about \d+ s\."))
    ).to_be_visible()
    assert third.get_by_text("That did not work").count() == 0


def test_who_leaves_gives_up_place_and_turn(visit: "Callable[[], Page]", busy_url: str) -> None:
    first, second = visit(), visit()
    before = metric(busy_url, SCORED)
    ask(first, "Who leaves while being served?")
    wait_for(busy_url, IN_PROGRESS, 1)
    ask(second, "Who leaves while waiting?")
    wait_for(busy_url, QUEUED, 1)
    second.close()
    wait_for(busy_url, QUEUED, 0)
    first.close()
    wait_for(busy_url, IN_PROGRESS, 0)
    assert metric(busy_url, SCORED) == before
