"""What is measured of answers that words had a share in: which runs count, both orders, each language."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import ir_measures
import pytest
from answers import answer, judge
from fused import FUSED, READER, fused_answer, ids, record_fused
from ir_measures import RR, nDCG
from toy_library import ingest, opened

from rag.evaluation.collection import measure
from rag.evaluation.counting import setup_of
from rag.evaluation.gate import Margins, baseline_of, compare
from rag.evaluation.measures import CollectionMeasure, answered
from rag.evidence import RunInfo, Setup
from rag.library import Library
from rag.metrics import ndcg
from rag.outcomes import Ordering
from rag.records import SearchResult, StageTime
from rag.report import exports
from rag.report.html import build

TEXTS = {
    "tè.txt": "Il tè verde riposa nella teiera per due minuti.",
    "caffè.txt": "Il caffè si prepara con l'acqua calda.",
    "ferro.txt": "Il ferro fonde nella fornace.",
    "gufo.txt": "Il gufo caccia i topi di notte.",
}
QUERY = "Per quanti minuti riposa il tè verde nella teiera?"
ENGLISH = "How many minutes does green tea rest in the pot?"
HYBRID = Setup(READER, "hybrid")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path) as library:
        ingest(library, TEXTS)
        judge(library, QUERY, {"tè.txt": 3, "gufo.txt": 1})
        yield library


def measured(library: Library, setup: Setup = HYBRID, *, depth: int | None = None) -> CollectionMeasure:
    return measure(library, "c", judge=None, setup=setup, depth=depth)


def why(library: Library, setup: Setup) -> list[str]:
    return [one.why for one in measured(library, setup).unmeasured]


def by_words(library: Library, n: int) -> SearchResult:
    """An answer to the question, `n` of whose candidates have its words."""
    found = answer(library, QUERY, k=n, reranker=READER)
    hits = [replace(hit, cosine=None, lexical_rank=hit.rank, bm25=5.0 - hit.rank) for hit in found.retrieved]
    return replace(found, retriever="lexical", retrieved=tuple(hits), lexical=tuple(hits))


def test_a_run_counts_where_it_was_found_and_ordered_as_now(library: Library) -> None:
    record_fused(library, QUERY)
    assert [one.query for one in measured(library).questions] == [QUERY]
    assert why(library, Setup(READER, "dense")) == ["other_retrieval"]
    assert why(library, Setup(READER, "hybrid", "reranker")) == ["other_retrieval"]


def test_the_rerankers_own_order_counts_only_where_it_is_asked_for(library: Library) -> None:
    record_fused(library, QUERY, ordering=Ordering())
    assert why(library, HYBRID) == ["other_retrieval"]
    assert len(measured(library, Setup(READER, "hybrid", "reranker")).questions) == 1


def test_a_run_of_before_there_was_a_choice_is_one_by_vectors(library: Library) -> None:
    library.store.runs.add(answer(library, QUERY, reranker=READER))
    assert len(measured(library, Setup(READER, "dense")).questions) == 1
    assert len(measured(library, Setup(READER)).questions) == 1  # nothing speaks against this embedder
    assert why(library, HYBRID) == ["other_retrieval"]


def test_by_words_as_many_count_as_were_asked_for(library: Library) -> None:
    judge(library, ENGLISH, {"tè.txt": 3})
    library.store.runs.add(replace(by_words(library, 1), query=ENGLISH), asked_for=4)
    library.store.runs.add(by_words(library, 2))
    found = measured(library, Setup(READER, "lexical"), depth=4)
    assert [one.query for one in found.questions] == [ENGLISH]
    assert [one.why for one in found.unmeasured] == ["fewer_candidates"]


def test_a_fused_run_of_more_candidates_than_both_lists_hold_is_another_one(library: Library) -> None:
    ingest(library, {f"{n}.txt": f"Un altro testo, il numero {n}." for n in range(120)})
    record_fused(library, QUERY, k=110)
    assert [one.why for one in measured(library, depth=30).unmeasured] == ["fewer_candidates"]
    assert len(measured(library, depth=110).questions) == 1


def test_the_rerankers_own_order_is_measured_beside_the_fused_one(library: Library) -> None:
    result = fused_answer(library, QUERY)
    library.store.runs.add(result)
    found = measured(library)
    (one,) = found.questions
    grades = exports.grades(library, "c")[QUERY]
    own = sorted(result.reranked, key=lambda hit: hit.reranker_rank or 0)
    assert one.reranked.ndcg_at_10 == ndcg(ids(result.reranked), grades)
    assert found.by_reranker
    assert one.by_reranker.ndcg_at_10 == found.by_reranker.means.ndcg_at_10 == ndcg(ids(own), grades)
    assert one.by_reranker != one.reranked
    said = (
        "found by FAISS + BM25. The final order is fused with the retriever's, for the question's language."
    )
    assert said in answered(found)


def test_the_measures_of_each_language_are_over_its_questions(library: Library) -> None:
    judge(library, ENGLISH, {"ferro.txt": 2})
    judge(library, "tè?", {"tè.txt": 2})
    record_fused(library, QUERY)
    for query in (ENGLISH, "tè?"):
        record_fused(library, query, ordering=Ordering())
    found = measured(library)
    assert [(one.language, one.reranked.queries) for one in found.languages] == [
        ("en", 1),
        ("it", 1),
        (None, 1),
    ]
    by_query = {one.query: one for one in found.questions}
    english, italian, _ = found.languages
    assert english.reranked.means.ndcg_at_10 == by_query[ENGLISH].reranked.ndcg_at_10
    assert italian.gain.mean == by_query[QUERY].difference.ndcg_at_10
    assert (english.by_reranker, italian.by_reranker is None) == (None, False)


def test_the_time_of_an_answer_in_words_is_not_that_of_the_search(library: Library) -> None:
    result = fused_answer(library, QUERY)
    stages = (StageTime("score", 0.4, 4), StageTime("order", 0.1, 4), StageTime("answer", 0.5))
    library.store.runs.add(replace(result, stages=stages, total_s=1.0))
    assert [one.seconds for one in measured(library).questions] == [pytest.approx(0.5)]


def newest(library: Library) -> RunInfo:
    return library.store.runs.of("c")[0]


def test_the_setup_of_a_run_is_left_to_the_rules_where_they_come_to_the_same(library: Library) -> None:
    record_fused(library, QUERY)
    assert setup_of(library, newest(library)) == HYBRID
    record_fused(library, QUERY, ordering=Ordering())
    assert setup_of(library, newest(library)) == Setup(READER, "hybrid", "reranker")
    library.store.runs.add(answer(library, QUERY, reranker=READER))
    assert setup_of(library, newest(library)) == Setup(READER)


@pytest.mark.parametrize("stage", ["retrieved", "reranked"])
def test_an_exported_run_has_the_order_of_the_answer_though_no_score_has_it(
    library: Library, stage: exports.Stage
) -> None:
    result = fused_answer(library, QUERY)
    library.store.runs.add(result)
    rows = [line.split() for line in exports.runs_trec(library, "c", stage).splitlines()]
    hits = getattr(result, stage)
    assert [(row[2], int(row[3])) for row in rows] == [(hit.passage.chunk_id, hit.rank) for hit in hits]
    scores = [float(row[4]) for row in rows]
    assert scores == sorted(set(scores), reverse=True)


def test_an_export_by_words_has_their_scores(library: Library) -> None:
    library.store.runs.add(by_words(library, 3), asked_for=3)
    rows = [line.split() for line in exports.runs_trec(library, "c", "retrieved").splitlines()]
    assert [float(row[4]) for row in rows] == [4.0, 3.0, 2.0]


def test_ir_measures_takes_the_same_measures_of_a_fused_order(library: Library) -> None:
    record_fused(library, QUERY)
    qrels = ir_measures.read_trec_qrels(exports.qrels_trec(library, "c"))  # type: ignore[no-untyped-call]
    run = ir_measures.read_trec_run(exports.runs_trec(library, "c"))  # type: ignore[no-untyped-call]
    theirs = ir_measures.calc_aggregate([nDCG @ 10, RR @ 10], qrels, run)
    ours = measured(library).reranked.by_name
    assert (theirs[nDCG @ 10], theirs[RR @ 10]) == pytest.approx((ours["nDCG@10"], ours["MRR@10"]))


def test_a_report_says_by_which_rule_an_order_came_about_and_shows_both(library: Library) -> None:
    judge(library, ENGLISH, {"ferro.txt": 2})
    record_fused(library, ENGLISH, ordering=Ordering())
    record_fused(library, QUERY)
    page = build(library, "c")
    said = re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", page.partition("<body")[2]))
    assert FUSED.because in said
    assert "retrieved reranker alone final order difference" in said
    assert "nDCG@10 by the language of the question" in said
    assert re.search(r"BM25 9\.00 \(rank 1\)", said)
    assert re.search(r"logit 4\.000 · rank 1 by it alone", said)


def test_a_baseline_of_another_way_to_find_and_order_is_compared_and_named(library: Library) -> None:
    record_fused(library, QUERY)
    now = baseline_of(measured(library), threads=2)
    verdict = compare(replace(now, retriever="dense", order="reranker"), now, Margins())
    assert verdict.passed
    assert verdict.notes == (
        "The retriever was dense and is hybrid.",
        "The rule of the final order was reranker and is auto.",
    )
