"""The Judge page without a browser: the real script over a real library, and what it is made of."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from html import unescape
from pathlib import Path

import pytest
import recorded
from drawings import drawn
from hypothesis import given
from hypothesis import strategies as strategies
from results import search_result
from streamlit.testing.v1 import AppTest

from rag.evidence import Judgment, Question
from rag.ingest import SourceFile
from rag.library import Library
from rag.records import Chunking, Passage
from rag.ui import state
from rag.ui.judging import desk as judging_desk
from rag.ui.judging import name as judging_name
from rag.ui.judging import next_best, queue
from rag.ui.judging.guidelines import DEFAULT
from rag.ui.judging.queue import judgments_of, pool, shuffled
from rag.ui.resources import get_service

ENTRY = Path(__file__).resolve().parents[1] / "streamlit_app.py"
HOSTILE = "<img src=x onerror=alert(1)> **b** :red[r] $x$"
FILES = {
    "bread.txt": "The dough rests for ninety minutes under a damp cloth.",
    "boiler.txt": "If the boiler stops, read the pressure gauge and open the filling tap.",
    "clocks.txt": "The tower clock of the museum strikes every quarter of an hour.",
}
QUESTIONS = ("How long does the dough rest?", "What if the boiler stops?")


@pytest.fixture(scope="module", autouse=True)
def one_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One library for these tests; each fills a collection of its own."""
    with recorded.own_library(tmp_path_factory.mktemp("judge")):
        yield


@pytest.fixture
def shelf(request: pytest.FixtureRequest) -> str:
    """The name of a collection of three small documents and two questions, none of them asked."""
    name = re.sub(r"\W+", " ", request.node.name).strip()[-60:].strip()
    add(name, FILES)
    library().store.questions.add(name, [Question(text) for text in QUESTIONS])
    return name


def library() -> Library:
    return get_service().library


def add(collection: str, files: dict[str, str]) -> None:
    data = {name: text.encode() for name, text in files.items()}
    sources = [SourceFile(name, len(text), partial(bytes, text)) for name, text in data.items()]
    library().ingest(sources, collection=collection)


def visit(collection: str, judge: str | None = None, *, unrecorded: bool = False) -> AppTest:
    """The Judge page as a new visitor sees it, on `collection`."""
    page = AppTest.from_file(str(ENTRY), default_timeout=60)
    page.session_state[state.COLLECTION] = collection
    if judge:
        page.session_state[judging_name.JUDGE] = judge
    if unrecorded:
        page.session_state[state.RECORD] = False
    run(page)
    page.switch_page("rag/ui/pages/judge.py")
    return run(page)


def run(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception, page.exception[0].value
    return page


def press(page: AppTest, start: str) -> AppTest:
    """Click the button whose key begins so."""
    next(button for button in page.button if str(button.key).startswith(start)).click()
    return run(page)


def grade(page: AppTest, key: str) -> AppTest:
    return press(page, "cannot_" if key == "x" else f"grade_{key}_")


def shown(page: AppTest) -> str:
    """What can be read on the page."""
    told = [str(getattr(e, "value", "") or "") for e in (*page.html, *page.text, *page.subheader)]
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]*>", " ", " ".join(told))))


def said(collection: str, judge: str = "") -> list[tuple[str, int | None]]:
    return [(one.query, one.grade) for one in library().store.judgments.of(collection, judge=judge)]


def passage(start: int, end: int, document: str = "d") -> Passage:
    return Passage(f"{document}-{start}-{end}", document, "d.txt", "x" * (end - start), start, end)


# What is to be judged


def test_the_pool_is_the_union_of_the_tops_of_both_lists() -> None:
    result = search_result([4, 3, 1, 2])
    ids = [one.chunk_id for one in pool(result, 1)]
    assert ids == ["chunk-1", "chunk-4"]
    assert {one.chunk_id for one in pool(result, 2)} == {"chunk-1", "chunk-2", "chunk-3", "chunk-4"}


@given(strategies.sets(strategies.integers(0, 50), min_size=1, max_size=12), strategies.text(max_size=5))
def test_the_order_is_the_judges_own_and_is_the_same_whoever_else_comes(starts: set[int], judge: str) -> None:
    passages = [passage(start, start + 1) for start in starts]
    order = shuffled(passages, judge=judge, query="q")
    assert shuffled(reversed(passages), judge=judge, query="q") == order
    assert shuffled(order[1:], judge=judge, query="q") == order[1:]


def test_another_judge_and_another_question_have_another_order() -> None:
    passages = [passage(start, start + 1) for start in range(40)]
    orders = {shuffled(passages, judge=judge, query=query) for judge in "ab" for query in "qr"}
    assert len(orders) == 4
    assert tuple(passages) not in orders


def test_a_judgment_of_the_very_span_counts_before_others_about_it() -> None:
    wide, exact = Judgment("q", "d", 0, 100, 3), Judgment("q", "d", 0, 50, 0)
    found = judgments_of([passage(0, 50), passage(50, 100)], [exact, wide])
    assert found == {"d-0-50": exact, "d-50-100": wide}


# The page


