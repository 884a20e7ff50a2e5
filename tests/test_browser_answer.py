"""Hybrid search, a fused order and a written answer in a real browser: streamed, linked, and only text."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import misbehaving
import pytest
from chatting import stalling, writing
from files import text_file
from servers import environment, serving
from test_browser import CONTRASTS, Traffic, ask, cards, column, question_box, settle

from rag.config import Settings
from rag.library.embedders import Embedders
from rag.service import open_library

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
expect = sync_api.expect

QUESTION = "Come si preparano le orecchiette fatte in casa?"
TEXTS = (
    "Le orecchiette si preparano con semola rimacinata di grano duro, acqua tiepida e un pizzico di sale.",
    "Per il ragù si fa soffriggere la cipolla con la carota, poi si aggiunge la carne e si lascia cuocere.",
    "La caldaia va controllata ogni anno: prima dell'inverno si legge la pressione sul manometro.",
    "Il regolamento vieta i rumori nel cortile dopo le dieci di sera e durante le ore di riposo.",
    "La bicicletta elettrica si ricarica nel locale comune, mai di notte e mai senza sorveglianza.",
    "Il museo degli orologi apre alle nove e chiude alle sei, tranne il lunedì e i giorni di festa.",
)
HOSTILE = (
    '<script>window.hacked = 1</script> <img src=x onerror="window.hacked = 2"> **b** $x^2$ :red[x] '
    "![x](http://127.0.0.1:9/x.png) &lt;b&gt;"
)
ANSWER = f"Si impastano semola e acqua [1]. {HOSTILE} [2]. Lo dice la luna [7]."
LIT = "element => Number(getComputedStyle(element).outlineWidth.replace('px', ''))"


@pytest.fixture(scope="module")
def writer() -> Iterator[misbehaving.Server]:
    """A server that writes answers."""
    with misbehaving.serving() as server:
        yield server


@pytest.fixture(scope="module")
def kitchen_url(
    tmp_path_factory: pytest.TempPathFactory, embedders: Embedders, writer: misbehaving.Server
) -> Iterator[str]:
    """The address of a server on six short Italian documents, with one that writes answers."""
    folder = tmp_path_factory.mktemp("kitchen")
    library = open_library(Settings(home=folder / "library"), embedders)
    library.ingest([text_file(f"{n}.txt", text) for n, text in enumerate(TEXTS)], collection="default")
    library.close()
    llm = {"LLM_BASE_URL": f"{writer.url}/v1", "LLM_MODEL": "writer-3b"}
    with serving(environment(folder, **llm), folder / "log") as url:
        yield url


@pytest.fixture
def asked(browser: "Browser", kitchen_url: str, writer: misbehaving.Server) -> "Iterator[Page]":
    """The page after a question in Italian."""
    writer.behaviour = writing(ANSWER)
    with browser.new_context(viewport={"width": 1440, "height": 1000}) as context:
        page = context.new_page()
        page.goto(kitchen_url)
        ask(page, QUESTION)
        yield page
        assert page.evaluate("window.hacked") is None


def want(page: "Page", kind: str) -> None:
    page.get_by_role("radio", name=kind, exact=True).click()


def answered(page: "Page") -> None:
    """Have an answer written, and wait until it is there."""
    want(page, "Written")
    expect(page.locator('.rl-answer[aria-busy="false"]')).to_be_visible()
    settle(page)


def test_the_founding_question_is_searched_by_words_too_and_says_why(asked: "Page") -> None:
    expect(column(asked, "Retrieved · FAISS \\+ BM25")).to_be_visible()
    expect(cards(asked, "Retrieved").first).to_contain_text("dense rank")
    expect(cards(asked, "Reranked").first).to_contain_text("orecchiette")
    expect(asked.get_by_text("Question in Italian")).to_be_visible()


def test_the_rerankers_own_order_is_one_click_away_and_nothing_is_computed(asked: "Page") -> None:
    times = asked.locator(".rl-timing").inner_text()
    expect(column(asked, "ranks fused")).to_be_visible()
    asked.get_by_role("radio", name="Reranker alone").click()
    expect(column(asked, "ranks fused")).to_have_count(0)
    logits = [float(text) for text in re.findall(r"logit (-?[\d.]+)", column(asked, "Reranked").inner_text())]
    assert len(logits) == 6
    assert logits == sorted(logits, reverse=True)
    asked.get_by_role("radio", name="Fused").click()
    expect(column(asked, "ranks fused")).to_be_visible()
    assert asked.locator(".rl-timing").inner_text() == times


@pytest.mark.parametrize("width", [420, 1000, 1440, 1920])
def test_words_alone_are_a_third_column_that_overlaps_nothing(asked: "Page", width: int) -> None:
    asked.set_viewport_size({"width": width, "height": 1000})
    asked.get_by_text("Words alone", exact=True).click()
    expect(column(asked, "Words alone")).to_be_visible()
    settle(asked)
    boxes = [column(asked, title).bounding_box() for title in ("Retrieved", "Reranked", "Words alone")]
    boxes.append(asked.locator(".rl-middle").bounding_box())
    for at, one in enumerate(boxes):
        for other in boxes[:at]:
            assert one
            assert other
            aside = one["x"] >= other["x"] + other["width"] or other["x"] >= one["x"] + one["width"]
            apart = one["y"] >= other["y"] + other["height"] or other["y"] >= one["y"] + one["height"]
            assert aside or apart
    assert asked.get_by_test_id("stMain").evaluate("e => e.scrollWidth <= e.clientWidth")


def test_an_answer_comes_word_by_word_beside_columns_that_can_be_used(
    asked: "Page", writer: misbehaving.Server
) -> None:
    writer.behaviour = stalling("Si impastano ", "semola e ", "acqua")
    want(asked, "Written")
    expect(asked.locator('.rl-answer[aria-busy="true"]')).to_contain_text("Si impastano semola e acqua")
    card = cards(asked, "Reranked").first
    card.focus()
    asked.keyboard.press("3")
    expect(card.get_by_role("button", name="3 ")).to_have_attribute("aria-pressed", "true")
    expect(asked.locator('.rl-answer[aria-busy="true"]')).to_contain_text("Si impastano")
    asked.get_by_role("button", name="Stop", exact=True).click()
    expect(asked.locator('.rl-answer[aria-busy="false"]')).to_contain_text("It was stopped before its end.")


def test_the_focus_stays_where_it_is_when_the_answer_is_there(
    asked: "Page", writer: misbehaving.Server
) -> None:
    writer.behaviour = writing(ANSWER, every_s=0.05)
    want(asked, "Written")
    expect(asked.locator('.rl-answer[aria-busy="true"]')).to_contain_text("Si impastano")
    cards(asked, "Reranked").nth(1).focus()
    key = asked.evaluate("document.activeElement.dataset.c")
    expect(asked.locator('.rl-answer[aria-busy="false"]')).to_be_visible()
    expect(asked.locator(".rl-timing")).to_contain_text("write")
    assert asked.evaluate("document.activeElement.dataset.c") == key


def test_the_next_question_ends_the_answer_to_the_one_before(
    asked: "Page", writer: misbehaving.Server
) -> None:
    writer.hung_up.clear()
    writer.behaviour = stalling("Si impastano ")
    want(asked, "Written")
    expect(asked.locator(".rl-answer")).to_contain_text("Si impastano")
    writer.behaviour = writing("Il lunedì [1].")
    question_box(asked).fill("Quando è chiuso il museo?")
    asked.get_by_role("button", name="Ask", exact=True).click()
    expect(asked.locator('.rl-answer[aria-busy="false"]')).to_contain_text("Il lunedì.")
    assert writer.hung_up.wait(9)


def test_a_number_leads_to_its_card_and_lights_it_up(asked: "Page") -> None:
    answered(asked)
    number = asked.locator(".rl-sentence .rl-cite").first
    key = number.get_attribute("data-c")
    both = asked.locator(f'article[data-c="{key}"]')
    assert [card.evaluate(LIT) for card in both.all()] == [0, 0]
    number.hover()
    assert [card.evaluate(LIT) for card in both.all()] == [2, 2]
    number.click()
    assert asked.evaluate("document.activeElement.closest('.rl-column').ariaLabel").startswith("Reranked")
    expect(cards(asked, "Reranked").first).to_be_in_viewport()
    assert asked.evaluate("document.activeElement.dataset.c") == key


def test_what_a_model_writes_is_shown_as_it_is_and_does_nothing(asked: "Page", kitchen_url: str) -> None:
    traffic = Traffic()
    traffic.watch(asked)
    answered(asked)
    said = asked.locator(".rl-answer").inner_text()
    assert (
        '<script>window.hacked = 1</script> <img src=x onerror="window.hacked = 2"> **b** $x^2$ :red[x]'
        in said
    )
    assert "&lt;b&gt;" in said
    assert asked.locator(".rl-answer").locator("img, script, a").count() == 0
    assert "that it was not given" in said
    assert traffic.strangers(kitchen_url) == []
    assert traffic.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [420, 1440])
def test_an_answer_can_be_read_in_both_themes_and_on_a_phone(
    browser: "Browser", kitchen_url: str, writer: misbehaving.Server, scheme: str, width: int
) -> None:
    writer.behaviour = writing(ANSWER)
    with browser.new_context(
        viewport={"width": width, "height": 1000},
        color_scheme=scheme,  # type: ignore[arg-type]
    ) as context:
        page = context.new_page()
        page.goto(kitchen_url)
        ask(page, QUESTION)
        answered(page)
        texts = page.locator(".rl-how, .rl-answer :is(h3, p, span, em, button, b)")
        contrasts = texts.evaluate_all(CONTRASTS)
        assert len(contrasts) > 15
        assert [found for found in contrasts if found[0] < 4.5] == []
        assert page.get_by_test_id("stMain").evaluate("e => e.scrollWidth <= e.clientWidth")
