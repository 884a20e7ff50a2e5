"""Take a picture of every page, in its states, both themes and several widths, into docs/screenshots/.

`make screenshots` runs it: it starts the application on the sample collection, in a folder of its own, and
drives it as a visitor would. Look at the pictures afterwards; the script does not.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from benchmarks.server import reranklens
from rag.config import Settings
from rag.samples import SAMPLE_COLLECTION, bring_judgments, sample_files, sample_questions
from rag.service import build

FOLDER = Path(__file__).parent / "screenshots"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
ITALIAN = "Come si preparano le orecchiette?"
UNANSWERED = "How fast does light travel?"
QUESTION = "Why did my bread come out flat and gummy?"
Theme = Literal["light", "dark"]
PHONE, LAPTOP, DESK = 420, 1440, 1920  # CSS pixels
_PATIENCE_MS = 60_000
_COLOURS = 256  # of a picture: a third of the size, and no difference to be seen


@dataclass(frozen=True, slots=True)
class Shot:
    """A state of a page: how a visitor comes to it, and in which widths it is taken."""

    name: str
    visit: Callable[[Page], None]
    widths: tuple[int, ...] = (LAPTOP,)
    height: int = 1400


def settle(page: Page) -> None:
    """Wait until the page is drawn and nothing runs any more."""
    page.wait_for_timeout(300)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_timeout(700)


def button(page: Page, name: str) -> Locator:
    """Return the first button of this name."""
    return page.get_by_role("button", name=name, exact=True).first


def go(page: Page, path: str = "") -> None:
    """Open a page of the application, as somebody who comes for the first time."""
    page.goto(path or "/")
    settle(page)


def ask(page: Page, question: str = QUESTION, k: int = 30) -> None:
    """Ask a question of the sample collection."""
    go(page, f"/?{urlencode({'collection': SAMPLE_COLLECTION, 'q': question, 'k': k})}")


def unfold(page: Page, title: str) -> None:
    """Open a section, and move it to the top of the window."""
    section = page.get_by_test_id("stExpander").filter(has=page.get_by_text(title, exact=True)).first
    section.locator("summary").click()
    settle(page)
    section.evaluate("section => section.scrollIntoView({block: 'start'})")
    page.wait_for_timeout(300)


def _empty(page: Page) -> None:
    go(page)
    collection = page.get_by_role("combobox", name="Collection").first
    collection.fill("my documents")
    collection.press("Enter")
    settle(page)


def _underway(page: Page) -> None:
    go(page, f"/?{urlencode({'collection': SAMPLE_COLLECTION})}")
    page.get_by_role("textbox", name="Question").first.fill(
        "A question that was never asked before: who mends the boiler?"
    )
    page.get_by_role("spinbutton").first.fill("150")
    button(page, "Ask").click()
    page.get_by_text("Reading", exact=False).first.wait_for()


def _refused(page: Page) -> None:
    ask(page, "why " * 1200)


def _answered(page: Page, question: str) -> None:
    ask(page, question)
    page.get_by_role("radio", name="Quoted", exact=True).click()
    page.locator('.rl-answer[aria-busy="false"]').first.wait_for()
    settle(page)


def _three_columns(page: Page) -> None:
    ask(page, ITALIAN)
    page.get_by_text("Words alone", exact=True).click()
    settle(page)


def _filtered(page: Page) -> None:
    ask(page, k=100)
    button(page, "Entered the top k").click()
    settle(page)


def _marked(page: Page) -> None:
    ask(page)
    page.locator(".rl-column").nth(1).locator(".rl-card").nth(2).focus()
    page.wait_for_timeout(300)


def _time(page: Page) -> None:
    ask(page)
    unfold(page, "Time")
    button(page, "Repeat 20 ×").click()
    page.wait_for_timeout(20_000)
    settle(page)


def _depth(page: Page) -> None:
    ask(page, k=100)
    unfold(page, "Depth")


def _why(page: Page) -> None:
    ask(page)
    unfold(page, "Why")
    card = page.get_by_role("combobox", name="Card").first
    card.click()
    card.press("Enter")
    page.locator(".rl-why").first.wait_for()
    settle(page)


def _judge(page: Page) -> None:
    go(page, "/judge")


def _graded(page: Page) -> None:
    go(page, "/judge")
    for key in "3102":
        page.keyboard.press(key)
        settle(page)


def _measure(page: Page) -> None:
    go(page, "/measure")


def _one_question(page: Page) -> None:
    go(page, "/rerankers")
    page.get_by_role("textbox", name="Question").first.fill(QUESTION)
    button(page, "Compare").click()
    page.wait_for_timeout(3_000)
    settle(page)


def _blind(page: Page) -> None:
    go(page, "/rerankers")
    page.get_by_role("radio", name="Blind vote").click()
    settle(page)
    page.get_by_role("button", name="Begin").click()
    page.wait_for_timeout(3_000)
    settle(page)


def _run(page: Page) -> None:
    go(page, "/runs")
    page.get_by_test_id("stDataFrame").click(position={"x": 20, "y": 55})
    settle(page)
    page.locator(".st-key-open_run button").click()  # the sidebar has an "Open", too: the collection's
    settle(page)


def _models(page: Page) -> None:
    go(page, "/models")
    # Where the environment lies is this machine's own business.
    page.evaluate(
        """prefix => document.querySelectorAll('dd').forEach(
            folder => { folder.textContent = folder.textContent.replace(prefix, '/opt/reranklens'); })""",
        sys.prefix,
    )


ALL = (PHONE, LAPTOP, DESK)
SHOTS = (
    Shot("compare-empty", _empty),
    Shot("compare-underway", _underway),
    Shot("compare-refused", _refused),
    Shot("compare", ask, ALL, 1600),
    Shot("compare-italian", partial(ask, question=ITALIAN), ALL, 1600),
    Shot("compare-three-columns", _three_columns, (LAPTOP, DESK), 1600),
    Shot("compare-answered", partial(_answered, question=ITALIAN), (PHONE, LAPTOP), 1600),
    Shot("compare-not-answered", partial(_answered, question=UNANSWERED)),
    Shot("compare-marked", _marked),
    Shot("compare-filtered-of-100", _filtered, (PHONE, LAPTOP), 2200),
    Shot("time", _time, (PHONE, LAPTOP)),
    Shot("depth", _depth, (PHONE, LAPTOP)),
    Shot("why", _why, (PHONE, LAPTOP)),
    Shot("judge", _judge, (PHONE, LAPTOP)),
    Shot("judge-graded", _graded),
    Shot("measure", _measure, ALL),
    Shot("rerankers", partial(go, path="/rerankers"), (PHONE, LAPTOP)),
    Shot("rerankers-one-question", _one_question, (PHONE, LAPTOP)),
    Shot("rerankers-blind", _blind, (PHONE, LAPTOP)),
    Shot("runs", partial(go, path="/runs"), (PHONE, LAPTOP)),
    Shot("runs-opened", _run),
    Shot("costs", partial(go, path="/costs"), ALL, 2200),
    Shot("library", partial(go, path="/library"), (PHONE, LAPTOP)),
    Shot("models", _models, (PHONE, LAPTOP)),
)


def main(only: Sequence[str] = ()) -> None:
    """Take the pictures; with names, only those."""
    FOLDER.mkdir(exist_ok=True)
    shots = [shot for shot in SHOTS if not only or shot.name in only]
    with TemporaryDirectory() as home:
        _stock(Path(home))
        with reranklens(Path(home)) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            for shot, theme in product(shots, get_args(Theme)):
                for width in shot.widths:
                    path = FOLDER / f"{shot.name}-{theme}-{width}.png"
                    with _visitor(browser, server.url, theme, width, shot.height) as page:
                        shot.visit(page)
                        _save(page.screenshot(), path)
                    sys.stdout.write(f"{path.relative_to(FOLDER.parents[1])}\n")
            browser.close()


def _stock(home: Path) -> None:
    """Fill the library with the sample collection, every question asked."""
    with closing(build(Settings(home=home))) as service:
        service.library.ingest(sample_files(), collection=SAMPLE_COLLECTION)
        bring_judgments(service.library)
        for question in sample_questions():
            result = service.pipeline.search(question, collection=SAMPLE_COLLECTION, retrieve_k=30)
            service.library.store.runs.add(result)


@contextmanager
def _visitor(browser: Browser, url: str, theme: Theme, width: int, height: int) -> Iterator[Page]:
    context = browser.new_context(
        base_url=url, viewport={"width": width, "height": height}, color_scheme=theme, locale="en-GB"
    )
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    yield page
    context.close()


def _save(picture: bytes, path: Path) -> None:
    with Image.open(BytesIO(picture)) as image:
        image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
