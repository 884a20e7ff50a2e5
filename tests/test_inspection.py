"""What an answer can be asked about itself: its time, its depth, its reasons; and what is kept of it."""

from collections.abc import Iterator

import pytest
import recorded
from recorded import QUESTION, ask, open_section, run, shown, visit
from streamlit.testing.v1 import AppTest

from rag.ui import state
from rag.ui.inspection import depth as inspect_depth
from rag.ui.inspection import sections
from rag.ui.inspection import time as inspect_time
from rag.ui.inspection import why as inspect_why

SHELF = "inspected"


@pytest.fixture(scope="module", autouse=True)
def one_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One library for these tests, with one collection in it."""
    with recorded.own_library(tmp_path_factory.mktemp("inspected")):
        recorded.fill(SHELF)
        yield


@pytest.fixture
def answered() -> AppTest:
    """The page with an answer on it."""
    return ask(visit(SHELF))


def tables(page: AppTest) -> list[str]:
    return [element.value for element in page.html if "<table" in element.value]


def test_no_section_is_computed_that_nobody_has_opened(answered: AppTest) -> None:
    assert tables(answered) == []
    assert not any(box.key == inspect_why.CARD for box in answered.selectbox)


def test_the_time_section_lists_the_stages_and_the_questions_before(answered: AppTest) -> None:
    ask(answered, "When does the clock strike?")
    page = open_section(answered, sections.TIME)
    history = next(table for table in tables(page) if "last questions" in table)
    assert history.index("When does the clock strike?") < history.index(QUESTION)
    assert "tokens per second" in shown(page)


def test_a_repetition_scores_every_pair_anew(answered: AppTest) -> None:
    page = open_section(ask(answered), sections.TIME)
    assert "3 cached" in shown(page)
    page.button(key=inspect_time.REPEAT).click()
    repeated = next(table for table in tables(run(page)) if "20 repetitions" in table)
    for stage in ("embed", "search", "tokenize", "score", "sort", "total"):
        assert f">{stage}<" in repeated
    assert "0.00 ms" not in repeated.partition(">score<")[2].partition("</tr>")[0]


def test_a_repetition_is_kept_until_another_question_is_asked(answered: AppTest) -> None:
    page = open_section(answered, sections.TIME)
    page.button(key=inspect_time.REPEAT).click()
    before = run(page)
    kept = [table for table in tables(before) if "20 repetitions" in table]
    assert kept == [table for table in tables(run(page)) if "20 repetitions" in table]
    assert not any("20 repetitions" in table for table in tables(ask(page, "What is weighed?")))


def test_the_depth_section_says_which_good_chunk_a_smaller_k_misses(answered: AppTest) -> None:
    question = "What is open at the museum when the boiler stops?"
    page = open_section(ask(answered, question), sections.DEPTH)
    assert "No chunk found here is judged relevant yet" in shown(page)
    recorded.judge(SHELF, {"bread.txt": 3}, question)
    found = recorded.answer(SHELF, question)
    rank = next(hit.rank for hit in found.retrieved if hit.passage.document == "bread.txt")
    assert rank > 1, "the question is about the others"
    run(page).number_input(key=inspect_depth.K).set_value(rank - 1)
    said = shown(run(page))
    assert f"k = {rank - 1} would have missed 1 of 1 good chunk." in said
    assert f"The smallest k that keeps all of them is {rank}." in said


def test_known_scores_have_no_time_until_they_are_repeated(answered: AppTest) -> None:
    page = open_section(open_section(ask(answered), sections.DEPTH), sections.TIME)
    assert "The time of each depth is not known" in shown(page)
    page.button(key=inspect_time.REPEAT).click()
    assert "The times are those of the last repetition" in shown(run(page))


def test_a_card_is_explained_by_its_sentences_and_the_words_of_the_question(answered: AppTest) -> None:
    page = open_section(answered, sections.WHY)
    page.selectbox(key=inspect_why.CARD).select_index(0)
    (why,) = [element.value for element in run(page).html if 'class="rl rl-why"' in element.value]
    assert "all " in why
    assert why.count("<sup>") == len(QUESTION.split()) + 3
    assert "9 parts in figures" in why


def test_the_depth_section_goes_by_ones_own_grades_and_else_by_the_others(answered: AppTest) -> None:
    question = "For how long does the dough rest, and under what?"
    recorded.judge(SHELF, {"bread.txt": 3, "boiler.txt": 0}, question)
    for other in ("ada", "bob"):
        recorded.judge(SHELF, {"boiler.txt": 3, "clocks.txt": 1}, question, by=other)
    answered.number_input(key=state.RETRIEVE_K).set_value(1)
    page = open_section(ask(answered, question), sections.DEPTH)
    assert "1 chunk judged relevant was not retrieved at all." in shown(page)
    assert "Your own grade counts" in shown(page)


def test_the_card_of_another_answer_is_not_explained(answered: AppTest) -> None:
    page = open_section(answered, sections.WHY)
    page.selectbox(key=inspect_why.CARD).select_index(0)
    run(page).number_input(key=state.RETRIEVE_K).set_value(1)
    assert ask(page, "When does the clock strike?").selectbox(key=inspect_why.CARD).value is None


def test_an_answer_is_recorded_and_its_question_with_it(answered: AppTest) -> None:
    store = recorded.service().library.store
    assert "Recorded in the library's file" in shown(answered)
    assert store.runs.of(SHELF, QUESTION)
    assert QUESTION in [question.text for question in store.questions.of(SHELF)]


def test_a_record_can_be_deleted_where_it_was_made(answered: AppTest) -> None:
    runs = recorded.service().library.store.runs
    newest = runs.of(SHELF)[0]
    answered.button(key="delete_record").click()
    assert "This answer is not recorded." in shown(run(answered))
    assert newest.id not in [info.id for info in runs.of(SHELF)]


def test_a_session_that_is_not_to_be_recorded_leaves_nothing(answered: AppTest) -> None:
    store = recorded.service().library.store
    answered.toggle(key=state.RECORD).set_value(False)
    page = ask(run(answered), "What is my secret?")
    assert "This answer is not recorded." in shown(page)
    assert not store.runs.of(SHELF, "What is my secret?")
    assert "What is my secret?" not in [question.text for question in store.questions.of(SHELF)]
