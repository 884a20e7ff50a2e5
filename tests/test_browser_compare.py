"""The Compare page in a real browser: linked candidates light up, grades are kept, filters hide."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from files import text_file
from servers import environment, serving
from test_browser import Traffic, ask, cards, column, question_box, settle, tab_to

from rag.config import Settings
from rag.library.embedders import Embedders
from rag.service import open_library
from rag.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
expect = sync_api.expect

QUESTION = "Which bell strikes in the tower?"
WEIGHTS = "element => Number(getComputedStyle(element).outlineWidth.replace('px', ''))"
# Clicks the element named, and says how many milliseconds later what is drawn has changed.
REDRAW = """([selector, changed]) => new Promise(done => {
  const began = performance.now();
  new MutationObserver((_, observer) => {
    if (!document.querySelector(changed)) return;
    observer.disconnect();
    requestAnimationFrame(() => done(performance.now() - began));
  }).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
  document.querySelector(selector).click();
})"""
MOST_MS = 300


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, embedders: Embedders) -> Path:
    """A folder with a library of 110 short documents."""
    folder = tmp_path_factory.mktemp("compare")
    library = open_library(Settings(home=folder / "library"), embedders)
    things = ("bell", "clock", "lamp", "stair", "window")
    texts = [f"Number {n}: the {things[n % 5]} of tower {n % 7} strikes {n} times a day." for n in range(110)]
    library.ingest([text_file(f"{n}.txt", text) for n, text in enumerate(texts)], collection="default")
    library.close()
    return folder


@pytest.fixture(scope="module")
def tower_url(home: Path) -> Iterator[str]:
    """The address of a server on that library."""
    with serving(environment(home, RAG_RETRIEVE_K="100"), home / "log") as url:
        yield url


@pytest.fixture
def asked(browser: "Browser", tower_url: str) -> "Iterator[Page]":
    """The page after a question with 100 candidates."""
    with browser.new_context(viewport={"width": 1440, "height": 1000}) as context:
        page = context.new_page()
        page.goto(tower_url)
        ask(page, QUESTION)
        yield page


def lit(page: "Page", key: str) -> "Locator":
    """Cards of the candidate `key` that are outlined."""
    return page.locator(f'article[data-c="{key}"]')


def strongest(page: "Page", key: str) -> list[float]:
    return [float(card.evaluate(WEIGHTS)) for card in lit(page, key).all()]


def press_on(card: "Locator", key: str) -> None:
    card.focus()
    card.page.keyboard.press(key)


def least_ms(page: "Page", steps: list[tuple[str, str]]) -> float:
    """The shortest time from a click to what it changes: whatever else the machine does adds to it."""
    measured = []
    for selector, changed in steps:
        measured.append(float(page.evaluate(REDRAW, [selector, changed])))
        settle(page)
    return min(measured)


def judged(home: Path) -> dict[tuple[str, int], int | None]:
    """What is on the disk: the grade of each document's span, by question and start."""
    store = Store(home / "library" / "library.db")
    try:
        return {(one.document_id, one.start): one.grade for one in store.judgments.of("default", QUESTION)}
    finally:
        store.close()


def test_every_candidate_has_a_line_though_few_have_cards(asked: "Page") -> None:
    expect(asked.locator(".rl-flow g[data-c]")).to_have_count(100)
    expect(cards(asked, "Reranked")).to_have_count(10)


def test_the_focus_on_a_line_or_a_card_lights_up_line_and_cards(asked: "Page") -> None:
    both = asked.evaluate(
        """() => [...document.querySelectorAll('g[data-c]')].map(g => g.dataset.c)
             .find(key => document.querySelectorAll(`article[data-c="${key}"]`).length == 2)"""
    )
    line, other = (
        asked.locator(f'g[data-c="{both}"]'),
        asked.locator(f'g[data-c]:not([data-c="{both}"])').first,
    )
    assert strongest(asked, both) == [0, 0]
    line.focus()
    assert strongest(asked, both) == [2, 2]
    lit(asked, both).first.focus()
    assert float(line.evaluate("e => getComputedStyle(e).opacity")) == 1
    assert float(other.evaluate("e => getComputedStyle(e).opacity")) < 0.5


def test_the_pointer_on_a_card_lights_up_its_line(asked: "Page") -> None:
    card = cards(asked, "Reranked").nth(1)
    key = card.get_attribute("data-c")
    line = asked.locator(f'g[data-c="{key}"] .rl-stroke')
    thin = line.evaluate("e => parseFloat(getComputedStyle(e).strokeWidth)")
    card.hover()
    assert line.evaluate("e => parseFloat(getComputedStyle(e).strokeWidth)") > thin


def test_one_line_is_reached_with_tab_and_the_others_with_the_arrow_keys(asked: "Page") -> None:
    question_box(asked).focus()
    labels = asked.locator('g[data-c][tabindex="0"]')
    expect(labels).to_have_count(1)
    tab_to(asked, str(labels.get_attribute("aria-label")))
    first = asked.evaluate("document.activeElement.dataset.c")
    asked.keyboard.press("ArrowDown")
    second = asked.evaluate("document.activeElement.dataset.c")
    assert (first, second) == ("1", "2")
    asked.keyboard.press("Tab")
    assert asked.evaluate("document.activeElement.tagName") == "ARTICLE"


