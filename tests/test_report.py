"""A report tells what was answered, judged and measured, in one file that asks for nothing."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from answers import RERANKER, judge, record
from toy_library import ingest, opened

from rag.__main__ import main
from rag.errors import LibraryError, NotFoundError
from rag.evaluation.collection import measure
from rag.evidence import Judgment, Question, Setup
from rag.library import Library
from rag.machine.summary import this_machine
from rag.records import ModelInfo
from rag.report.html import build

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
TEXTS = {
    "tea.txt": "Green tea steeps for two minutes.",
    f"{HOSTILE[2:40]}.txt": f"A text of tea with {HOSTILE} & <b>markup</b> in it.",
    **{f"page {n}.txt": f"Page {n} has a story of its own, number {n}. " * 6 for n in range(14)},
}
QUERIES = ("how long does green tea steep", f"a story {HOSTILE}")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Sixteen documents and three questions: one judged, one hostile, one never asked."""
    with opened(tmp_path / "home") as library:
        ingest(library, TEXTS)
        judge(library, QUERIES[0], {"tea.txt": 3, "page 3.txt": 1, "page 1.txt": 0}, by="ada")
        tea = next(info.id for info in library.documents("c") if info.name == "tea.txt")
        library.judge(Judgment(QUERIES[1], tea, 0, 9, None, HOSTILE[:60], HOSTILE), collection="c")
        library.store.judgments.set_guidelines("c", f"3 answers. {HOSTILE}")
        library.store.questions.add("c", [Question("never asked", "q9")])
        for query in QUERIES:
            record(library, query, k=16)
        yield library


