"""The page of recorded runs as a visitor uses it, without a browser."""

from collections.abc import Iterator

import pytest
import recorded
from files import text_file
from recorded import QUESTION, address, open_section, run, shown, visit_runs
from streamlit.testing.v1 import AppTest

from rag.evidence import RunInfo
from rag.library import Library
from rag.ui import sharing, state
from rag.ui.inspection import sections
from rag.ui.runs import table as runs_table

OTHER = "When does the clock strike?"
ITALIAN = "Per quanto tempo riposa l'impasto del pane?"


@pytest.fixture(scope="module", autouse=True)
def one_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One library for these tests; each fills a collection of its own."""
    with recorded.own_library(tmp_path_factory.mktemp("runs")):
        yield


@pytest.fixture
def shelf(request: pytest.FixtureRequest) -> str:
    """A collection of three texts."""
    return recorded.fill(request.node.name[-60:].replace("_", " ").strip())


def library() -> Library:
    return recorded.service().library


def select(page: AppTest, shelf: str, *infos: RunInfo) -> AppTest:
    """Select runs in the table, which shows the newest first."""
    ids = [info.id for info in library().store.runs.of(shelf)]
    (table,) = page.dataframe
    rows = [ids.index(info.id) for info in infos]
    page.session_state[table.key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    return run(page)


def test_a_collection_without_runs_says_where_they_come_from(shelf: str) -> None:
    page = visit_runs(shelf)
    assert "Nothing is recorded here yet" in shown(page)
    assert len(page.dataframe) == 0


def test_runs_are_listed_newest_first_with_what_they_are(shelf: str) -> None:
    recorded.record(shelf)
    recorded.record(shelf)
    recorded.record(shelf, OTHER)
    (table,) = visit_runs(shelf).dataframe
    assert table.value["Question"].to_list() == [OTHER, QUESTION, QUESTION]
    assert "3 cached" in table.value["Notes"].to_list()


def test_runs_are_found_by_words_of_their_question(shelf: str) -> None:
    for question in (QUESTION, OTHER, "one", "two", "three"):
        recorded.record(shelf, question)
    page = visit_runs(shelf)
    page.text_input(key=runs_table.SEARCH).set_value("STRIKE clock")
    (table,) = run(page).dataframe
    assert table.value["Question"].to_list() == [OTHER]


def test_a_run_is_opened_with_the_scores_and_times_of_then(shelf: str) -> None:
    info = recorded.record(shelf)
    page = select(visit_runs(shelf), shelf, info)
    page.button(key="open_run").click()
    said = shown(run(page))
    assert address(page) == {sharing.RUN: info.id}
    assert "Every text, score and time below is that of then" in said
    best = library().store.runs.get(info.id).result.reranked[0]
    assert f"logit {best.logit:.3f}" in said


def test_an_address_opens_the_run_even_from_the_first_page(shelf: str) -> None:
    info = recorded.record(shelf)
    assert "A recorded run" in shown(recorded.visit(shelf, run=info.id))


def test_an_opened_run_says_that_its_times_are_of_that_day(shelf: str) -> None:
    page = open_section(visit_runs(shelf, recorded.record(shelf).id), sections.TIME)
    assert "Measured on" in shown(page)
    assert "is measured now" in shown(page)


def test_a_run_that_is_gone_is_said_to_be_gone_over_the_list(shelf: str) -> None:
    recorded.record(shelf)
    page = visit_runs(shelf, "nothing")
    assert "There is no such recorded run" in shown(page)
    assert len(page.dataframe) == 1


def test_todays_answer_is_compared_with_that_of_then(shelf: str) -> None:
    page = visit_runs(shelf, recorded.record(shelf).id)
    page.button(key="ask_today").click()
    said = shown(run(page))
    assert "The reranker is the same. The documents are the same." in said
    assert "all 3 passages that both rank stand in the same order" in said


def test_a_run_that_words_had_a_share_in_says_so_and_is_asked_again_as_it_was(shelf: str) -> None:
    run_id = recorded.record(shelf, ITALIAN).id
    assert visit_runs(shelf).dataframe[0].value["Found by"].to_list() == ["FAISS + BM25"]
    page = visit_runs(shelf, run_id)
    page.button(key="ask_today").click()
    said = shown(run(page))
    assert "and words, ranks fused, ordered by" in said
    assert "(order fused" in said
    assert "The final order was made by the same rule both times: fused with" in said
    assert "all 3 passages that both rank stand in the same order" in said


def test_a_document_that_has_come_since_is_told_and_ranked(shelf: str) -> None:
    page = visit_runs(shelf, recorded.record(shelf).id)
    library().ingest([text_file("new.txt", "The dough rests for two hours.")], collection=shelf)
    assert "documents changed since" in shown(run(page))
    page.button(key="ask_today").click()
    said = shown(run(page))
    assert "The documents have changed since." in said
    assert "new.txt" in said


def test_kept_runs_survive_the_deletion_of_all_others(shelf: str) -> None:
    kept, other = recorded.record(shelf), recorded.record(shelf, OTHER)
    page = select(visit_runs(shelf), shelf, kept)
    page.button(key="keep_runs").click()
    run(page).checkbox(key=runs_table.SURE).set_value(True)
    run(page).button(key="delete_all_runs").click()
    run(page)
    left = {info.id for info in library().store.runs.of(shelf)}
    assert kept.id in left
    assert other.id not in left


def test_selected_runs_are_deleted_and_no_others(shelf: str) -> None:
    first, second = recorded.record(shelf), recorded.record(shelf, OTHER)
    page = select(visit_runs(shelf), shelf, first)
    page.button(key="delete_runs").click()
    run(page)
    assert [info.id for info in library().store.runs.of(shelf)] == [second.id]


def test_an_opened_run_is_kept_and_deleted_where_it_is(shelf: str) -> None:
    info = recorded.record(shelf)
    page = visit_runs(shelf, info.id)
    page.button(key="keep_run").click()
    run(page)
    assert library().store.runs.get(info.id).info.kept
    page.button(key="delete_run").click()
    assert "Nothing is recorded here yet" in shown(run(page))


def test_recording_can_be_switched_off_where_the_runs_are(shelf: str) -> None:
    page = visit_runs(shelf)
    page.toggle(key=state.RECORD).set_value(False)
    page = run(run(page).switch_page(state.COMPARE_PAGE))
    recorded.ask(page, OTHER)
    assert library().store.runs.of(shelf) == ()


def test_a_hostile_question_stays_text(shelf: str) -> None:
    evil = "<img src=x onerror=alert(1)> **b** :red[r] $x$"
    page = visit_runs(shelf, recorded.record(shelf, evil).id)
    page.button(key="ask_today").click()
    open_section(run(page), sections.TIME)
    assert not any("<img" in element.value for element in page.html)
    assert not any(evil in element.value for element in page.markdown)
