import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from results import search_result

from rag.evaluation.next_best import next_best
from rag.metrics import ndcg


def test_change_adds_up_what_both_stages_would_gain_or_lose() -> None:
    # Retrieved 1, 2; reranked 2, 1. Good is the first; the second, were it fully relevant, would be too.
    found = next_best([(search_result((2, 1)), {"chunk-1": 1}, ())])
    ideal = 3 + 1 / math.log2(3)
    retrieved = abs((1 + 3 / math.log2(3)) / ideal - 1)
    reranked = abs(1 - 1 / math.log2(3))
    assert [one.passage.chunk_id for one in found] == ["chunk-2"]
    assert found[0].change == pytest.approx(retrieved + reranked)


def test_the_first_of_a_question_without_judgments_changes_most() -> None:
    # Were the third retrieved the only good one, nDCG would rise to 1 after and 1/2 before reranking.
    found = next_best([(search_result((3, 1, 2)), {}, ())])
    by_id = {one.passage.chunk_id: one.change for one in found}
    expected = {"chunk-1": 1 + 1 / math.log2(3), "chunk-3": 1.5, "chunk-2": 1 / math.log2(3) + 1 / 2}
    assert by_id == pytest.approx(expected)
    assert [one.passage.chunk_id for one in found] == ["chunk-1", "chunk-3", "chunk-2"]


def test_judged_passages_and_those_that_nobody_could_tell_are_left_out() -> None:
    found = next_best([(search_result((3, 2, 1)), {"chunk-3": 0}, {"chunk-1"})])
    assert [one.passage.chunk_id for one in found] == ["chunk-2"]


def test_nothing_is_left_to_judge_where_everything_is() -> None:
    assert next_best([(search_result((1,)), {"chunk-1": 0}, ())]) == []
    assert next_best([]) == []


def test_questions_are_weighed_against_each_other() -> None:
    well_judged = search_result((1, 2), query="known")
    unjudged = search_result((1, 2), query="new")
    found = next_best([(well_judged, {"chunk-1": 3}, ()), (unjudged, {}, ())])
    assert (found[0].query, found[0].passage.chunk_id) == ("new", "chunk-1")
    assert found[-1].query == "known"


def test_equal_changes_come_in_the_order_of_the_questions() -> None:
    questions = [(search_result((1,), query=name), {}, ()) for name in ("first", "second", "third")]
    assert [one.query for one in next_best(questions)] == ["first", "second", "third"]


def test_equal_changes_within_a_question_come_in_the_order_of_its_last_stage() -> None:
    found = next_best([(search_result((2, 1)), {}, ())])
    assert found[0].change == pytest.approx(found[1].change)
    assert [one.passage.chunk_id for one in found] == ["chunk-2", "chunk-1"]


def test_without_reranking_the_retriever_alone_counts() -> None:
    found = next_best([(search_result((1, 2), rerank=False), {}, ())])
    assert [one.change for one in found] == pytest.approx([1.0, 1 / math.log2(3)])


@settings(deadline=None)
@given(st.permutations(range(1, 16)), st.dictionaries(st.integers(1, 20), st.integers(0, 3)))
def test_change_is_what_judging_would_do(order: list[int], by_rank: dict[int, int]) -> None:
    grades = {f"chunk-{rank}": grade for rank, grade in by_rank.items()}
    stages = [[f"chunk-{rank}" for rank in sorted(order)], [f"chunk-{rank}" for rank in order]]
    found = next_best([(search_result(order), grades, ())])
    for one in found:
        judged = grades | {one.passage.chunk_id: 3}
        assert one.change == pytest.approx(sum(abs(ndcg(s, judged) - ndcg(s, grades)) for s in stages))
        assert 0 <= one.change <= 2
    assert [one.change for one in found] == sorted((one.change for one in found), reverse=True)
