"""The page in a real browser: what a visitor sees and types, and what the page keeps to itself."""

import io
import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import docx
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

canvas = pytest.importorskip("reportlab.pdfgen.canvas", reason="reportlab makes the PDF that is uploaded")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
expect = sync_api.expect

SHELF = "Browser shelf"
QUESTION = "How long does the dough rest before it is baked?"
RETRIEVED, RERANKED = "Retrieved", "Reranked"
PDF_PAGES = (
    "The workshop opens at nine and closes at six, except on Sundays.",
    "The dough rests for ninety minutes under a damp cloth before it is baked. Flour, water and salt are "
    "weighed the evening before; the starter is fed at noon, and at six a spoonful of it floats in water. "
    "Whoever opens the workshop lights the oven first, because the stone takes an hour to heat.",
)
DOCX_PARAGRAPHS = (
    ("Heading 1", "Boiler"),
    ("Normal", "If the boiler stops, read the pressure gauge and open the filling tap slowly. " * 12),
    ("Heading 1", "Clocks"),
    ("Normal", "The tower clock of the museum strikes every quarter of an hour. " * 12),
)
HOSTILE = """<script>window.hacked = 1</script> <img src=x onerror="window.hacked = 2"> <b>bold</b>
![x](http://127.0.0.1:9/x.png) [click](javascript:window.hacked=3) <a href="javascript:window.hacked=4">a</a>
$\\LaTeX$ :red[x] :material/home: **stars** `code` &lt;entity&gt; &amp;
<style>body { display: none }</style> <iframe src="http://127.0.0.1:9/frame"></iframe> </div></article>"""
HOSTILE_HEADING = "<img src=x onerror=window.hacked=8> $x^2$ :red[x] **b**"
HOSTILE_NAME = (
    "<img src=x onerror=window.hacked=5> $x^2$ :red[x] **b** [l](javascript:window.hacked=6) &lt;.txt"
)

# Contrast (WCAG) of each element's text, drawn as it is: with every translucent layer behind it.
CONTRASTS = """elements => {
  const pixel = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const rgba = css => {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = css;
    pixel.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, alpha, under) => under.map((c, i) => top[i] * alpha + c * (1 - alpha));
  const linear = c => c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
  const light = rgb => 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]);
  return elements.map(element => {
    const chain = [];
    for (let e = element; e; e = e.parentElement) chain.unshift(getComputedStyle(e));
    const ground = chain.reduce((under, style) => {
      const layer = rgba(style.backgroundColor);
      return over(layer, layer[3], under);
    }, [255, 255, 255]);
    const opacity = chain.reduce((product, style) => product * Number(style.opacity), 1);
    const ink = rgba(getComputedStyle(element).color);
    const [one, two] = [light(over(ink, ink[3] * opacity, ground)), light(ground)];
    return [(Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05), element.className || element.tagName];
  });
}"""
FOCUSED = "() => document.activeElement.ariaLabel || document.activeElement.tagName"


