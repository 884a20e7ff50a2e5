"""What a collection is measured with: its judgments as its chunks are now, and the runs that count."""

import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from answers import RERANKER, answer, backwards, judge, record
from toy_library import add, ingest, opened

from rag.evaluation.collection import grades, measure, placed, questions
from rag.evaluation.measures import WHY, CollectionMeasure
from rag.evidence import Judgment, Question, Setup
from rag.library import Library
from rag.metrics import measure as measure_ranking
from rag.records import Chunking, ModelInfo, StageTime
from rag.stats.percentile import percentile
from rag.ui.comparison import grading
from rag.ui.judging.queue import judgments_of

TEXTS = {
    "tea.txt": "Green tea steeps for two minutes.",
    "coffee.txt": "Coffee is brewed with hot water.",
    "iron.txt": "Iron melts in a furnace.",
    "owl.txt": "Owls hunt mice by ear.",
}
QUERY = "how long does green tea steep"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path) as library:
        ingest(library, TEXTS)
        yield library


def measured(library: Library, *, depth: int | None = None, who: str | None = None) -> CollectionMeasure:
    return measure(library, "c", judge=who, setup=Setup(RERANKER), depth=depth)


def why(library: Library, *, depth: int | None = None) -> list[str]:
    return [one.why for one in measured(library, depth=depth).unmeasured]


def by_name(library: Library, query: str = QUERY, judge: str | None = None) -> dict[str, int]:
    """The grades of a question by document; each has one chunk."""
    names = {info.id[:16]: info.name for info in library.documents("c")}
    found = grades(library, "c", judge).get(query, {})
    return {names[chunk.partition("-")[0]]: grade for chunk, grade in found.items()}


def test_of_several_judges_the_median_counts_and_of_an_even_number_the_lower(library: Library) -> None:
    for name, tea, owl in (("ada", 3, 3), ("bob", 0, 1), ("cem", 2, None)):
        judge(library, QUERY, {"tea.txt": tea, "owl.txt": owl}, by=name)
    assert by_name(library) == {"tea.txt": 2, "owl.txt": 1}
    assert by_name(library, judge="ada") == {"tea.txt": 3, "owl.txt": 3}


def test_of_one_judges_spans_the_highest_grade_counts_but_that_of_the_chunk_itself_before_it(
    library: Library,
) -> None:
    document = next(info.id for info in library.documents("c") if info.name == "tea.txt")
    for end, grade in ((9, 3), (12, 0)):
        library.judge(Judgment(QUERY, document, 0, end, grade, judge="ada"), collection="c")
    assert by_name(library) == {"tea.txt": 3}
    judge(library, QUERY, {"tea.txt": 1})
    assert by_name(library) == {"tea.txt": 1}
    judge(library, QUERY, {"tea.txt": None})
    assert by_name(library) == {}


@pytest.mark.parametrize("exact", [None, 0, 2])
def test_the_cards_the_queue_and_the_measures_go_by_the_same_judgment(
    library: Library, exact: int | None
) -> None:
    document = next(info.id for info in library.documents("c") if info.name == "tea.txt")
    judge(library, QUERY, {"tea.txt": exact})
    for end, grade in ((9, 3), (12, 1)):
        library.judge(Judgment(QUERY, document, 0, end, grade, judge="ada"), collection="c")
    passages = [hit.passage for hit in answer(library, QUERY).retrieved]
    said = library.judgments("c", QUERY)
    on_cards = grading.grades(grading.verdicts(said, passages, "ada"))
    in_queue = {key: one.grade for key, one in judgments_of(passages, said).items() if one.grade is not None}
    measured_by = grades(library, "c", "ada").get(QUERY, {})
    assert on_cards == in_queue == measured_by
    assert list(measured_by.values()) == ([] if exact is None else [exact])


def test_a_judgment_is_about_the_chunks_as_they_are_cut_now(library: Library) -> None:
    text = " ".join(f"Sentence {n} of the long story of tea." for n in range(60))
    long = add(library, "long.txt", text)
    library.judge(Judgment(QUERY, long, 0, len(text), 2), collection="c")
    before = grades(library, "c")[QUERY]
    library.rechunk("c", Chunking(64, 0))
    after = grades(library, "c")[QUERY]
    ids = {hit.passage.chunk_id for hit in answer(library, QUERY, k=50).retrieved}
    assert len(after) > len(before)
    assert set(after) <= ids


def test_what_is_elsewhere_and_what_nobody_could_judge_is_counted(library: Library) -> None:
    judge(library, QUERY, {"tea.txt": 3, "owl.txt": 2, "iron.txt": None})
    owl = next(info.id for info in library.documents("c") if info.name == "owl.txt")
    library.delete(owl, collection="c")
    found = placed(library, "c")
    assert (found.judgments, found.elsewhere, found.cannot_judge) == (3, 1, 1)
    assert list(found.grades) == [QUERY]


