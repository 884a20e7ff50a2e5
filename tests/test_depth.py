import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from results import search_result

from rag.inspect.depth import KNEE_MARGIN, DepthPoint, depth_curve, kept_by
from rag.metrics import ndcg
from rag.records import SearchResult, StageTime

# What is retrieved first comes last, and so on: reranked 4, 2, 3, 1.
ORDER = (4, 2, 3, 1)


def timed(*each: float | None, order: tuple[int, ...] = ORDER, seconds: float = 0.100) -> SearchResult:
    return search_result(
        order, stages=[StageTime("embed", 0.5, each=(0.5,) * 4), StageTime("score", seconds, each=each)]
    )


def test_there_is_a_point_for_each_depth() -> None:
    curve = depth_curve(search_result(ORDER), {})
    assert curve.points == tuple(DepthPoint(depth, None, None) for depth in (1, 2, 3, 4))


def test_quality_at_a_depth_is_that_of_reranking_only_so_many() -> None:
    # Good are the first and the fourth retrieved: the reranker puts the first one last.
    qualities = [
        point.ndcg for point in depth_curve(search_result(ORDER), {"chunk-1": 1, "chunk-4": 1}).points
    ]
    ideal = 1 + 1 / math.log2(3)
    expected = [1 / ideal, 1 / math.log2(3) / ideal, 1 / math.log2(4) / ideal, (1 + 1 / math.log2(5)) / ideal]
    assert qualities == pytest.approx(expected)


@settings(deadline=None)
@given(st.permutations(range(1, 31)), st.dictionaries(st.integers(1, 40), st.integers(0, 3), max_size=12))
def test_the_greatest_depth_measures_as_the_answer_does_and_each_depth_as_its_part(
    order: list[int], by_rank: dict[int, int]
) -> None:
    grades = {f"chunk-{rank}": grade for rank, grade in by_rank.items()} | {"elsewhere": 1}
    points = depth_curve(search_result(order), grades).points
    for depth in (1, 7, 30):
        part = [f"chunk-{rank}" for rank in order if rank <= depth]
        assert points[depth - 1].ndcg == pytest.approx(ndcg(part, grades))


@pytest.mark.parametrize("grades", [{}, {"chunk-1": 0, "chunk-2": 0}])
def test_without_a_relevant_judgment_neither_quality_nor_knee_is_claimed(grades: dict[str, int]) -> None:
    curve = depth_curve(timed(0.01, 0.01, 0.01, 0.01), grades)
    assert [point.ndcg for point in curve.points] == [None] * 4
    assert (curve.knee, curve.knee_of) == (None, "")


def test_seconds_are_the_pairs_own_scaled_to_the_stage() -> None:
    # The workers took 0.200 s together for what lasted 0.100 s.
    seconds = [point.seconds for point in depth_curve(timed(0.02, 0.06, 0.04, 0.08), {}).points]
    assert seconds == pytest.approx([0.01, 0.04, 0.06, 0.10])


def test_seconds_end_at_the_first_cached_pair() -> None:
    seconds = [point.seconds for point in depth_curve(timed(0.02, 0.06, None, 0.12), {}).points]
    assert seconds[:2] == pytest.approx([0.01, 0.04])
    assert seconds[2:] == [None, None]


def test_an_answer_from_the_cache_alone_has_no_seconds() -> None:
    assert {point.seconds for point in depth_curve(timed(None, None, None, None), {}).points} == {None}


@settings(deadline=None)
@given(st.lists(st.floats(1e-6, 1.0), min_size=5, max_size=5))
def test_seconds_never_fall_and_end_at_the_measured_time(each: list[float]) -> None:
    seconds = [point.seconds for point in depth_curve(timed(*each, order=(5, 1, 2, 4, 3)), {}).points]
    known = [one for one in seconds if one is not None]
    assert all(before <= after for before, after in pairwise(known))
    assert known[-1] == pytest.approx(0.100)


def test_the_knee_is_the_smallest_depth_that_is_good_enough() -> None:
    # Only the second retrieved is good, and the reranker likes it best: depth 2 has it all.
    curve = depth_curve(search_result((2, 4, 3, 1)), {"chunk-2": 2})
    assert [point.ndcg for point in curve.points] == [0.0, 1.0, 1.0, 1.0]
    assert curve.knee == 2
    assert str(KNEE_MARGIN) in curve.knee_of


@pytest.mark.parametrize(("grade", "knee"), [(1, 1), (2, 2)])
def test_a_depth_within_the_margin_is_enough(grade: int, knee: int) -> None:
    # Beside a grade of 100 the second passage is worth 0.006 of nDCG with grade 1, 0.012 with grade 2.
    curve = depth_curve(search_result((1, 2)), {"chunk-1": 100, "chunk-2": grade})
    assert curve.knee == knee


def test_the_knee_comes_before_reranking_more_made_it_worse() -> None:
    curve = depth_curve(search_result((3, 2, 1)), {"chunk-1": 1})
    assert curve.knee == 1
    assert curve.points[0].ndcg == 1.0


def test_what_was_never_found_gives_no_knee() -> None:
    curve = depth_curve(search_result(ORDER), {"elsewhere": 3})
    assert curve.knee is None
    assert curve.missed.not_retrieved == 1


def test_an_answer_that_was_not_reranked_has_no_curve_but_says_where_the_good_ones_are() -> None:
    curve = depth_curve(search_result(ORDER, rerank=False), {"chunk-3": 1})
    assert (curve.points, curve.knee) == ((), None)
    assert [(one.retrieved_rank, one.reranked_rank) for one in curve.missed.good] == [(3, None)]


def test_good_passages_below_k_would_have_been_missed() -> None:
    missed = kept_by(search_result(ORDER), {"chunk-1": 1, "chunk-4": 3, "chunk-2": 0}, k=3)
    assert [(one.grade, one.retrieved_rank, one.reranked_rank) for one in missed.good] == [
        (1, 1, 4),
        (3, 4, 1),
    ]
    assert [one.passage.chunk_id for one in missed.missed] == ["chunk-4"]
    assert missed.smallest_k == 4


def test_the_last_of_the_first_k_is_not_missed() -> None:
    missed = kept_by(search_result(ORDER), {"chunk-4": 1, "elsewhere": 2}, k=4)
    assert missed.missed == ()
    assert missed.not_retrieved == 1


def test_without_good_passages_there_is_nothing_to_keep() -> None:
    missed = kept_by(search_result(ORDER), {"chunk-1": 0})
    assert (missed.good, missed.missed, missed.smallest_k, missed.not_retrieved) == ((), (), None, 0)


def test_scores_without_logits_are_ordered_as_the_remote_reranker_did() -> None:
    curve = depth_curve(search_result((2, 1), relevances=(0.9, 0.1)), {"chunk-2": 1})
    assert [point.ndcg for point in curve.points] == [0.0, 1.0]