@dataclass
class Traffic:
    """What a page asked for, and what it complained of."""

    urls: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self, page: "Page") -> None:
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("websocket", lambda socket: self.urls.append(socket.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on("console", self._hear)

    def _hear(self, said: "ConsoleMessage") -> None:
        if said.type == "error":
            self.complaints.append(said.text)

    def strangers(self, base_url: str) -> list[str]:
        """The addresses that are not the server's own."""
        inside = ("data:", "blob:")
        host = urlsplit(base_url).netloc
        return [url for url in self.urls if not url.startswith(inside) and urlsplit(url).netloc != host]


@pytest.fixture(scope="module")
def stocked(browser: "Browser", base_url: str) -> str:
    """What can be read after a PDF, a Word document and a broken file were uploaded to the shelf."""
    with browser.new_context(viewport={"width": 1440, "height": 1400}) as context:
        page = context.new_page()
        page.goto(base_url)
        open_collection(page, SHELF)
        upload(page, ("bread.pdf", pdf_bytes()), ("manual.docx", docx_bytes()), ("broken.pdf", b"%PDF-1.7"))
        return page.get_by_test_id("stMain").inner_text()


@pytest.fixture
def shelf(page: "Page", stocked: str) -> "Iterator[Page]":
    """A new visitor's page on the shelf."""
    assert stocked
    open_collection(page, SHELF)
    expect(question_box(page)).to_be_visible()
    yield page
    assert page.evaluate("window.hacked") is None


@pytest.fixture(scope="module")
def answered(browser: "Browser", base_url: str, stocked: str) -> "Iterator[Page]":
    """A page on the shelf that shows an answer. Its tests look, and press nothing."""
    assert stocked
    with browser.new_context(viewport={"width": 1440, "height": 1400}) as context:
        page = context.new_page()
        page.goto(base_url)
        open_collection(page, SHELF)
        ask(page)
        yield page


def pdf_bytes() -> bytes:
    out = io.BytesIO()
    pdf = canvas.Canvas(out)
    for text in PDF_PAGES:
        pdf.drawString(72, 720, text)
        pdf.showPage()
    pdf.save()
    return out.getvalue()


def docx_bytes() -> bytes:
    out = io.BytesIO()
    document = docx.Document()
    for style, text in DOCX_PARAGRAPHS:
        document.add_paragraph(text, style=style)
    document.save(out)
    return out.getvalue()


def open_collection(page: "Page", name: str) -> None:
    box = page.get_by_role("combobox", name="Collection")
    box.fill(name)
    box.press("Enter")
    page.wait_for_timeout(1000)  # what is dropped into the uploader of the collection before is lost with it
    settle(page)


def begin_collection(page: "Page", name: str) -> None:
    """Open a collection that does not exist yet; the uploader of the one before is gone afterwards."""
    open_collection(page, name)
    expect(page.get_by_role("heading", name="Begin with")).to_be_visible()
    settle(page)


def settle(page: "Page") -> None:
    """Wait until the page has been drawn to its end."""
    page.wait_for_timeout(50)  # a rerun that was asked for needs a moment to begin
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def upload(page: "Page", *files: tuple[str, bytes]) -> None:
    """Upload `files` and wait until the page has said what became of them."""
    payload: Any = [{"name": name, "mimeType": "", "buffer": data} for name, data in files]
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(payload)
    outcome = page.get_by_test_id("stMain").get_by_label("Files", exact=True).locator("li")
    outcome.filter(has_text=files[-1][0]).first.wait_for(state="attached", timeout=90_000)
    page.wait_for_timeout(500)  # what opens or closes does so smoothly


def question_box(page: "Page") -> "Locator":
    return page.get_by_role("textbox", name="Question")


def ask(page: "Page", question: str = QUESTION) -> None:
    question_box(page).fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(column(page, RERANKED)).to_be_visible()
    settle(page)


def column(page: "Page", title: str) -> "Locator":
    return page.get_by_role("region", name=re.compile(title))


def cards(page: "Page", title: str) -> "Locator":
    return column(page, title).get_by_role("article")


def tab_to(page: "Page", name: str) -> None:
    """Press Tab until the focus is on the element with this label, or with this tag and no label."""
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
        if seen[-1] == name:
            return
    pytest.fail(f"Tab never reached {name}, only {seen}")


def test_what_became_of_uploaded_files_can_be_read_afterwards(stocked: str) -> None:
    assert "2 of 3 files added; 1 could not be added." in stocked
    assert "bread.pdf: 2 pages" in stocked
    assert "manual.docx:" in stocked
    assert "broken.pdf" in stocked


def test_a_question_fills_both_columns(answered: "Page") -> None:
    for title, number in ((RETRIEVED, r"cosine -?\d\.\d{3}"), (RERANKED, r"logit -?\d+\.\d{3}")):
        assert cards(answered, title).count() == 3
        assert re.search(number, cards(answered, title).first.inner_text())
    first = cards(answered, RERANKED).first
    expect(first).to_contain_text("bread.pdf")
    expect(first).to_contain_text("page 2")
    expect(first).to_contain_text(PDF_PAGES[1])


def test_once_an_answer_is_drawn_nothing_stands_for_it_any_longer(answered: "Page") -> None:
    expect(answered.get_by_test_id("stSkeletonElement")).to_have_count(0)
    expect(answered.get_by_text("Reading up to")).to_have_count(0)


def test_the_strip_shows_every_stage_in_milliseconds(answered: "Page") -> None:
    strip = answered.get_by_label("Time of each stage").inner_text()
    for stage in ("embed", "search", "tokenize", "score", "sort", "total"):
        assert re.search(rf"{stage}\s+[\d.,]+ ms", strip), strip


def test_cards_of_one_rank_stand_side_by_side_and_are_equally_tall(answered: "Page") -> None:
    for left, right in zip(cards(answered, RETRIEVED).all(), cards(answered, RERANKED).all(), strict=True):
        one, other = left.bounding_box(), right.bounding_box()
        assert one
        assert other
        assert (one["y"], one["height"]) == pytest.approx((other["y"], other["height"]), abs=1)
        assert one["x"] + one["width"] < other["x"]


def test_each_number_explains_itself(answered: "Page") -> None:
    for title, name, meaning in (
        (RETRIEVED, "cosine", "how close question and passage lie"),
        (RERANKED, "logit", "raw score"),
        (RERANKED, "sigmoid", "for display only"),
    ):
        number = cards(answered, title).first.locator(".rl-number", has_text=name)
        assert meaning in str(number.get_attribute("title"))


def test_the_words_of_the_question_are_marked(answered: "Page") -> None:
    marks = {text.lower() for text in answered.locator("mark").all_inner_texts()}
    assert {"dough", "baked", "rest"} - marks == {"rest"}, "the text says 'rests'"


def test_the_page_and_the_routes_share_their_scores(shelf: "Page", base_url: str) -> None:
    ask(shelf, "Asked on the page, then by a program?")
    body = json.dumps({"query": "Asked on the page, then by a program?", "collection": SHELF}).encode()
    request = urllib.request.Request(f"{base_url}/api/query", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.load(response)
    assert answer["cached"] == len(answer["retrieved"]) > 0
    shown = cards(shelf, RERANKED).first.get_attribute("data-chunk")
    assert answer["reranked"][0]["chunk_id"] == shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_asked_of_another_host_and_nothing_goes_wrong(
    shelf: "Page", base_url: str, scheme: Any
) -> None:
    # The policy that every answer carries would turn a mistake into an error on the console.
    policy = urllib.request.urlopen(base_url, timeout=30).headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    traffic = Traffic()
    traffic.watch(shelf)
    shelf.emulate_media(color_scheme=scheme)
    shelf.reload()
    begin_collection(shelf, f"Watched in the {scheme}")
    upload(shelf, (f"{scheme}.txt", f"The lamp in the hall is {scheme}.".encode()))
    ask(shelf)
    shelf.get_by_text("What the numbers mean").click()
    shelf.wait_for_timeout(500)  # what is loaded late
    shelf.get_by_role("link", name="Models", exact=True).click()
    expect(shelf.get_by_label("Hugging Face id")).to_be_visible()
    shelf.wait_for_timeout(500)
    assert len(traffic.urls) > 10
    assert traffic.strangers(base_url) == []
    assert traffic.complaints == []


def test_hostile_text_and_file_name_are_shown_verbatim_and_do_nothing(page: "Page", base_url: str) -> None:
    traffic = Traffic()
    traffic.watch(page)
    begin_collection(page, "Hostile <b>shelf</b>")
    headed = f"# {HOSTILE_HEADING}\n\nA calm text."
    upload(page, (HOSTILE_NAME, HOSTILE.encode()), ("calm.md", headed.encode()))
    assert HOSTILE_NAME in str(page.get_by_test_id("stMain").text_content())
    ask(page, "<img src=x onerror=window.hacked=7> bold entity")
    for title in (RETRIEVED, RERANKED):
        assert (
            HOSTILE_HEADING
            in cards(page, title).filter(has_text="calm.md").locator(".rl-source").inner_text()
        )
        card = cards(page, title).filter(has_text="<iframe").first
        assert card.locator(".rl-text").text_content() == HOSTILE
        assert HOSTILE_NAME in card.inner_text()
        assert card.locator(".rl-text :not(mark), .rl-source :not(b)").count() == 0
    assert page.locator("img[src=x], iframe, a[href^=javascript]").count() == 0
    assert page.evaluate("window.hacked") is None
    assert traffic.complaints == []
    assert traffic.strangers(base_url) == []
    assert not [url for url in traffic.urls if urlsplit(url).path.endswith(("/x", "/x.png", "/frame"))]


def test_the_keyboard_alone_asks_opens_a_text_and_changes_top_k(shelf: "Page") -> None:
    tab_to(shelf, "Question")
    shelf.keyboard.type(QUESTION)
    shelf.keyboard.press("Enter")
    expect(column(shelf, RERANKED)).to_be_visible()
    settle(shelf)
    shown = cards(shelf, RERANKED).count()
    tab_to(shelf, "Cards in each column (top k)")
    assert shown > 1
    shelf.keyboard.press("Home")
    expect(cards(shelf, RERANKED)).to_have_count(1)
    settle(shelf)
    tab_to(shelf, "SUMMARY")
    is_open = "() => document.activeElement.closest('article details').open"
    assert shelf.evaluate(is_open) is False
    shelf.keyboard.press("Enter")
    assert shelf.evaluate(is_open) is True


def test_a_question_that_failed_leaves_nothing_that_pulses(shelf: "Page") -> None:
    ask(shelf)
    question_box(shelf).fill("")
    shelf.get_by_role("button", name="Ask", exact=True).click()
    expect(shelf.get_by_text("The question is empty")).to_be_visible()
    settle(shelf)
    expect(shelf.get_by_test_id("stSkeletonElement")).to_have_count(0)
    expect(column(shelf, RERANKED)).to_have_count(0)


def test_a_reload_finds_the_documents_again(shelf: "Page") -> None:
    ask(shelf)
    shelf.reload()
    open_collection(shelf, SHELF)
    expect(shelf.get_by_test_id("stSidebar")).to_contain_text("2 documents")
    ask(shelf)


def test_on_a_phone_the_columns_are_stacked_and_nothing_is_cut_off(shelf: "Page") -> None:
    ask(shelf)
    shelf.set_viewport_size({"width": 420, "height": 900})
    settle(shelf)
    assert shelf.evaluate("document.documentElement.scrollWidth") <= 420
    main = shelf.get_by_test_id("stMain")
    assert main.evaluate("e => e.scrollWidth <= e.clientWidth")
    left, right = column(shelf, RETRIEVED).bounding_box(), column(shelf, RERANKED).bounding_box()
    assert left is not None
    assert right is not None
    assert right["y"] >= left["y"] + left["height"]
    assert 0 <= left["x"] == right["x"]
    assert left["x"] + left["width"] <= 420


def test_on_a_phone_the_first_visit_can_ask_at_once(browser: "Browser", base_url: str, stocked: str) -> None:
    assert stocked
    with browser.new_context(viewport={"width": 420, "height": 900}) as context:
        page = context.new_page()
        page.goto(base_url)
        expect(question_box(page)).to_be_visible()
        ask(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 420


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_result_is_legible_in_both_themes(answered: "Page", scheme: Any) -> None:
    answered.emulate_media(color_scheme=scheme)
    settle(answered)
    ground = answered.get_by_test_id("stApp").evaluate("e => getComputedStyle(e).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", ground)[:3])) < 64) == (scheme == "dark")
    texts = answered.locator(
        ".rl-summary, .rl-text, .rl-text mark, .rl-source, .rl-number, .rl-rank, .rl-move, "
        ".rl-column header p, .rl-timing li, .rl-timing small, .rl-badge, "
        ".rl-told, .rl-grades button, .rl-legend li"
    )
    contrasts = texts.evaluate_all(CONTRASTS)
    assert len(contrasts) > 30
    assert [found for found in contrasts if found[0] < 4.5] == []