def test_both_stages_are_measured_as_their_recorded_orders_are(library: Library) -> None:
    judge(library, QUERY, {"tea.txt": 3, "owl.txt": 1, "iron.txt": 0})
    result = answer(library, QUERY)
    library.store.runs.add(result)
    (one,) = measured(library).questions
    by_chunk = grades(library, "c")[QUERY]
    orders = [[hit.passage.chunk_id for hit in hits] for hits in (result.retrieved, result.reranked)]
    expected = [measure_ranking(order, by_chunk, recall_depth=4) for order in orders]
    assert [one.retrieved, one.reranked] == expected
    assert one.difference.ndcg_at_10 == one.reranked.ndcg_at_10 - one.retrieved.ndcg_at_10 != 0


def test_a_question_says_how_much_of_it_was_judged_and_what_the_rest_could_change(library: Library) -> None:
    judge(library, QUERY, {"tea.txt": 1})
    record(library, QUERY)
    (one,) = measured(library).questions
    assert (one.candidates, one.judged, one.relevant) == (4, 1, 1)
    assert one.reranked.mrr_at_10 < one.reranked_if_good.mrr_at_10 == 1.0


def test_the_means_and_gains_are_over_the_measured_questions(library: Library) -> None:
    for query, good in (("green tea", "tea.txt"), ("mice by ear", "owl.txt"), ("iron furnace", "iron.txt")):
        judge(library, query, {good: 2})
        record(library, query, order=lambda hit: -hit.rank if hit.passage.document == "tea.txt" else hit.rank)
    judge(library, "hot water", {"coffee.txt": 0})
    record(library, "hot water")
    found = measured(library)
    gain = next(gain for gain in found.gains if gain.name == "nDCG@10")
    assert found.retrieved.queries == found.reranked.queries == 3
    assert gain.mean == pytest.approx(found.reranked.means.ndcg_at_10 - found.retrieved.means.ndcg_at_10)
    assert (gain.wins.wins, gain.wins.ties, gain.wins.losses) == (0, 0, 3)
    assert gain.p == pytest.approx(0.25)
    assert [gain.name for gain in found.gains] == ["nDCG@10", "MRR@10", "P@5", "Recall@10", "AP"]


def test_only_what_would_be_answered_so_today_counts(library: Library) -> None:
    judge(library, QUERY, {"tea.txt": 3})
    assert why(library) == ["not_asked"]
    record(library, QUERY)
    assert why(library) == []
    add(library, "new.txt", "A new text about tea.")
    assert why(library) == ["older_documents"]
    record(library, QUERY, reranker=ModelInfo("toy/other", "0" * 64, "cpu"))
    assert why(library) == ["other_models"]
    record(library, QUERY, k=2)
    assert why(library, depth=3) == ["fewer_candidates"]
    record(library, QUERY)
    assert why(library) == []


def test_a_question_without_a_relevant_passage_is_not_measured(library: Library) -> None:
    judge(library, QUERY, {"tea.txt": 0})
    library.store.questions.add("c", [Question("never judged", "q9")])
    record(library, QUERY)
    found = measured(library)
    assert [(one.query, one.id, one.why) for one in found.unmeasured] == [
        ("never judged", "q9", "not_judged"),
        (QUERY, "", "not_judged"),
    ]
    assert (found.questions, found.gains, found.latency) == ((), (), None)


def test_a_question_that_was_removed_is_measured_no_longer_until_it_is_asked_again(library: Library) -> None:
    judge(library, QUERY, {"tea.txt": 3})
    record(library, QUERY)
    library.store.questions.remove("c", QUERY)
    assert (measured(library).questions, measured(library).unmeasured) == ((), ())
    assert len(library.judgments("c")) == 1
    library.store.questions.add("c", [Question(QUERY)])
    assert [one.query for one in measured(library).questions] == [QUERY]


def test_many_judged_questions_are_listed_without_delay(library: Library) -> None:
    texts = [f"question {n}" for n in range(5000)]
    library.store.questions.add("c", map(Question, texts))
    library.store.judgments.put("c", [Judgment(text, "d", 0, 9, 1) for text in texts])
    began = time.process_time()
    assert [question.text for question in questions(library, "c")] == texts
    assert time.process_time() - began < 0.4