class _Tags(HTMLParser):
    """Every tag with its attributes, and whether each that was opened was closed in its turn."""

    VOID = frozenset({"meta", "br", "img", "link", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.crossed: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)


def parsed(page: str) -> _Tags:
    tags = _Tags()
    tags.feed(page)
    return tags


def test_every_text_is_escaped(library: Library) -> None:
    found = parsed(build(library, "c"))
    assert not {"script", "img", "link", "iframe", "object"} & {tag for tag, _ in found.tags}
    assert not [name for _, given in found.tags for name in given if name.startswith("on")]
    assert (found.open, found.crossed) == ([], [])


def test_nothing_in_it_names_another_place(library: Library) -> None:
    page = build(library, "c")
    told = [value or "" for _, given in parsed(page).tags for name, value in given.items()
            if name in ("src", "href", "action", "data", "poster", "srcset")]  # fmt: skip
    assert told
    assert all(value.startswith("#q") for value in told)
    assert not re.search(r"url\(|@import", page)
    assert "default-src 'none'" in page.partition("<style>")[0]


def test_the_measures_are_those_of_the_collection(library: Library) -> None:
    page, found = build(library, "c"), measure(library, "c", judge=None, setup=Setup(RERANKER))
    for value in (found.retrieved.means.ndcg_at_10, found.reranked.means.ndcg_at_10):
        assert f"<td>{value:.4f}</td>" in page
    assert found.reranked.means.ndcg_at_10 < 1
    assert "No passage of the documents here is judged relevant to it." in page


def test_it_says_by_which_models_and_where_and_when_it_was_made(library: Library) -> None:
    page, machine = build(library, "c"), this_machine()
    embedder = library.embedder("c").info
    for said in (
        RERANKER.id,
        RERANKER.sha256,
        embedder.id,
        embedder.sha256,
        machine.processor,
        machine.python,
    ):
        assert said in page
    assert re.search(r"<dd>20\d\d-\d\d-\d\dT", page)


def test_each_text_is_there_once_for_a_question_and_what_is_left_out_is_counted(library: Library) -> None:
    page = build(library, "c", queries=[QUERIES[0]], top_k=9)
    pages = [text.strip() for name, text in TEXTS.items() if name.startswith("page")]
    assert {page.count(text) for text in pages} == {1}  # both lists together show all
    assert page.count("7 more, left out here.") == 2
    assert "Left out: 1 other question." in page


def test_a_question_without_labels_has_no_measure(library: Library) -> None:
    page = build(library, "c", queries=[QUERIES[1]])
    assert "No passage is judged relevant to this question: nothing is measured." in page
    assert page.count('class="r-question"') == 1


def test_only_the_judgments_of_one_judge_are_told_where_one_is_named(library: Library) -> None:
    judge(library, QUERIES[0], {"page 5.txt": 3}, by="bob")
    page = build(library, "c", judge="bob")
    assert "1 judgment by <bdi>bob</bdi>" in page
    assert "<bdi>ada</bdi>" not in page


def test_a_report_on_what_was_never_asked_says_what_to_do(library: Library) -> None:
    with pytest.raises(LibraryError, match="Ask its questions first"):
        build(library, "c", setup=Setup(ModelInfo("toy/other", "0" * 64, "cpu")))
    with pytest.raises(NotFoundError, match="runs of the questions named"):
        build(library, "c", queries=["never asked"])
    with pytest.raises(NotFoundError, match="no collection 'nowhere'"):
        build(library, "nowhere")


def test_three_hundred_questions_are_a_file_that_can_be_sent(library: Library) -> None:
    (run,) = library.store.runs.of("c", QUERIES[0])
    n_one = len(build(library, "c", queries=[QUERIES[0]]).encode())
    n_both = len(build(library, "c").encode())
    assert run.retrieved == 16
    assert 300 * (n_both - n_one) < 20_000_000


@pytest.fixture
def report(browser: "Browser", library: Library, tmp_path: Path) -> "Iterator[Page]":
    """The report, opened from the disk in a browser that notes every request and every complaint."""
    path = tmp_path / "report.html"
    path.write_text(build(library, "c"), encoding="utf-8")
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        requests, complaints = list[str](), list[str]()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(path.as_uri())
        yield page
        assert requests == [path.as_uri()]
        assert complaints == []


def test_a_browser_shows_it_without_asking_anybody(report: "Page") -> None:
    assert report.locator(".r-question").count() == 2
    report.locator("a[href='#q2']").click()
    assert report.locator("#q2").bounding_box()["y"] < 900  # type: ignore[index]


@pytest.mark.parametrize("width", [420, 1440])
def test_no_width_of_the_window_makes_it_wider_than_that(report: "Page", width: int) -> None:
    report.set_viewport_size({"width": width, "height": 900})
    assert report.evaluate("document.documentElement.scrollWidth") <= width


def test_it_is_light_or_dark_as_the_system_and_light_on_paper(report: "Page") -> None:
    shown = "getComputedStyle(document.body).backgroundColor"
    report.emulate_media(color_scheme="light")
    light = report.evaluate(shown)
    report.emulate_media(color_scheme="dark")
    dark = report.evaluate(shown)
    report.emulate_media(color_scheme="dark", media="print")
    assert len({light, dark, report.evaluate(shown)}) == 3
    assert report.evaluate(shown) == "rgb(255, 255, 255)"
    assert report.evaluate("getComputedStyle(document.body).color") == "rgb(14, 23, 25)"


def test_on_paper_every_text_is_whole(report: "Page") -> None:
    clamp = "getComputedStyle(document.querySelector('.r-text summary span')).display"
    assert report.evaluate(clamp) in ("-webkit-box", "flow-root")
    report.emulate_media(media="print")
    assert report.evaluate(clamp) == "inline"


def test_a_question_that_was_removed_is_not_in_it(library: Library) -> None:
    library.store.questions.remove("c", QUERIES[0])
    page = build(library, "c")
    assert page.count('class="r-question"') == 1
    assert QUERIES[0] not in page


def test_a_card_that_is_pointed_at_lights_up_its_line_and_its_other_card(report: "Page") -> None:
    lit = """[...document.querySelectorAll('#q1 [data-c]')]
        .filter(e => getComputedStyle(e).getPropertyValue('--rl-on') == 1).map(e => e.dataset.c)"""
    assert report.evaluate(lit) == []
    report.locator("#q1 .r-list").first.locator(".r-card").nth(7).focus()
    assert report.evaluate(lit) == ["8"] * 3
    report.evaluate("document.activeElement.blur()")
    assert report.evaluate(lit) == []
    report.locator("#q1 .rl-way[data-c='8'] .rl-end").first.hover(force=True)
    assert report.evaluate(lit) == ["8"] * 3


def test_the_command_writes_it(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAG_HOME", str(tmp_path / "home"))
    out = tmp_path / "out.html"
    assert main(["report", "c", "-o", str(out), "--judge", "ada"]) == 0
    assert out.read_text(encoding="utf-8").endswith("</html>\n")
    assert main(["report", "c", "-o", str(tmp_path / "nowhere" / "out.html")]) == 1
    assert "cannot be written: No such file or directory" in capsys.readouterr().err
