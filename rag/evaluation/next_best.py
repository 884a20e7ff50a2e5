"""Say which unjudged passage is worth judging next."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from rag.metrics import HIGHEST_GRADE, Grades, ndcg
from rag.records import Passage, SearchResult

# An answer, the grades by chunk id, and the chunk ids that the judge could not tell.
Question = tuple[SearchResult, Grades, Collection[str]]


class NextBest(NamedTuple):
    """A passage without a judgment, and how much judging it can `change` the measures of its question."""

    query: str
    passage: Passage
    change: float


def next_best(questions: Iterable[Question]) -> list[NextBest]:
    """Return every unjudged passage that was found, the one first that would change the measures most.

    Its `change` is how far nDCG@10 would move, up or down and at both stages added up, if it were fully
    relevant (grade 3) and all other unjudged passages not: from 0 to 2. Passages that a judge could not
    tell are left out. Equal ones come in the order of `questions`, within one in that of its last stage.
    Give each question once.
    """
    found = [one for result, grades, cannot in questions for one in _unjudged(result, grades, cannot)]
    return sorted(found, key=lambda one: -one.change)


def _unjudged(result: SearchResult, grades: Grades, cannot: Collection[str]) -> Iterator[NextBest]:
    retrieved = [hit.passage for hit in result.retrieved]
    reranked = [hit.passage for hit in result.reranked]
    stages = [[passage.chunk_id for passage in stage] for stage in (retrieved, reranked) if stage]
    now = [ndcg(stage, grades) for stage in stages]
    for passage in reranked or retrieved:
        if passage.chunk_id not in grades and passage.chunk_id not in cannot:
            change = _change(stages, now, dict(grades) | {passage.chunk_id: HIGHEST_GRADE})
            yield NextBest(result.query, passage, change)


def _change(stages: Sequence[Sequence[str]], now: Sequence[float], grades: Grades) -> float:
    return sum(abs(ndcg(stage, grades) - before) for stage, before in zip(stages, now, strict=True))
