"""What an answer had been with fewer candidates: the orders of each rule, by the ranks that are known."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fused import FUSED, fused_answer, ids
from hypothesis import given, settings
from hypothesis import strategies as st
from results import search_result
from toy_library import ingest, opened

from rag.evaluation.first import first_candidates, first_of_orders
from rag.inspect.depth import depth_curve
from rag.library import Library
from rag.metrics import ndcg
from rag.order import in_final_order
from rag.outcomes import Ordering
from rag.records import RerankedHit, SearchResult

N = 20
QUERY = "quanto riposa il tè"


def ranked(own: Sequence[int], ordering: Ordering) -> SearchResult:
    """An answer whose candidates the reranker has put into this order."""
    result = search_result(own)
    return replace(result, reranked=in_final_order(result.reranked, ordering), ordering=ordering)


def own_part(result: SearchResult, depth: int) -> list[RerankedHit]:
    """The first candidates as the reranker had ordered them alone."""
    own = sorted(result.reranked, key=lambda hit: hit.reranker_rank or hit.rank)
    part = [hit for hit in own if hit.retrieved_rank <= depth]
    return [replace(hit, rank=rank, reranker_rank=None) for rank, hit in enumerate(part, 1)]


OWN = st.permutations(range(1, N + 1))
WEIGHTS = st.sampled_from([0.5, 0.9, 1.0, 4.0])


@settings(deadline=None)
@given(OWN, WEIGHTS, st.integers(1, N), st.booleans())
def test_the_first_candidates_are_ordered_as_if_there_were_no_others(
    own: list[int], weight: float, depth: int, fused: bool
) -> None:
    ordering = replace(FUSED, retrieved_weight=weight) if fused else Ordering()
    result = ranked(own, ordering)
    found = first_candidates(result, depth)
    expected = in_final_order(own_part(result, depth), ordering)
    assert ids(found.reranked) == ids(expected)
    assert [hit.rank for hit in found.reranked] == list(range(1, depth + 1))


@settings(deadline=None)
@given(OWN, WEIGHTS, st.sets(st.integers(1, N), min_size=1))
def test_the_depth_curve_measures_each_depth_as_that_part_is_ordered(
    own: list[int], weight: float, good: set[int]
) -> None:
    result = ranked(own, replace(FUSED, retrieved_weight=weight))
    grades = {f"chunk-{rank}": 1 for rank in good}
    points = depth_curve(result, grades).points
    parts = [ids(first_candidates(result, depth).reranked) for depth in range(1, N + 1)]
    assert [point.ndcg for point in points] == pytest.approx([ndcg(part, grades) for part in parts])


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path) as library:
        ingest(library, {f"{n}.txt": f"Il tè numero {n} riposa {'un poco ' * n}." for n in range(8)})
        yield library


@pytest.mark.parametrize("depth", [1, 3, 8])
def test_a_recorded_run_is_cut_as_its_answer_is(library: Library, depth: int) -> None:
    result = fused_answer(library, QUERY)
    run = library.store.runs.add(result)
    orders = first_of_orders(library.store.runs.orders([run.id])[run.id], depth)
    whole = first_candidates(result, depth)
    assert [orders.retrieved[rank - 1] for rank in orders.reranked] == ids(whole.reranked)
    by_reranker = sorted(whole.reranked, key=lambda hit: hit.reranker_rank or hit.rank)
    assert [orders.retrieved[rank - 1] for rank in orders.by_reranker] == ids(by_reranker)


def test_the_words_alone_are_cut_as_deep() -> None:
    result = search_result((2, 1, 3))
    cut = first_candidates(replace(result, lexical=result.retrieved), 2)
    assert cut.lexical == result.retrieved[:2]


def test_what_says_the_same_names_the_first_that_is_left() -> None:
    result = search_result((4, 1, 3, 2))
    last, one, three, two = result.reranked
    alike = (
        last,
        replace(one, duplicate_of=1, similarity=1.0),
        three,
        replace(two, duplicate_of=1, similarity=1.0),
    )
    cut = first_candidates(replace(result, reranked=alike), 3)
    assert [hit.retrieved_rank for hit in cut.reranked] == [1, 3, 2]
    assert [hit.duplicate_of for hit in cut.reranked] == [None, None, 1]
