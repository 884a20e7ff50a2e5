"""Judging in a real browser: by keyboard alone, and with a server that is killed right after each click."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from servers import ROOT, START_TIMEOUT_S, environment, serving
from test_browser import FOCUSED, Traffic, settle

from rag.config import Settings
from rag.evidence import Judgment, Question
from rag.samples import SAMPLE_COLLECTION, sample_files, sample_questions
from rag.service import build
from rag.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
expect = sync_api.expect

# `KILLS=50` for the whole measure: each costs a start of the server.
N_KILLS = int(os.environ.get("KILLS", "2"))
KEYS = "3021x"
NO_GRADE = "cannot judge"
# The firsts of both lists are one passage or two.
SHORT_QUEUE = re.compile(r"of [12] passages? judged")
WIDE = {"width": 1440, "height": 1000}
# What a click is for: the passage and the question that are on the screen, as the page tells them apart.
TASK = """() => {
  const button = document.querySelector("[class*=st-key-grade_0_]");
  const task = button && [...button.classList].find(name => name.startsWith("st-key-grade_0_"));
  const end = [...document.querySelectorAll("h3")].find(title => title.innerText.startsWith("All "));
  return task || end?.innerText || "";
}"""
# Resolves once the page has been drawn to its end: nothing has changed for a while.
QUIET = """() => new Promise(resolve => {
  let last = performance.now();
  const seen = new MutationObserver(() => { last = performance.now(); });
  seen.observe(document.body, {childList: true, characterData: true, subtree: true});
  const look = setInterval(() => {
    if (performance.now() - last < 200) return;
    clearInterval(look);
    seen.disconnect();
    resolve(true);
  }, 20);
})"""
# Makes a promise of the first change that a visitor could see.
FIRST_CHANGE = """() => { window.changed = new Promise(resolve => {
  const seen = new MutationObserver(() => { seen.disconnect(); resolve(true); });
  const main = document.querySelector("[data-testid=stMain]");
  seen.observe(main, {childList: true, characterData: true, subtree: true});
}); }"""


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with the sample collection and its questions, eight of them asked."""
    folder = tmp_path_factory.mktemp("stocked")
    with closing(build(Settings(home=folder / "library", retrieve_k=10))) as service:
        service.library.ingest(sample_files(), collection=SAMPLE_COLLECTION)
        texts, store = sample_questions(), service.library.store
        store.questions.add(SAMPLE_COLLECTION, [Question(text) for text in texts])
        for text in texts[:8]:
            store.runs.add(service.pipeline.search(text, collection=SAMPLE_COLLECTION, retrieve_k=10))
    return folder


