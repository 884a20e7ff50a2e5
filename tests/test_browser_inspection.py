"""An answer looked into in a real browser: its sections, what takes long, recorded runs, and addresses."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from api_client import Server
from test_browser import CONTRASTS, Traffic

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
expect = sync_api.expect

SHELF = "Inspected shelf"
QUESTION = "How long does the dough rest before it is baked?"
BREAD = (
    "The dough rests for ninety minutes under a damp cloth. Flour and water are weighed the evening before. "
)
CLOCK = "The clock of the museum strikes every quarter of an hour, and the guard winds it up on Sundays. "
RECORDED = "Recorded in the library's file"


@pytest.fixture(scope="module")
def shelf(server: Server) -> str:
    """A collection of twenty texts that take a while to read, one of them with the answer."""
    texts = [BREAD + CLOCK * 6, *(f"{n}. {CLOCK * 9}" for n in range(19))]
    files = [(f"text {n}.txt", text.encode()) for n, text in enumerate(texts)]
    assert server.upload(*files, collection=SHELF).status == 200
    return SHELF


@pytest.fixture
def traffic(page: "Page") -> Traffic:
    """What the page asks for, and complains of."""
    seen = Traffic()
    seen.watch(page)
    return seen


@pytest.fixture
def answered(page: "Page", traffic: Traffic, base_url: str, shelf: str) -> "Iterator[Page]":
    """The page with an answer on it, asked by its address; nothing leaves it, nothing in it fails."""
    page.goto(f"{base_url}/?collection={shelf}&q={QUESTION}&k=20&top=2")
    expect(page.get_by_text(RECORDED)).to_be_visible()
    settle(page)
    yield page
    assert traffic.strangers(base_url) == []
    # A page that is opened by its address looks for a file of that name first.
    assert [said for said in traffic.complaints if "404 (Not Found)" not in said] == []


def settle(page: "Page") -> None:
    """Wait until the page has been drawn to its end."""
    page.wait_for_timeout(100)  # a rerun that was asked for needs a moment to begin
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def section(page: "Page", name: str) -> "Locator":
    """Open a section below the answer; return it."""
    found = page.get_by_test_id("stExpander").filter(
        has=page.locator("summary").get_by_text(name, exact=True)
    )
    found.locator("summary").first.click()
    page.wait_for_timeout(500)  # what opens does so smoothly
    settle(page)
    return found


def explain(page: "Page") -> "Locator":
    """Have the first card explained; return what is drawn."""
    why = section(page, "Why")
    expect(why.get_by_text("What the score loses is what that part was worth.")).to_be_visible()
    settle(page)
    box = why.get_by_role("combobox", name="Card")
    box.scroll_into_view_if_needed()
    page.wait_for_timeout(300)  # the list closes while the page is scrolled
    box.fill("dough")
    page.get_by_role("option").click()
    drawn = page.locator(".rl-why")
    expect(drawn).to_be_visible()
    settle(page)
    return drawn


def test_what_takes_long_shows_its_progress_and_can_be_cancelled(answered: "Page") -> None:
    time = section(answered, "Time")
    time.get_by_role("button", name="Repeat 20").click()
    expect(time.get_by_text("Repetitions: ")).to_be_visible()
    time.get_by_role("button", name="Cancel").click()
    expect(time.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(time.get_by_text("20 repetitions")).to_have_count(0)


def test_a_repetition_gives_percentiles_of_every_stage(answered: "Page") -> None:
    time = section(answered, "Time")
    time.get_by_role("button", name="Repeat 20").click()
    table = time.get_by_role("table").filter(has_text="20 repetitions")
    expect(table).to_be_visible(timeout=120_000)
    assert {"score", "total"} <= set(table.locator("tbody td:first-child").all_inner_texts())


def test_depth_is_drawn_and_says_what_a_smaller_k_misses(answered: "Page") -> None:
    depth = section(answered, "Depth")
    card = answered.locator("article.rl-card").first
    card.focus()
    card.press("3")
    # A grade draws the cards again by themselves; an open section follows.
    expect(depth.get_by_text("The smallest k that keeps all of them is")).to_be_visible()
    expect(depth.get_by_role("img", name="nDCG@10")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_a_score_rests_on_can_be_read_in_both_themes(answered: "Page", scheme: str) -> None:
    answered.emulate_media(color_scheme=scheme)
    why = explain(answered)
    assert why.locator(".rl-for, .rl-against").count() > 5
    for contrast, element in why.locator("span, sup, em, b").evaluate_all(CONTRASTS):
        assert contrast >= 4.5, element


def test_a_recorded_run_is_opened_again_by_its_address(answered: "Page") -> None:
    answered.get_by_role("link", name="Open the record").click()
    expect(answered.get_by_text("that of then", exact=False)).to_be_visible()
    assert "run" in parse_qs(urlsplit(answered.url).query)
    answered.reload()
    expect(answered.get_by_text(QUESTION).first).to_be_visible()
    answered.get_by_role("button", name="Compare with today").click()
    expect(answered.get_by_text("The reranker is the same.")).to_be_visible()


def test_the_question_comes_into_the_address_only_when_it_is_wanted(
    page: "Page", browser: "Browser", base_url: str, shelf: str
) -> None:
    page.goto(f"{base_url}/?collection={shelf}&q=Who%20winds%20it%20up%3F&k=3")
    expect(page.get_by_text(RECORDED)).to_be_visible()
    settle(page)
    box = page.get_by_label("Question", exact=True)
    box.fill(QUESTION)
    box.press("Enter")
    expect(page).to_have_url(re.compile(r"^(?!.*[?&]q=)"))
    page.get_by_text("Put this question into the address").click()
    expect(page).to_have_url(re.compile(r"[?&]q=How\+long"))
    with browser.new_context() as context:
        other = context.new_page()
        other.goto(page.url)
        expect(other.get_by_label("Question", exact=True)).to_have_value(QUESTION)
        expect(other.get_by_text(RECORDED)).to_be_visible()
