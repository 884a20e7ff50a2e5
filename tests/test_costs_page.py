"""The page that sets what reranking costs here beside a remote GPU, without a browser."""

import csv
import io
from collections.abc import Iterator

import misbehaving
import pytest
import recorded
from recorded import QUESTION, run, service, shown, visit
from streamlit.testing.v1 import AppTest

from rag.costs import Remote, Workload
from rag.inspect.pace import Pace
from rag.records import ModelInfo
from rag.ui.costs import choices, measuring
from rag.ui.costs.assumptions import ASSUMPTIONS, Name
from rag.ui.costs.choices import Choice
from rag.ui.costs.month import LEFT_OUT, cautions, money, month, rows, table

PAGE = "rag/ui/pages/costs.py"
CLOCK = "When does the clock strike?"


@pytest.fixture(scope="module", autouse=True)
def one_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One library for these tests; each fills a collection of its own."""
    with recorded.own_library(tmp_path_factory.mktemp("costs")):
        service().warm_up()
        yield


@pytest.fixture
def shelf(request: pytest.FixtureRequest) -> str:
    """A collection of three texts."""
    return recorded.fill(request.node.name[-60:].replace("_", " ").strip())


def costs(shelf: str) -> AppTest:
    return run(visit(shelf).switch_page(PAGE))


def typed(page: AppTest, name: Name, value: float) -> AppTest:
    page.number_input(key=choices.key(name)).set_value(value)
    return run(page)


def bills(page: AppTest, how: str) -> AppTest:
    page.radio(key=choices.BILLING).set_value(how)
    return run(page)


def asked(shelf: str) -> str:
    """The collection, with two questions asked of it, no score known before."""
    for question in (QUESTION, CLOCK):
        answer = service().pipeline.search(
            question, collection=shelf, retrieve_k=30, reranker="local", fresh=True
        )
        service().library.store.runs.add(answer)
    return shelf


def test_the_page_begins_with_the_worked_example(shelf: str) -> None:
    said = shown(costs(shelf))
    assert "1,500 questions a month cost $10.00 here and $44.93 with the remote GPU: $34.93 less." in said
    assert "Remote GPU $0.00 $34.93" in said


def test_every_figure_that_was_not_measured_says_where_it_is_from(shelf: str) -> None:
    said = shown(costs(shelf))
    assert [each.name for each in ASSUMPTIONS if each.source not in said or each.as_of not in said] == []
    assert [each for each in LEFT_OUT if each not in said] == []


def test_a_figure_of_ones_own_changes_the_result_and_is_called_so(shelf: str) -> None:
    page = typed(costs(shelf), "questions", 3_000)
    said = shown(page)
    assert "3,000 questions a month cost $10.00 here" in said
    assert "Questions a month 3,000 questions yours" in said


def test_the_worked_example_comes_back(shelf: str) -> None:
    page = typed(bills(costs(shelf), "flat"), "questions", 3_000)
    page.button(key="costs_reset").click()
    assert "1,500 questions a month cost $10.00 here and $44.93" in shown(run(page))


def test_one_price_a_month_is_the_middle_of_the_founding_figures(shelf: str) -> None:
    assert "Remote GPU $0.00 $40.00" in shown(bills(costs(shelf), "flat"))


def test_a_gpu_that_is_always_up_is_asked_for_no_cold_starts(shelf: str) -> None:
    page = bills(costs(shelf), "always")
    assert "Remote GPU $0.00 $584.00" in shown(page)
    fields = {field.key for field in page.number_input}
    assert choices.key("price_hour") in fields
    assert choices.key("start_s") not in fields


def test_what_was_typed_is_still_there_after_another_way_of_billing(shelf: str) -> None:
    page = typed(costs(shelf), "start_s", 10)
    page = bills(bills(page, "always"), "used")
    assert page.number_input(key=choices.key("start_s")).value == 10


def test_known_cold_starts_take_the_place_of_estimated_ones(shelf: str) -> None:
    page = costs(shelf)
    page.toggle(key=choices.COUNTED).set_value(True)
    run(page).number_input(key=choices.STARTS).set_value(7)
    assert "Cold starts a month once, with the server 7" in shown(run(page))


def test_without_a_question_nothing_is_called_measured(shelf: str) -> None:
    page = costs(shelf)
    assert "No question of this collection was asked yet" in shown(page)
    assert "not measured" in shown(page)
    assert not any(button.key == measuring.MEASURE for button in page.button)


def test_recorded_times_are_called_recorded(shelf: str) -> None:
    said = shown(costs(asked(shelf)))
    assert "Recorded, " in said
    assert "2 answers with up to 3 candidates each" in said
    assert "not measured" not in said


def test_a_click_measures_every_score_anew(shelf: str) -> None:
    page = costs(asked(shelf))
    page.button(key=measuring.MEASURE).click()
    said = shown(run(page))
    assert "Measured by you, " in said
    assert "questions a minute, one after the other" in said
    infos = service().library.store.runs.of(shelf)
    assert len(infos) == 2  # to measure is not to ask for an answer to keep


def test_answers_out_of_the_cache_are_not_measured_times(shelf: str) -> None:
    asked(shelf)
    recorded.record(shelf, QUESTION)
    assert "2 answers with up to 3 candidates each" in shown(costs(shelf))


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[misbehaving.Server]:
    """A remote reranker that the settings name, on this machine."""
    with misbehaving.serving() as server:
        monkeypatch.setenv("MODAL_RERANK_URL", f"{server.url}/rerank")
        yield server
        service().close()


def test_a_remote_reranker_is_measured_by_a_click_of_its_own_and_reckoned_with(
    shelf: str, remote: misbehaving.Server
) -> None:
    remote.behaviour = misbehaving.slow(0.15, misbehaving.timed("20"))
    page = costs(asked(shelf))
    before = len(remote.posts())
    page.button(key=measuring.MEASURE_REMOTE).click()
    assert "The remote reranker, " in shown(run(page))
    assert len(remote.posts()) == before + 2
    page.button(key=measuring.USE_REMOTE).click()
    assert 0.15 <= float(run(page).number_input(key=choices.key("seconds")).value or 0) < 1


def test_a_remote_reranker_that_fails_is_told_in_its_place(shelf: str, remote: misbehaving.Server) -> None:
    page = costs(asked(shelf))
    remote.behaviour = misbehaving.replying({"message": "overloaded"}, 500)
    page.button(key=measuring.MEASURE_REMOTE).click()
    said = shown(run(page))
    assert "was expected to answer 200" in said
    assert "1,500 questions a month cost" in said


def test_what_was_measured_is_of_its_collection_alone(shelf: str) -> None:
    other = recorded.fill(f"{shelf[:40]} other")
    page = costs(asked(shelf))
    page.button(key=measuring.MEASURE).click()
    run(page)
    page.selectbox(key="collection").set_value(other)
    assert "Measured by you" not in shown(run(page))


def test_the_table_holds_what_is_given_what_was_measured_and_what_came_of_it() -> None:
    remote = Remote("used", 0.8, 40.0, 2.6, 53.4, 60.0, None, 10.0)
    found = month(Choice(Workload(1_500, 176), remote, 10.0), None)
    lines = list(csv.DictReader(io.StringIO(table(found, ("=1+1",)))))
    kinds = [row["kind"] for row in lines]
    assert kinds.count("assumption") == len(ASSUMPTIONS) + 1  # how it bills
    assert {"result", "questions a month"} <= set(kinds)
    assert next(row["value"] for row in lines if row["what"] == "A month in all") == "$10.00"
    assert next(row["value"] for row in lines if row["kind"] == "measured") == "'=1+1"


def test_more_questions_than_one_machine_answers_at_ease_take_several() -> None:
    remote = Remote("always", 0.8, 40.0, 2.6, 53.4, 60.0, None, 10.0)
    pace = Pace((2.0,), 30, ModelInfo("reranker", "abc", "onnxruntime"), "", "")
    found = month(Choice(Workload(500_000, 176), remote, 10.0), pace)
    (said,) = cautions(found)
    assert "So 3 are counted" in said
    assert ("How many", "3 machines", "3 GPUs") in rows(found)


@pytest.mark.parametrize(
    ("amount", "said"), [(0, "$0.00"), (0.02324, "$0.0232"), (37.7, "$37.70"), (1234.4, "$1,234")]
)
def test_a_price_is_shown_in_figures_that_tell(amount: float, said: str) -> None:
    assert money(amount) == said
