"""The page's own share: from pressing Ask to both columns drawn, less what the answer took."""

import os
import re
import sys
from pathlib import Path
from statistics import median

from playwright.sync_api import Locator, Page, sync_playwright

from benchmarks.common import RETRIEVE_K, Limit, MeasureError, Section, progress, run, sample_home, spread
from benchmarks.server import reranklens
from rag.samples import SAMPLE_COLLECTION, sample_questions

LIMIT_MS = 300
_WARM_UPS = 2
_CHROMIUM = Path(os.environ.get("CHROMIUM") or "/usr/bin/chromium")

# Notes when Ask is pressed, and the first frame after both columns of a new answer stand on the page.
# The old answer is marked, because it stays on the page until the new one replaces it.
_WATCH = """() => {
    document.querySelectorAll('.rl').forEach(old => old.setAttribute('data-old', ''));
    window.drawn = new Promise(resolve => {
        document.addEventListener('click', event => {
            const look = () => {
                const columns = [...document.querySelectorAll('.rl:not([data-old]) .rl-column')];
                const full = columns.filter(column => column.querySelector('.rl-card'));
                if (full.length < 2) return requestAnimationFrame(look);
                // The frame in which they were seen is drawn before the next one begins.
                requestAnimationFrame(() => resolve(performance.now() - event.timeStamp));
            };
            look();
        }, {capture: true, once: true});
    });
}"""


def measure() -> Section:
    """Return the page's share of each question's time."""
    if not _CHROMIUM.is_file():
        raise MeasureError(f"There is no Chromium at {_CHROMIUM}. Set CHROMIUM=/path/to/chromium.")
    questions = sample_questions()[::2]
    with sample_home() as home, reranklens(home) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(server.url)
        _open_samples(page)
        measured = [_ask(page, question) for question in questions]
        browser.close()
    return _section(measured[_WARM_UPS:])


def _open_samples(page: Page) -> None:
    """Make the sample collection the one in use, where the page does not open with it."""
    chooser = page.get_by_role("combobox", name=re.compile("Collection"))
    chooser.wait_for()
    if not _question(page).is_visible():
        chooser.click()
        page.get_by_role("option", name=SAMPLE_COLLECTION, exact=True).click()
    _question(page).wait_for()


def _question(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Question", exact=True)


def _ask(page: Page, question: str) -> tuple[float, float]:
    """Return the milliseconds from pressing Ask to the drawn columns, and the answer's own total."""
    progress(f"page: {question}")
    _question(page).fill(question)
    page.wait_for_timeout(500)
    page.evaluate(_WATCH)
    page.get_by_role("button", name="Ask", exact=True).click()
    drawn_ms: float = page.evaluate("window.drawn")
    stated = page.locator(".rl-total span").inner_text()
    return drawn_ms, float(stated.removesuffix(" ms").replace(",", ""))


def _section(measured: list[tuple[float, float]]) -> Section:
    shares = [drawn - total for drawn, total in measured]
    rows = [
        ["Ask pressed to both columns drawn", spread([drawn for drawn, _ in measured], "ms")],
        ["total, from the timing strip of that run", spread([total for _, total in measured], "ms")],
        ["the page's share", spread(shares, "ms")],
    ]
    return Section(
        title="Page",
        workload=(
            f"{len(measured)} different questions, {RETRIEVE_K} candidates, asked in headless Chromium on "
            f"the same machine, after {_WARM_UPS} to warm up. The clock is the browser's: from the click's "
            "time stamp to the frame after the one in which both columns have their cards."
        ),
        columns=["", "time"],
        rows=rows,
        limits=[
            Limit(
                f"the page adds at most {LIMIT_MS} ms to a question",
                f"median {median(shares):.0f} ms, greatest {max(shares):.0f} ms",
                median(shares) <= LIMIT_MS,
            )
        ],
    )


if __name__ == "__main__":
    sys.exit(run(measure))
