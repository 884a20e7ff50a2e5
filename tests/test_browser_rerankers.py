"""The Rerankers and Measure pages in a real browser: by keyboard alone, on every width, in both themes."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from files import text_file
from recorded import TEXTS
from servers import environment, serving
from test_browser import CONTRASTS, Traffic, settle

from rag.config import Settings
from rag.evidence import Judgment, Question, Vote
from rag.service import build
from rag.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
expect = sync_api.expect

SHELF = "default"  # which a new visitor sees
QUERIES = ("Where is the water?", "What is heated for an hour?", "pressure of the tower", "Who strikes?")
HIDDEN = ("logit", "cosine", "sigmoid", "MiniLM", "bge-small", " ms")
SLOW_MS = 90_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of three texts with questions that were asked, two of them judged."""
    home = tmp_path_factory.mktemp("versus")
    with closing(build(Settings(home=home / "library"))) as service:
        library = service.library
        library.ingest([text_file(*item) for item in TEXTS.items()], collection=SHELF)
        library.store.questions.add(SHELF, [Question(query) for query in QUERIES])
        for query in QUERIES:
            library.store.runs.add(service.pipeline.search(query, collection=SHELF, retrieve_k=30))
        for query, document in zip(QUERIES[:2], library.documents(SHELF), strict=False):
            library.judge(Judgment(query, document.id, 0, 40, 3, "Ada"), collection=SHELF)
    return home


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with serving(environment(folder), folder / "server.log") as address:
        yield address


@pytest.fixture
def visitor(browser: "Browser", url: str) -> "Iterator[Page]":
    with browser.new_context(viewport={"width": 1440, "height": 1400}) as context:
        page = context.new_page()
        page.set_default_timeout(SLOW_MS)
        yield page


def open_page(page: "Page", url: str, name: str) -> None:
    page.goto(f"{url}/{name.lower()}")
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=SLOW_MS)
    settle(page)


def choose_view(page: "Page", name: str) -> None:
    page.get_by_role("radio", name=name).or_(page.get_by_role("button", name=name, exact=True)).first.click()
    settle(page)


def votes(folder: Path) -> tuple[Vote, ...]:
    with closing(Store(folder / "library" / "library.db")) as store:
        return store.votes.of(SHELF)


def cards(page: "Page") -> str:
    """The columns of the page, with every attribute."""
    return " ".join(page.locator(".rl-columns").evaluate_all("found => found.map(each => each.outerHTML)"))


def test_a_vote_is_given_by_key_and_only_then_are_names_told(visitor: "Page", url: str, folder: Path) -> None:
    traffic = Traffic()
    traffic.watch(visitor)
    open_page(visitor, url, "Rerankers")
    choose_view(visitor, "Blind vote")
    # A key is for a button that is there.
    expect(visitor.get_by_role("button", name="Begin")).to_be_visible(timeout=SLOW_MS)
    settle(visitor)
    visitor.keyboard.press("n")
    expect(visitor.get_by_role("button", name="Both bad")).to_be_visible(timeout=SLOW_MS)
    settle(visitor)
    assert not [told for told in HIDDEN if told in cards(visitor)]
    before = len(votes(folder))
    visitor.keyboard.press("g")
    expect(visitor.get_by_text("Your vote: Both good")).to_be_visible(timeout=SLOW_MS)
    assert [vote.choice for vote in votes(folder)[before:]] == ["both_good"]
    assert "logit" in cards(visitor)
    assert traffic.strangers(url) == []


def test_pointing_at_a_passage_lights_it_up_in_all_columns(visitor: "Page", url: str) -> None:
    open_page(visitor, url, "Rerankers")
    visitor.get_by_label("Question", exact=True).fill(QUERIES[0])
    visitor.get_by_role("button", name="Compare", exact=True).click()
    expect(visitor.locator(".rl-three .rl-card")).to_have_count(9, timeout=SLOW_MS)
    settle(visitor)
    visitor.locator(".rl-card").first.focus()
    lit = visitor.locator(".rl-card").evaluate_all(
        """found => found.filter(each => getComputedStyle(each).getPropertyValue("--rl-on").trim() === "1")
             .map(each => each.dataset.chunk)"""
    )
    assert len(lit) == 3
    assert len(set(lit)) == 1


def test_a_question_is_opened_from_the_table_on_the_compare_page(visitor: "Page", url: str) -> None:
    open_page(visitor, url, "Measure")
    expect(visitor.get_by_text("2 judged questions")).to_be_visible(timeout=SLOW_MS)
    table = visitor.get_by_test_id("stDataFrame").first
    table.click(position={"x": 20, "y": 50})
    opens = visitor.get_by_role("button", name="Open on the Compare page").first
    expect(opens).to_be_enabled(timeout=SLOW_MS)
    opens.click()
    expect(visitor.get_by_label("Question", exact=True)).to_have_value(QUERIES[0], timeout=SLOW_MS)


def test_a_file_is_made_by_the_click_that_downloads_it(visitor: "Page", url: str) -> None:
    open_page(visitor, url, "Measure")
    visitor.get_by_text("Download", exact=True).click()
    with visitor.expect_download(timeout=SLOW_MS) as waiting:
        visitor.get_by_role("button", name="Judgments (TREC qrels)").click()
    path = waiting.value.path()
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize("width", [420, 1440])
@pytest.mark.parametrize("name", ["Rerankers", "Measure"])
def test_nothing_is_cut_off_at_the_side(visitor: "Page", url: str, name: str, width: int) -> None:
    visitor.set_viewport_size({"width": width, "height": 1200})
    open_page(visitor, url, name)
    main = visitor.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth - main.clientWidth") <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_are_legible_in_both_themes(visitor: "Page", url: str, scheme: Any) -> None:
    visitor.emulate_media(color_scheme=scheme)
    open_page(visitor, url, "Measure")
    shown = visitor.locator(".rl-summary, .rl p, .rl-table td, .rl-table th, .rl-table caption")
    expect(shown.first).to_be_visible(timeout=SLOW_MS)
    contrasts = shown.evaluate_all(CONTRASTS)
    assert len(contrasts) > 20
    assert [found for found in contrasts if found[0] < 4.5] == []