def test_a_run_that_cannot_be_read_costs_its_question_alone(library: Library, tmp_path: Path) -> None:
    for query in (QUERY, "green tea"):
        judge(library, query, {"tea.txt": 3})
        record(library, query)
    with sqlite3.connect(tmp_path / "library.db") as db:
        db.execute("UPDATE runs SET result = x'00' WHERE query = ?", (QUERY,))
    db.close()
    found = measured(library)
    assert [one.query for one in found.questions] == ["green tea"]
    assert [one.why for one in found.unmeasured] == ["cannot_be_read"]


def test_a_remote_reranker_is_known_by_its_name_and_place(library: Library) -> None:
    judge(library, QUERY, {"tea.txt": 3})
    there = ModelInfo("maker/model", "", "remote cohere at gpu.example.com")
    record(library, QUERY, reranker=there)
    here = measure(library, "c", judge=None, setup=Setup(there))
    elsewhere = measure(
        library, "c", judge=None, setup=Setup(replace(there, backend="remote tei at b.example"))
    )
    assert (len(here.questions), len(elsewhere.questions)) == (1, 0)


def test_more_candidates_than_are_measured_are_left_away_exactly(library: Library) -> None:
    judge(library, QUERY, {"tea.txt": 3, "owl.txt": 1})
    record(library, QUERY, k=2)
    (shallow,) = measured(library, depth=2).questions
    record(library, QUERY, k=4)
    (deep,) = measured(library, depth=2).questions
    assert deep.run.retrieved == 4
    assert (deep.retrieved, deep.reranked, deep.candidates) == (shallow.retrieved, shallow.reranked, 2)


def test_the_depth_is_that_of_most_runs_unless_it_is_named(library: Library) -> None:
    for query, k in (("green tea", 2), ("hot water", 2), ("mice", 3), ("furnace", 1)):
        judge(library, query, {"tea.txt": 1})
        record(library, query, k=k)
    found = measured(library)
    assert (found.depth, len(found.questions)) == (2, 3)
    assert [one.query for one in found.unmeasured] == ["furnace"]


def test_a_collection_with_fewer_chunks_than_asked_for_is_measured_all_the_same(library: Library) -> None:
    judge(library, QUERY, {"tea.txt": 3})
    record(library, QUERY, k=30)
    assert len(measured(library, depth=30).questions) == 1


def test_the_newest_run_that_counts_is_the_one_that_is_measured(library: Library) -> None:
    judge(library, QUERY, {"tea.txt": 3})
    record(library, QUERY)
    newest = record(library, QUERY, order=lambda hit: -hit.rank)
    record(library, QUERY, reranker=ModelInfo("toy/other", "0" * 64, "cpu"))
    (one,) = measured(library).questions
    assert one.run.id == newest.id
    assert one.difference.ndcg_at_10 == 0


def test_latency_is_of_answers_that_were_computed_without_queue_and_loading(library: Library) -> None:
    timed = [StageTime("queue", 0.2), StageTime("load", 0.3), StageTime("score", 0.4, 4)]
    for query, stages in (
        ("green tea", timed),
        ("mice", [StageTime("score", 0.4, 4, cached=1)]),
        ("water", [StageTime("score", 0.4, 4, cold=True)]),
    ):
        judge(library, query, {"tea.txt": 1})
        record(library, query, stages=stages, total_s=1.0)
    found = measured(library)
    assert [one.seconds for one in found.questions] == [pytest.approx(0.5), None, None]
    assert found.latency is not None
    assert found.latency.n == 1
    assert found.latency.p95_s == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("n", "share", "expected"), [(1, 0.95, 1), (20, 0.95, 19), (100, 0.5, 50), (3, 0.5, 2)]
)
def test_a_percentile_is_a_measured_value(n: int, share: float, expected: int) -> None:
    assert percentile([float(value) for value in range(n, 0, -1)], share) == expected


def test_300_questions_are_measured_in_well_under_a_second(library: Library) -> None:
    ingest(library, {f"{n}.txt": f"Text {n} speaks of tea and {'more ' * 150}{n}." for n in range(40)})
    result = answer(library, QUERY, k=30, order=backwards)
    best = result.reranked[0].passage
    for n in range(300):
        library.store.runs.add(replace(result, query=f"question {n}"))
    library.store.judgments.put(
        "c", [Judgment(f"question {n}", best.document_id, best.start, best.end, 3) for n in range(300)]
    )
    began = time.process_time()
    assert len(measured(library).questions) == 300
    first = time.process_time() - began
    assert len(measured(library).questions) == 300
    again = time.process_time() - began - first
    assert first < 1.0
    assert again < first


def test_the_docs_name_every_reason_why_a_question_is_left_out() -> None:
    text = (Path(__file__).resolve().parents[1] / "docs" / "measuring.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE) == list(WHY)
