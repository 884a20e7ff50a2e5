"""The Costs page in a real browser: measured, reckoned and downloaded, on every width, in both themes."""

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
from rag.service import build

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
expect = sync_api.expect

SHELF = "default"  # which a new visitor sees
QUERIES = ("Where is the water?", "What is heated for an hour?")
SLOW_MS = 90_000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server whose library has two recorded answers."""
    folder = tmp_path_factory.mktemp("costs")
    with closing(build(Settings(home=folder / "library"))) as service:
        service.library.ingest([text_file(*item) for item in TEXTS.items()], collection=SHELF)
        for query in QUERIES:
            service.library.store.runs.add(
                service.pipeline.search(query, collection=SHELF, retrieve_k=30, fresh=True)
            )
    with serving(environment(folder), folder / "server.log") as address:
        yield address


@pytest.fixture
def visitor(browser: "Browser", url: str) -> "Iterator[Page]":
    with browser.new_context(viewport={"width": 1440, "height": 2000}) as context:
        page = context.new_page()
        page.set_default_timeout(SLOW_MS)
        page.goto(f"{url}/costs")
        expect(page.get_by_role("heading", name="Costs", exact=True)).to_be_visible(timeout=SLOW_MS)
        settle(page)
        yield page


def test_a_price_that_is_typed_is_reckoned_with_and_kept_on_other_pages(visitor: "Page") -> None:
    price = visitor.get_by_role("spinbutton", name="Price an hour ($)")
    expect(price).to_have_value("0.80")
    price.fill("8")
    price.press("Enter")
    expect(visitor.get_by_text("1,500 questions a month cost $10.00 here and $359.33")).to_be_visible()
    visitor.get_by_text("One price a month", exact=True).click()
    expect(visitor.get_by_text("with the remote GPU: $40.00 less")).to_be_visible()
    visitor.get_by_role("link", name="Runs", exact=True).click()
    expect(visitor.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    visitor.get_by_role("link", name="Costs", exact=True).click()
    visitor.get_by_text("By the second, stopped when idle", exact=True).click()
    expect(price).to_have_value("8.00")


def test_measuring_asks_this_server_alone(visitor: "Page", url: str) -> None:
    traffic = Traffic()
    traffic.watch(visitor)
    visitor.get_by_role("button", name="Measure with 2 questions").click()
    expect(visitor.get_by_text("Measured by you", exact=False)).to_be_visible()
    settle(visitor)
    assert traffic.strangers(url) == []


def test_the_table_is_downloaded_with_its_sources(visitor: "Page") -> None:
    with visitor.expect_download(timeout=SLOW_MS) as waiting:
        visitor.get_by_role("button", name="Download as a table (CSV)").click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert text.startswith("kind,what,value,unit or other value,source\n")
    assert "7 May 2026" in text


@pytest.mark.parametrize("width", [420, 1440, 1920])
def test_nothing_is_cut_off_at_the_side(visitor: "Page", width: int) -> None:
    visitor.set_viewport_size({"width": width, "height": 1200})
    settle(visitor)
    main = visitor.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth - main.clientWidth") <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_are_legible_in_both_themes(visitor: "Page", scheme: Any) -> None:
    visitor.emulate_media(color_scheme=scheme)
    visitor.reload()
    shown = visitor.locator(".rl-summary, .rl li, .rl-table td, .rl-table th, .rl-table caption")
    expect(shown.first).to_be_visible(timeout=SLOW_MS)
    settle(visitor)
    contrasts = shown.evaluate_all(CONTRASTS)
    assert len(contrasts) > 60
    assert [found for found in contrasts if found[0] < 4.5] == []