def server_on(stocked: Path, folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a server with a copy of that library in `folder`."""
    shutil.copytree(stocked, folder, dirs_exist_ok=True)
    return environment(folder, RAG_RETRIEVE_K="10", **settings)


def on_disk(folder: Path, judge: str) -> tuple[Judgment, ...]:
    """What the library's file holds, read by nobody's leave."""
    with closing(Store(folder / "library" / "library.db")) as store:
        return store.judgments.of(SAMPLE_COLLECTION, judge=judge)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the library of the session by keyboard is."""
    return tmp_path_factory.mktemp("judged")


@pytest.fixture(scope="module")
def judge_url(stocked: Path, folder: Path) -> Iterator[str]:
    """A server with the sample collection, most of whose questions were never asked."""
    with serving(server_on(stocked, folder), folder / "server.log") as url:
        yield url


def tab_to(page: "Page", name: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED) == name:
            return
    pytest.fail(f"Tab never reached {name}")


def sit_down(page: "Page", name: str) -> None:
    """Say by keyboard who judges, and that the first of both lists is enough; wait for a passage."""
    task(page, "")
    settle(page)
    tab_to(page, "Your name as a judge")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    settle(page)
    tab_to(page, "Judge the top … of both lists")
    page.keyboard.press("Control+a")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    # A busy server takes its time: until then the page shows a passage of the longer queue, and a key that
    # is pressed there is lost when the shorter one comes.
    expect(page.get_by_role("group", name="Question", exact=True)).to_have_text(SHORT_QUEUE)
    settle(page)
    page.keyboard.press("Tab")  # out of the field: what is typed there judges nothing
    task(page, "")


def task(page: "Page", last: str) -> str:
    """Wait until the page shows another task than `last`, or its end; return which."""
    page.wait_for_function(f"last => {{ const now = ({TASK})(); return now && now !== last; }}", arg=last)
    return str(page.evaluate(TASK))


def press(page: "Page", key: str, now: str) -> str:
    """Judge what is shown by one key; return what is shown then."""
    page.keyboard.press(key)
    return task(page, now)


def test_all_sample_questions_are_judged_by_keyboard_alone(
    browser: "Browser", judge_url: str, folder: Path
) -> None:
    with browser.new_context(viewport=WIDE) as context:
        page = context.new_page()
        traffic = Traffic()
        traffic.watch(page)
        page.goto(f"{judge_url}/judge")
        sit_down(page, "Ada")
        given = judge_all(page, reload_after=20)
        expect(page.get_by_text("All 30 questions are judged")).to_be_visible()
        assert traffic.strangers(judge_url) == []
        assert [one for one in traffic.complaints if "404" not in one] == []
    held = on_disk(folder, "Ada")
    assert len(held) == len(given) >= len(sample_questions())
    assert {one.query for one in held} == set(sample_questions())
    of = [f"st-key-grade_0_{one.document_id[:16]}-{one.start}-{one.end}" for one in held]
    assert [(task, str(one.grade)) for task, one in zip(of, held, strict=True)] == [
        (task.rpartition("-")[0], grade) for task, grade in given.items()
    ]


def judge_all(page: "Page", *, reload_after: int) -> dict[str, str]:
    """Judge one passage after the other until the end; return the grade of each task, in that order."""
    given: dict[str, str] = {}
    now = task(page, "")
    while not now.startswith("All "):
        key = KEYS[len(given) % len(KEYS)]
        given[now] = str(None if key == "x" else int(key))
        now = press(page, key, now)
        said = f"Saved: {NO_GRADE if key == 'x' else key} · "
        expect(page.locator(".rl-saved")).to_have_text(re.compile(said))
        if len(given) == reload_after:
            page.reload()
            sit_down(page, "Ada")
            now = task(page, "")
            assert now not in given
    return given


@pytest.fixture
def judging(browser: "Browser", judge_url: str, folder: Path) -> "Iterator[Callable[[str], Page]]":
    """What opens the judging view as a judge of that name, on questions one of which was asked."""
    contexts = []

    def open_as(name: str) -> "Page":
        contexts.append(browser.new_context(viewport=WIDE))
        page = contexts[-1].new_page()
        page.goto(f"{judge_url}/judge")
        sit_down(page, name)
        return page

    yield open_as
    for context in contexts:
        context.close()


def test_undo_takes_the_last_judgment_back_and_returns_to_its_passage(
    judging: "Callable[[str], Page]", folder: Path
) -> None:
    page = judging("Bea")
    first = task(page, "")
    second = press(page, "2", first)
    assert [one.grade for one in on_disk(folder, "Bea")] == [2]
    page.keyboard.press("u")
    assert task(page, second) == first
    expect(page.locator(".rl-saved")).to_have_text("Taken back: 2. It has no grade now.")
    assert on_disk(folder, "Bea") == ()
    assert press(page, "x", first) == second
    assert [one.grade for one in on_disk(folder, "Bea")] == [None]


def test_what_is_typed_into_a_note_is_a_note_and_no_grade(
    judging: "Callable[[str], Page]", folder: Path
) -> None:
    page = judging("Cleo")
    now = task(page, "")
    page.keyboard.press("n")
    page.wait_for_function("() => document.activeElement.ariaLabel?.startsWith('Note on this')")
    page.keyboard.type("0 1 2 3 x u n, or 2 of 3?")
    assert on_disk(folder, "Cleo") == ()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The note is saved with your grade")).to_be_visible()
    settle(page)
    press(page, "1", now)
    (held,) = on_disk(folder, "Cleo")
    assert (held.grade, held.note) == (1, "0 1 2 3 x u n, or 2 of 3?")


def test_a_key_held_down_judges_no_passage_that_nobody_has_read(
    judging: "Callable[[str], Page]", folder: Path
) -> None:
    page = judging("Dora")
    now = task(page, "")
    for _ in range(20):
        page.keyboard.down("3")
        page.wait_for_timeout(30)
    page.keyboard.up("3")
    task(page, now)
    settle(page)
    assert len(on_disk(folder, "Dora")) == 1


def test_nothing_on_the_page_tells_of_ranks_or_scores(judging: "Callable[[str], Page]") -> None:
    page = judging("Emma")
    shown = page.get_by_test_id("stMain").inner_text()
    assert not re.search(r"cosine|logit|sigmoid|\brank\b|retrieved|reranked", shown, re.IGNORECASE)


@pytest.mark.parametrize("width", [420, 1440])
def test_the_view_fits_and_the_grades_are_in_sight(judging: "Callable[[str], Page]", width: int) -> None:
    page = judging(f"Fred {width}")
    page.set_viewport_size({"width": width, "height": 900})
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for button in page.locator(".st-key-judge_grades button").all():
        box = button.bounding_box()
        assert box
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= 900


# Killed


@dataclass
class Killable:
    """A server on a copy of that library, always at the same port, which is ended without notice."""

    folder: Path
    env: dict[str, str]
    port: int
    process: "subprocess.Popen[bytes] | None" = None
    given: list[int] = field(default_factory=list)

    def start(self) -> None:
        command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
        with (self.folder / "server.log").open("ab") as out:
            self.process = subprocess.Popen(
                [*command, "--server.port", str(self.port)],
                cwd=ROOT,
                env=self.env,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def wait(self) -> str:
        """Wait until the server listens; return the address of the judging view."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return f"http://127.0.0.1:{self.port}/judge"
            time.sleep(0.02)
        pytest.fail("The server never listened:\n" + (self.folder / "server.log").read_text())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def pair(stocked: Path, tmp_path: Path) -> Iterator[tuple[Killable, Killable]]:
    """Two servers that know nothing of each other: one starts while the other one is clicked at."""
    folders = tmp_path / "one", tmp_path / "other"
    one, other = (
        Killable(folder, server_on(stocked, folder, RAG_PRELOAD="false"), free_port()) for folder in folders
    )
    yield one, other
    one.kill()
    other.kill()


def test_no_judgment_is_lost_when_the_server_is_killed_right_after_the_click(
    browser: "Browser", pair: tuple[Killable, Killable]
) -> None:
    now, upcoming = pair
    now.start()
    with browser.new_context(viewport=WIDE) as context:
        page = context.new_page()
        for click in range(N_KILLS):
            upcoming.start()
            page.goto(now.wait())
            button = page.locator(f"[class*=st-key-grade_{click % 4}_] button")
            button.wait_for()
            settle(page)
            page.evaluate(QUIET)
            page.evaluate(FIRST_CHANGE)
            button.click()
            page.evaluate("() => window.changed")
            now.kill()
            now.given.append(click % 4)
            assert [one.grade for one in on_disk(now.folder, "")] == now.given
            now, upcoming = upcoming, now
    assert sum(len(on_disk(each.folder, "")) for each in pair) == N_KILLS
