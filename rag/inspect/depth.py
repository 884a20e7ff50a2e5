"""Say what reranking fewer candidates would have cost and saved, from one answer, without asking again.

It can be told exactly because a score depends on its pair alone: the first d candidates, ordered by the
scores they have, are what reranking d candidates would have given. (A remote reranker may not promise it.)
Where ranks were fused, the sums of the first d are made anew, by the rule of the whole answer.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import accumulate

from rag.fusion import fused_score
from rag.metrics import RELEVANT, Grades, has_relevant, ndcg
from rag.outcomes import Ordering
from rag.records import Passage, RerankedHit, SearchResult

KNEE_MARGIN = 0.01
KNEE_RULE = f"the smallest depth whose nDCG@10 is at most {KNEE_MARGIN} below that at the greatest depth"

_TOP = 10


@dataclass(frozen=True, slots=True)
class DepthPoint:
    """What reranking the first `depth` retrieved passages takes and gives, None where not known."""

    depth: int
    seconds: float | None
    ndcg: float | None


@dataclass(frozen=True, slots=True)
class GoodPassage:
    """A passage judged relevant, and where each stage ranked it; None where nothing was reranked."""

    passage: Passage
    grade: int
    retrieved_rank: int
    reranked_rank: int | None


@dataclass(frozen=True, slots=True)
class Missed:
    """The `good` passages of an answer, in retrieved order, and what reranking only `k` would have lost.

    `smallest_k` keeps all of them, None where there are none. `not_retrieved` counts the passages judged
    relevant that the retriever did not find at all: no smaller or larger part of this answer holds them.
    """

    k: int
    good: tuple[GoodPassage, ...]
    smallest_k: int | None
    not_retrieved: int

    @property
    def missed(self) -> tuple[GoodPassage, ...]:
        """The good passages below the first `k`: reranking only those would have missed them."""
        return tuple(one for one in self.good if one.retrieved_rank > self.k)


@dataclass(frozen=True, slots=True)
class DepthCurve:
    """One point for each depth from 1 on, empty where nothing was reranked.

    `knee` is a depth that is enough by the rule that `knee_of` states, None (and empty) where nothing
    judged relevant is in the reranked top ten. `missed` is about the ten first retrieved.
    """

    points: tuple[DepthPoint, ...]
    knee: int | None
    knee_of: str
    missed: Missed


def depth_curve(result: SearchResult, grades: Grades) -> DepthCurve:
    """Return what each smaller depth of reranking would have taken and given for this answer.

    `grades` are by chunk id; without a relevant one no nDCG and no knee is claimed. nDCG@10 at depth d is
    that of the first d retrieved passages in their final order, over the best order of all that were
    judged: the same ideal at every depth.

    Seconds at depth d are the measured ones of the first d pairs, scaled so that all pairs together give
    the measured time of the stage `score` (workers run side by side): an estimate that leaves the other
    stages out. They are None from the first cached pair on, and where pairs are not timed one by one.

    The knee is the smallest depth whose nDCG@10 is at most 0.01 below that at the greatest depth. It need
    not be the best depth: where reranking more made things worse, an earlier one is better.
    """
    arrivals = sorted(result.reranked, key=lambda hit: hit.retrieved_rank)
    quality = (
        _quality(arrivals, grades, result.ordering or Ordering())
        if has_relevant(grades)
        else [None] * len(arrivals)
    )
    points = tuple(
        DepthPoint(hit.retrieved_rank, seconds, ndcg_there)
        for hit, seconds, ndcg_there in zip(arrivals, _seconds(result), quality, strict=True)
    )
    knee = _knee(points)
    return DepthCurve(points, knee, KNEE_RULE if knee else "", kept_by(result, grades))


def kept_by(result: SearchResult, grades: Grades, k: int = 10) -> Missed:
    """Return where the passages judged relevant were ranked, and how many retrieved ones hold them all."""
    reranked = {hit.retrieved_rank: hit.rank for hit in result.reranked}
    good = tuple(
        GoodPassage(hit.passage, grades[hit.passage.chunk_id], hit.rank, reranked.get(hit.rank))
        for hit in result.retrieved
        if grades.get(hit.passage.chunk_id, 0) >= RELEVANT
    )
    relevant = sum(grade >= RELEVANT for grade in grades.values())
    return Missed(k, good, max((one.retrieved_rank for one in good), default=None), relevant - len(good))


def _quality(arrivals: Sequence[RerankedHit], grades: Grades, ordering: Ordering) -> list[float | None]:
    """Return nDCG@10 at each depth: of what has arrived so far, in its final order."""
    by_reranker: list[tuple[int, int]] = []  # ranks, the reranker's and the retriever's
    values: list[float | None] = []
    for hit in arrivals:
        insort(by_reranker, (hit.reranker_rank or hit.rank, hit.retrieved_rank))
        so_far = [arrivals[retrieved_rank - 1] for _, retrieved_rank in by_reranker]
        top = [one.passage.chunk_id for one in _first(so_far, ordering)]
        values.append(ndcg(top, grades, _TOP))
    return values


def _first(hits: Sequence[RerankedHit], ordering: Ordering) -> Sequence[RerankedHit]:
    """Return the first of `hits`, which are in the reranker's own order, in the final one."""
    if ordering.rule == "reranker":
        return hits[:_TOP]
    # As `in_final_order`, for the first alone: it is done for each of up to a thousand depths.
    by_reranker, retrieved = ordering.reranker_weight, ordering.retrieved_weight
    sums = [
        fused_score(((by_reranker, rank), (retrieved, hit.retrieved_rank)), ordering.constant)
        for rank, hit in enumerate(hits, 1)
    ]
    return [hits[at] for at in nsmallest(_TOP, range(len(hits)), key=lambda at: (-sums[at], at))]


def _seconds(result: SearchResult) -> list[float | None]:
    """Return the seconds at each depth, None from the first pair on that was not timed."""
    pairs = len(result.reranked)
    stage = next((one for one in result.stages if one.stage == "score" and len(one.each) == pairs), None)
    timed = sum(seconds for seconds in stage.each if seconds is not None) if stage else 0.0
    if stage is None or not timed:
        return [None] * pairs
    scale = stage.seconds / timed
    known = stage.each[: stage.each.index(None)] if None in stage.each else stage.each
    running = accumulate(seconds * scale for seconds in known if seconds is not None)
    return [*running, *[None] * (pairs - len(known))]


def _knee(points: Sequence[DepthPoint]) -> int | None:
    final = points[-1].ndcg if points else None
    if not final:
        return None
    return next(one.depth for one in points if (one.ndcg or 0.0) >= final - KNEE_MARGIN)
