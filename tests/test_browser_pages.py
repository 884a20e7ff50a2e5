"""What a card holds besides its text, in a real browser: its page as an image, and who says the same."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from files import text_file
from servers import ROOT, environment, serving

from rag.config import Settings
from rag.ingest import SourceFile
from rag.library.embedders import Embedders
from rag.service import open_library

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
expect = sync_api.expect

PDF = ROOT / "data" / "samples" / "espresso-machine-manual.pdf"
SENTENCE = "The espresso machine is descaled every three months, or after two hundred cups of coffee. "


@pytest.fixture(scope="module")
def closed_url(tmp_path_factory: pytest.TempPathFactory, embedders: Embedders) -> Iterator[str]:
    """The address of a server that wants a key; it holds a PDF, and one text three times, once changed."""
    folder = tmp_path_factory.mktemp("pages")
    env = environment(folder, RAG_API_KEY="open-sesame-0123456789")
    library = open_library(Settings(home=Path(env["RAG_HOME"])), embedders)
    texts = (SENTENCE * 3, SENTENCE * 3 + "\n", SENTENCE * 2 + SENTENCE.replace("coffee", "tea"))
    files = [text_file(f"note {n}.txt", text) for n, text in enumerate(texts)]
    library.ingest([*files, SourceFile(PDF.name, PDF.stat().st_size, PDF.read_bytes)], collection="default")
    library.close()
    with serving(env, folder / "log") as url:
        yield url


@pytest.fixture(params=[1440, 420])
def answered(request: pytest.FixtureRequest, browser: "Browser", closed_url: str) -> "Iterator[Page]":
    """The page of a wide and of a narrow screen, after a question about the machine."""
    with browser.new_context(viewport={"width": request.param, "height": 1000}) as context:
        page = context.new_page()
        page.goto(closed_url)
        page.get_by_role("textbox", name="Question").fill("How often is the espresso machine descaled?")
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.get_by_role("region", name=re.compile("Reranked"))).to_be_visible()
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        yield page


def test_a_page_is_fetched_when_it_is_opened_and_fits_its_card(answered: "Page") -> None:
    fetched: list[str] = []
    answered.on("request", lambda asked: fetched.append(asked.url) if "/pages/" in asked.url else None)
    card = answered.get_by_role("article").filter(has_text=PDF.name).first
    image = card.locator(".rl-page img")
    expect(image).to_have_attribute("alt", re.compile(rf"Page \d of {PDF.name}, with this passage marked"))
    card.scroll_into_view_if_needed()
    assert fetched == []
    card.get_by_text(re.compile(r"^Page \d$")).click()
    expect(image).to_have_js_property("complete", True)
    expect(image).to_have_js_property("naturalWidth", 900)
    assert len(fetched) == 1
    box, frame = image.bounding_box(), card.bounding_box()
    assert box
    assert frame
    assert frame["x"] < box["x"] < box["x"] + box["width"] < frame["x"] + frame["width"]


def test_who_says_the_same_is_folded_and_can_be_read(answered: "Page") -> None:
    column = answered.get_by_role("region", name=re.compile("Retrieved"))
    card = column.get_by_role("article").filter(has_text="×3")
    expect(card).to_have_count(1)
    expect(card.locator(".rl-twin").first).to_be_hidden()
    card.get_by_text("×3").click()
    expect(card.locator(".rl-twin").first).to_be_visible()
    card.get_by_text(re.compile("words? changed")).first.click()
    expect(card.locator(".rl-twin ins").first).to_have_text(re.compile("tea|coffee"))
    ranks = [int(rank) for rank in column.locator(".rl-rank").all_inner_texts()]
    assert sorted(ranks) == list(range(1, len(ranks) + 1))
