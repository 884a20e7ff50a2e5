"""The page that says what reranking is worth, without a browser."""

import io
import json
import re
import time
import zipfile
from collections.abc import Iterator

import pytest
import recorded
from drawings import drawn
from recorded import QUESTION, run, service, shown, visit
from streamlit.testing.v1 import AppTest

from rag.evidence import Judgment, Question
from rag.report import exports
from rag.ui import state
from rag.ui.judging import desk
from rag.ui.measuring import choice, files, table

PAGE = "rag/ui/pages/measure.py"
CLOCK = "What strikes every quarter of an hour?"
ITALIAN = "Per quanto tempo riposa l'impasto del pane?"
GOOD = {"bread.txt": 3, "boiler.txt": 0, "clocks.txt": 0}
METRICS = ("nDCG", "MRR@10", "Recall@10")


@pytest.fixture(scope="module", autouse=True)
def one_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One library for these tests; each fills a collection of its own."""
    with recorded.own_library(tmp_path_factory.mktemp("measure")):
        yield


@pytest.fixture
def shelf(request: pytest.FixtureRequest) -> str:
    """A collection of three texts."""
    return recorded.fill(request.node.name[-60:].replace("_", " ").strip())


def measure(shelf: str) -> AppTest:
    return run(visit(shelf).switch_page(PAGE))


def add_questions(shelf: str, *queries: str) -> None:
    service().library.store.questions.add(shelf, [Question(query) for query in queries])


def measured(shelf: str) -> AppTest:
    """The page on a collection with a judged question that was asked, and one that nobody judged."""
    add_questions(shelf, QUESTION, CLOCK)
    recorded.record(shelf)
    recorded.record(shelf, CLOCK)
    recorded.judge(shelf, GOOD)
    return measure(shelf)


def after_the_jobs(page: AppTest) -> AppTest:
    """The page, drawn anew when no job runs any more."""
    deadline = time.monotonic() + 60
    while any(job.running for job in service().jobs.all()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return run(page)


def select(page: AppTest, key: str, row: int) -> AppTest:
    page.session_state[key] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return run(page)


def test_without_questions_the_page_says_where_they_come_from(shelf: str) -> None:
    said = shown(measure(shelf))
    assert "A measure needs questions" in said
    assert not any(name in said for name in METRICS)


def test_without_judgments_nothing_is_called_a_measure(shelf: str) -> None:
    add_questions(shelf, QUESTION)
    recorded.record(shelf)
    said = shown(measure(shelf))
    assert "no passage is judged relevant to any of them" in said
    assert "0 (no answer) to 3 (full answer)" in said
    assert not any(name in said for name in METRICS)


def test_judged_questions_that_were_not_asked_are_asked_in_the_background(shelf: str) -> None:
    add_questions(shelf, QUESTION)
    recorded.judge(shelf, GOOD)
    page = measure(shelf)
    assert "no answer that they could measure" in shown(page)
    page.button(key="measure_ask").click()
    said = shown(after_the_jobs(run(page)))
    assert "1 of 1 question asked and recorded." in said
    assert "nDCG@10 is 1.000 as retrieved and 1.000 reranked" in said


def test_asked_anew_every_score_is_computed_again(shelf: str) -> None:
    page = measured(shelf)
    page.button(key="measure_ask_anew").click()
    after_the_jobs(run(page))
    runs = service().library.store.runs.newest(shelf)
    assert [runs[query].cached for query in (QUESTION, CLOCK)] == [0, 0]


def test_both_stages_stand_side_by_side_with_what_was_not_judged(shelf: str) -> None:
    said = shown(measured(shelf))
    assert "Retrieved Reranked Difference 95% interval Better · same · worse" in said
    assert "1 of the 10 questions that it takes to say what reranking is worth: nDCG@10 is" in said
    assert "nDCG@10 1.000 1.000 +0.000 – 0 · 1 · 0" in said
    assert "Judged@10 1.000 1.000" in said
    assert "Retrieved, unjudged bad" in said
    assert "No passage of the documents here is judged relevant to it. (1 question)" in said


def test_two_measured_questions_have_an_interval_and_a_chart(shelf: str) -> None:
    add_questions(shelf, QUESTION, CLOCK)
    for query, grades in ((QUESTION, GOOD), (CLOCK, {"clocks.txt": 2})):
        recorded.record(shelf, query)
        recorded.judge(shelf, grades, query)
    page = measure(shelf)
    (chart,) = page.get("bidi_component")
    assert "nDCG@10" in drawn(chart)
    assert "+0.000 to +0.000" in shown(page)


def test_questions_in_two_languages_are_measured_in_a_line_each_with_both_orders(shelf: str) -> None:
    add_questions(shelf, QUESTION, ITALIAN)
    for query in (QUESTION, ITALIAN):
        recorded.record(shelf, query)
        recorded.judge(shelf, GOOD, query)
    page = measure(shelf)
    said = shown(page)
    assert "Candidates found by FAISS (1), FAISS + BM25 (1)." in said
    assert "Language Questions Retrieved Reranker alone Final order Difference" in said
    assert re.search(r"English 1 1\.000 1\.000 1\.000 .* Italian 1 \d\.\d{3} ", said)
    assert page.dataframe[0].value["Language"].to_list() == ["English", "Italian"]


def test_an_answer_found_in_another_way_than_now_is_not_measured(shelf: str) -> None:
    add_questions(shelf, QUESTION)
    recorded.judge(shelf, GOOD)
    by_words = service().pipeline.search(QUESTION, collection=shelf, retrieve_k=30, retriever="lexical")
    service().library.store.runs.add(by_words)
    page = measure(shelf)
    assert "found, or ordered, in another way than they are now" in shown(page)
    assert page.button(key="measure_ask").label == "Ask 1 question"


def test_a_judge_can_be_chosen_and_only_their_judgments_count(shelf: str) -> None:
    measured(shelf)
    library = service().library
    document = library.documents(shelf)[0]
    library.judge(Judgment(CLOCK, document.id, 0, 20, 3, "Ada"), collection=shelf)
    page = visit(shelf).switch_page(PAGE)
    page.session_state[choice.JUDGE] = ("Ada",)
    run(page)
    assert page.dataframe[0].value["Question"].to_list() == [CLOCK]


def test_each_question_can_be_opened_and_asked_on_the_compare_page(shelf: str) -> None:
    page = select(measured(shelf), table.TABLE, 0)
    page.button(key="compare_measured").click()
    run(page)
    assert page.text_input(key=state.QUESTION).value == QUESTION
    assert "Retrieved" in shown(page)


def test_each_question_can_be_opened_on_the_judge_page(shelf: str) -> None:
    page = select(measured(shelf), table.OTHERS, 0)
    page.button(key="judge_unmeasured").click()
    run(page)
    assert page.title[0].value == "Judge"
    assert page.session_state[desk._DESK].query == CLOCK


def test_the_files_are_those_of_the_library_and_made_when_asked_for(shelf: str) -> None:
    measured(shelf)
    by_label = {file.label: file for file in files.files(service(), shelf, None)}
    assert by_label["Judgments (TREC qrels)"].made() == exports.qrels_trec(service().library, shelf)
    assert by_label["Report (HTML)"].made().startswith("<!doctype html>")
    assert len(by_label["Run: reranked"].made().splitlines()) == 6


def test_what_there_is_nothing_for_cannot_be_downloaded(shelf: str) -> None:
    add_questions(shelf, QUESTION)
    disabled = [button.proto.disabled for button in measure(shelf).get("download_button")]
    assert disabled == [True] * 6


def test_judgments_are_taken_over_from_a_qrels_file(shelf: str) -> None:
    add_questions(shelf, QUESTION)
    library = service().library
    document = next(one for one in library.documents(shelf) if one.name == "bread.txt")
    page = measure(shelf)
    line = f"{QUESTION}\t{document.id}\t2\n"
    page.file_uploader(key=files.QRELS).upload("q.tsv", f"query-id\tcorpus-id\tscore\n{line}".encode())
    next(button for button in page.button if button.label == "Import judgments").click()
    assert "1 judgment of 1 question imported." in shown(run(page))
    (judgment,) = library.judgments(shelf)
    assert (judgment.grade, judgment.judge) == (2, "imported")


def test_a_qrels_file_that_cannot_be_read_is_said_to_be_so(shelf: str) -> None:
    page = measure(shelf)
    page.file_uploader(key=files.QRELS).upload("q.txt", b"one two\n")
    next(button for button in page.button if button.label == "Import judgments").click()
    assert "q.txt" in shown(run(page))
    assert not service().library.judgments(shelf)


def beir_zip() -> bytes:
    """A data set of two documents and a question."""
    corpus = [{"_id": "d1", "title": "", "text": "Bread rises."}, {"_id": "d2", "text": "Clocks strike."}]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("set/corpus.jsonl", "\n".join(map(json.dumps, corpus)))
        archive.writestr("set/queries.jsonl", json.dumps({"_id": "q1", "text": "What rises?"}))
        archive.writestr("set/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    return data.getvalue()


def test_a_data_set_becomes_a_collection_with_its_questions_and_judgments(shelf: str) -> None:
    page = measure(shelf)
    uploader = next(one for one in page.file_uploader if "ZIP" in one.label)
    uploader.upload("set.zip", beir_zip())
    run(page).text_input(key=files.NEW_NAME).set_value("a data set")
    page.button(key="measure_import").click()
    said = shown(after_the_jobs(run(page)))
    library = service().library
    assert "Import of the data set a data set" in said
    assert [question.text for question in library.store.questions.of("a data set")] == ["What rises?"]
    assert [judgment.grade for judgment in library.judgments("a data set")] == [1]