def test_a_question_that_was_not_asked_is_asked_reranked_and_recorded(shelf: str) -> None:
    page = visit(shelf)
    run_of = library().store.runs.newest(shelf)
    assert set(run_of) == {QUESTIONS[0]}
    assert run_of[QUESTIONS[0]].reranker is not None
    assert "Question 1 of 2 · 0 of 3 passages judged" in shown(page)


def test_the_next_question_comes_by_itself_and_in_the_end_all_is_said_to_be_judged(shelf: str) -> None:
    page = visit(shelf)
    for key in "301":
        assert QUESTIONS[0] in shown(page)
        grade(page, key)
    assert f"Question 2 of 2 · 0 of 3 passages judged {QUESTIONS[1]}" in shown(page)
    for key in "x22":
        grade(page, key)
    assert "All 2 questions are judged" in shown(page)
    assert "6 passages, each of them judged; 1 could not be told." in shown(page)
    assert said(shelf) == [(QUESTIONS[n // 3], made) for n, made in enumerate((3, 0, 1, None, 2, 2))]


def test_a_judgment_is_of_the_document_and_span_that_were_shown(shelf: str) -> None:
    page = visit(shelf, "Ada")
    text = re.search('rl-text" dir="auto">([^§]*?)</div>', " ".join(e.value for e in page.html))
    assert text
    seen = re.sub("<[^>]*>", "", text[1])
    grade(page, "2")
    (held,) = library().store.judgments.of(shelf)
    assert (held.grade, held.judge) == (2, "Ada")
    assert held.document_id == sha256(seen.encode()).hexdigest()
    assert (held.start, held.end) == (0, len(seen))


def test_undo_brings_back_what_was_said_before(shelf: str) -> None:
    page = grade(visit(shelf), "1")
    press(page, "passage_Left")
    assert "You judged this passage: 1, on the subject." in shown(page)
    grade(page, "3")
    assert said(shelf) == [(QUESTIONS[0], 3)]
    assert "Taken back: 3. It is 1 again." in shown(press(page, "judge_undo"))
    assert said(shelf) == [(QUESTIONS[0], 1)]
    assert "Taken back: 1. It has no grade now." in shown(press(page, "judge_undo"))
    assert said(shelf) == []


def test_undo_leaves_what_the_same_judge_has_said_elsewhere_since(shelf: str) -> None:
    page = grade(visit(shelf), "1")
    made = page.session_state["judge_desk"].steps[-1].made
    library().judge(replace(made, grade=3), collection=shelf)
    assert "Nothing taken back: it was judged elsewhere since, 3." in shown(press(page, "judge_undo"))
    assert said(shelf) == [(QUESTIONS[0], 3)]


def test_a_late_click_on_the_passage_before_changes_nothing(shelf: str) -> None:
    page = visit(shelf)
    here = page.session_state["judge_desk"]
    shown_first = next(str(button.key) for button in page.button if str(button.key).startswith("grade_2_"))
    grade(page, "2")
    late = here.steps[-1].task
    assert late.key in shown_first
    judging_desk.grade(library(), here, late, 0)
    assert said(shelf) == [(QUESTIONS[0], 2)]


def test_a_note_before_the_grade_is_saved_with_it_and_one_after_it_at_once(shelf: str) -> None:
    page = press(visit(shelf), "note_")
    page.text_input[0].set_value(HOSTILE)
    assert "The note is saved with your grade" in shown(run(page))
    assert said(shelf) == []
    grade(page, "2")
    assert [one.note for one in library().store.judgments.of(shelf)] == [HOSTILE]
    press(press(page, "passage_Left"), "note_")
    page.text_input[0].set_value("Second thoughts.")
    assert "The note is saved." in shown(run(page))
    assert [(one.grade, one.note) for one in library().store.judgments.of(shelf)] == [(2, "Second thoughts.")]


def test_judges_keep_to_themselves_and_are_offered_by_name(shelf: str) -> None:
    grade(visit(shelf, "Ada"), "3")
    page = visit(shelf, "Bea")
    assert "0 of 3 passages judged" in shown(page)
    grade(page, "0")
    assert (said(shelf, "Ada"), said(shelf, "Bea")) == ([(QUESTIONS[0], 3)], [(QUESTIONS[0], 0)])
    assert visit(shelf).selectbox(key=judging_name.JUDGE).options == ["Ada", "Bea"]


def test_judgments_survive_a_reload_and_another_cut(shelf: str) -> None:
    grade(visit(shelf), "2")
    library().rechunk(shelf, Chunking(100, 10))
    page = visit(shelf)
    assert "Question 1 of 2 · 1 of 3 passages judged" in shown(page)
    assert "The documents have changed since this question was asked." in shown(page)
    press(page, "judge_ask_again")
    assert "have changed since" not in shown(page)
    assert "Question 1 of 2 · 1 of 3 passages judged" in shown(page)


def test_fewer_passages_are_judged_when_less_of_both_lists_is(shelf: str) -> None:
    page = visit(shelf)
    page.number_input(key=judging_desk.DEPTH).set_value(1)
    assert re.search("Question 1 of 2 · 0 of [12] passages? judged", shown(run(page)))


def test_the_next_best_is_of_any_question_that_was_asked(shelf: str) -> None:
    page = visit(shelf)
    page.session_state[judging_desk.ORDER] = "Next best to judge"
    assert "3 passages could still change nDCG@10." in shown(run(page))
    press(page, "judge_ask_all")
    assert "6 passages could still change nDCG@10." in shown(page)
    grade(page, "3")
    assert "5 passages could still change nDCG@10." in shown(page)
    press(press(page, "skip_Right"), "skip_Left")
    for _ in range(5):
        grade(page, "0")
    assert "Nothing left that would change a measure" in shown(page)
    assert len(said(shelf)) == 6


def test_what_was_judged_and_not_retrieved_makes_a_passage_count_for_less(shelf: str) -> None:
    store, desk = library().store, judging_desk.Desk(queue.Judging(shelf, "", 10))
    found = get_service().pipeline.search(QUESTIONS[0], collection=shelf, retrieve_k=2)
    store.runs.add(found)
    (left_out,) = (one for one in library().documents(shelf)
                   if one.id not in {hit.passage.document_id for hit in found.retrieved})  # fmt: skip

    def changes() -> list[float]:
        best = next_best.ranking(library(), desk, queue.queue(library(), desk.judging, {}))
        return [one.change for one in best]

    before = changes()
    n_chars = len(FILES[left_out.name])
    library().judge(Judgment(QUESTIONS[0], left_out.id, 0, n_chars, 3), collection=shelf)
    after = changes()
    assert len(before) == len(after) == 2
    assert all(0 < now < then for now, then in zip(after, before, strict=True))


def test_the_guidelines_are_ours_until_they_are_rewritten(shelf: str) -> None:
    page = visit(shelf)
    assert re.sub(r"\s+", " ", DEFAULT).strip() in shown(page)
    press(page, "edit_guidelines")
    page.text_area(key="judge_guidelines").set_value(HOSTILE)
    press(page, "save_guidelines")
    assert library().store.judgments.guidelines(shelf) == HOSTILE
    assert HOSTILE in unescape(" ".join(element.value for element in page.html))
    press(press(page, "edit_guidelines"), "default_guidelines")
    assert library().store.judgments.guidelines(shelf) == ""


def test_questions_are_added_line_by_line_and_removed(shelf: str) -> None:
    page = visit(shelf)
    page.text_area(key="judge_added_questions").set_value(f" Why? \n\n{HOSTILE}\n")
    press(page, "judge_add")
    assert [one.text for one in library().store.questions.of(shelf)] == [*QUESTIONS, "Why?", HOSTILE]
    press(page, "judge_remove")
    assert "Question 1 of 3" in shown(page)
    assert QUESTIONS[0] not in [one.text for one in library().store.questions.of(shelf)]


def test_hostile_names_texts_and_questions_are_shown_verbatim(shelf: str) -> None:
    collection = f"{shelf[:40]} h"
    add(collection, {f"{HOSTILE}.txt": f"{HOSTILE} is what it says."})
    library().store.questions.add(collection, [Question(HOSTILE)])
    page = grade(visit(collection), "3")
    html = " ".join(element.value for element in page.html)
    assert "<img" not in html
    assert html.count("&lt;img src=x") >= 1
    assert f"Saved: 3 · {HOSTILE}.txt" in unescape(html)


def test_without_documents_or_questions_the_page_says_what_to_do(shelf: str) -> None:
    assert "This collection is empty" in shown(visit("nothing here"))
    add("without questions", FILES)
    page = visit("without questions")
    assert "No questions yet" in shown(page)
    assert not [button for button in page.button if str(button.key).startswith("grade_")]


def test_a_judgment_that_cannot_be_kept_is_told_and_leaves_the_passage_where_it_is(shelf: str) -> None:
    page = visit(shelf)
    library().rename_collection(shelf, f"{shelf[:50]} renamed")
    grade(page, "2")
    assert "There is no collection" in shown(page)
    assert page.session_state["judge_desk"].steps == []


def test_a_session_that_is_not_recorded_asks_only_when_the_judge_says_so(shelf: str) -> None:
    page = visit(shelf, unrecorded=True)
    assert "“Record what I ask” is off" in shown(page)
    assert not library().store.runs.of(shelf)
    press(page, "judge_ask_this")
    assert [run.query for run in library().store.runs.of(shelf)] == [QUESTIONS[0]]


def test_a_judge_has_one_name_on_all_pages(shelf: str) -> None:
    page = grade(visit(shelf, "Ada\u200b Lovelace "), "3")
    assert said(shelf, "Ada Lovelace") == [(QUESTIONS[0], 3)]
    page.session_state[state.RETRIEVE_K] = 3
    page.session_state[state.QUESTION] = QUESTIONS[0]
    run(page.switch_page(state.COMPARE_PAGE))
    run(press(page, "FormSubmitter"))
    html = " ".join(drawn(each) for each in page.get("bidi_component"))
    assert 'data-grade="3" aria-pressed="true"' in html
    assert "others:" not in html