def test_a_key_on_a_card_is_a_judgment_on_the_disk_and_the_focus_stays(asked: "Page", home: Path) -> None:
    card = cards(asked, "Retrieved").nth(2)
    key = card.get_attribute("data-c")
    press_on(card, "3")
    expect(card.get_by_role("button", name="3 ")).to_have_attribute("aria-pressed", "true")
    assert 3 in judged(home).values()
    assert asked.evaluate("document.activeElement.dataset.c") == key
    expect(asked.locator(f'g[data-c="{key}"]')).to_have_attribute(
        "aria-label", re.compile("judged good, grade 3")
    )
    asked.keyboard.press("x")
    expect(card.get_by_role("button", name="Cannot judge")).to_have_attribute("aria-pressed", "true")
    asked.keyboard.press("u")
    expect(card.get_by_role("button", name="3 ")).to_have_attribute("aria-pressed", "true")
    asked.keyboard.press("u")
    expect(card.locator('[aria-pressed="true"]')).to_have_count(0)
    settle(asked)
    assert 3 not in judged(home).values()


def test_keys_pressed_faster_than_the_page_redraws_are_all_kept(asked: "Page", home: Path) -> None:
    # All in one go, long before the first answer.
    asked.evaluate(
        """() => document.querySelectorAll('section[aria-label^="Reranked"] article').forEach((card, n) =>
             card.dispatchEvent(new KeyboardEvent('keydown', {key: String(n % 4), bubbles: true})))"""
    )
    expect(asked.locator('section[aria-label^="Reranked"] [aria-pressed="true"]')).to_have_count(10)
    assert sorted(grade for grade in judged(home).values() if grade is not None) == sorted(
        [0, 1, 2, 3] * 2 + [0, 1]
    )


def test_what_was_graded_is_there_for_the_next_visitor(
    asked: "Page", browser: "Browser", tower_url: str
) -> None:
    button = cards(asked, "Reranked").first.get_by_role("button", name="2 ")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    with browser.new_context(viewport={"width": 1440, "height": 1000}) as context:
        page = context.new_page()
        page.goto(tower_url)
        ask(page, QUESTION)
        again = cards(page, "Reranked").first.get_by_role("button", name="2 ")
        expect(again).to_have_attribute("aria-pressed", "true")


def test_a_filter_takes_the_cards_of_the_others_away_and_fades_their_lines(asked: "Page") -> None:
    asked.get_by_role("button", name="Entered the top k").click()
    expect(cards(asked, "Retrieved")).to_have_count(0)
    settle(asked)
    ranks = [int(str(card.get_attribute("data-c"))) for card in cards(asked, "Reranked").all()]
    assert ranks
    assert min(ranks) > 10
    expect(asked.locator("g[data-c]")).to_have_count(len(ranks))
    expect(asked.locator("g.rl-faint")).to_have_count(100 - len(ranks))


def test_a_grade_leaves_alone_what_it_does_not_change(asked: "Page") -> None:
    strip = asked.locator(".rl-timing")
    strip.evaluate("e => { e.untouched = true }")
    press_on(cards(asked, "Reranked").nth(3), "1")
    settle(asked)
    assert strip.evaluate("e => e.untouched") is True


def test_a_grade_is_drawn_at_once_with_100_candidates(asked: "Page") -> None:
    sixth = 'section[aria-label^="Reranked"] article:nth-of-type(6)'
    buttons = [f'{sixth} button[data-grade="{n % 3 + 1}"]' for n in range(5)]
    assert least_ms(asked, [(button, f'{button}[aria-pressed="true"]') for button in buttons]) < MOST_MS


def test_a_filter_is_drawn_at_once_with_100_candidates(asked: "Page") -> None:
    steps = [".rl-flow:has(.rl-faint)", ".rl-flow:not(:has(.rl-faint))"] * 3
    # Only the text of the pill tells it from the other one; no selector of a browser's knows texts.
    mark = "e => e.closest('button').setAttribute('data-pill', '')"
    measured = []
    for changed in steps:
        asked.get_by_text("Entered the top k", exact=True).evaluate(mark)
        measured.append(least_ms(asked, [("[data-pill]", changed)]))
    assert min(measured) < MOST_MS


@pytest.mark.parametrize(("width", "between"), [(420, False), (1000, False), (1440, True), (1920, True)])
def test_the_flow_stands_between_the_columns_or_above_them(asked: "Page", width: int, between: bool) -> None:
    asked.set_viewport_size({"width": width, "height": 1000})
    settle(asked)
    left, flow = column(asked, "Retrieved").bounding_box(), asked.locator(".rl-middle").bounding_box()
    assert left
    assert flow
    assert (flow["x"] >= left["x"] + left["width"]) == between
    assert between or flow["y"] + flow["height"] <= left["y"]
    assert asked.get_by_test_id("stMain").evaluate("e => e.scrollWidth <= e.clientWidth")


def test_nothing_is_asked_of_another_host_while_it_is_graded(asked: "Page", tower_url: str) -> None:
    traffic = Traffic()
    traffic.watch(asked)
    asked.reload()
    ask(asked, QUESTION)
    press_on(cards(asked, "Reranked").first, "2")
    settle(asked)
    assert traffic.strangers(tower_url) == []
    assert traffic.complaints == []
