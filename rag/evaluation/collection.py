"""Measure both stages over a collection: from its judgments and the runs recorded of its questions.

Scores and times were recorded when a question was asked; here nothing is searched or scored. A run counts
where its answer would be the same now: asked of the documents as they are, answered by the present models.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass

from rag.evaluation.counting import questions, runs_that_count
from rag.evaluation.grades import Placed, grades, placed
from rag.evaluation.measures import CollectionMeasure, Gain, Latency, QuestionMeasure, Unmeasured
from rag.evidence import Question, RunInfo
from rag.library import Library
from rag.metrics import RELEVANT, Grades, MetricMeans, Metrics, has_relevant, mean, named, worlds
from rag.records import ModelInfo
from rag.stats.percentile import percentile
from rag.stats.resample import bootstrap, wins
from rag.stats.sign import sign_test
from rag.store.runs import Orders

__all__ = ["CollectionMeasure", "QuestionMeasure", "Unmeasured", "grades", "measure", "placed", "questions"]

_NOT_ANSWERING = ("queue", "load")  # stages whose time is not the answer's own


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a collection is measured by, and how far down its rankings."""

    collection: str
    judge: str | None
    reranker: ModelInfo
    judged: Placed
    depth: int
    k: int
    recall_depth: int

    def worlds(self, ranked: Sequence[str], grades: Grades, pool: Sequence[str]) -> tuple[Metrics, Metrics]:
        """Return the measures of one ranking, with all unjudged chunks of `pool` bad, and all good."""
        return worlds(ranked, grades, pool, recall_depth=self.recall_depth, precision_depth=self.k)

    def means(self, measured: Iterable[Metrics]) -> MetricMeans:
        """Return the means of what was measured."""
        every = list(measured)
        return MetricMeans(mean(every), len(every), self.recall_depth, self.k)

    def named(self, metrics: Metrics) -> dict[str, float]:
        """Return the measures by name."""
        return named(metrics, recall_depth=self.recall_depth, precision_depth=self.k)


def measure(
    library: Library,
    collection: str,
    *,
    judge: str | None,
    reranker: ModelInfo,
    k: int = 5,
    depth: int | None = None,
    recall_depth: int = 10,
) -> CollectionMeasure:
    """Return what both stages make of the collection's judged questions, by the runs recorded of them.

    A run counts when the collection's documents and embedder are still those that it was asked of,
    `reranker` scored it, and it has the first `depth` candidates; of several, the newest counts. More
    candidates are left away, which is exact, because a score depends on its pair alone. With `depth` None,
    it is that of most runs. Precision is taken at `k`, recall at `recall_depth`.
    Raises NotFoundError for an unknown collection.
    """
    runs, depth = runs_that_count(library, collection, reranker=reranker, depth=depth)
    judged = placed(library, collection, judge)
    basis = _Basis(collection, judge, reranker, judged, depth, k, recall_depth)
    orders = library.store.runs.orders(
        run.id
        for query, run in runs.items()
        if isinstance(run, RunInfo) and has_relevant(judged.grades.get(query, {}))
    )
    measured: list[QuestionMeasure] = []
    unmeasured: list[Unmeasured] = []
    for question in questions(library, collection):
        grades_of = judged.grades.get(question.text, {})
        run = runs.get(question.text, "not_asked")
        if not has_relevant(grades_of):
            unmeasured.append(Unmeasured(question.text, question.id, "not_judged"))
        elif not isinstance(run, RunInfo):
            unmeasured.append(Unmeasured(question.text, question.id, run))
        elif run.id not in orders:
            unmeasured.append(Unmeasured(question.text, question.id, "cannot_be_read"))
        else:
            measured.append(_measured(basis, question, run, orders[run.id]))
    return _collected(basis, measured, unmeasured)


def _measured(basis: _Basis, question: Question, run: RunInfo, orders: Orders) -> QuestionMeasure:
    grades_of = basis.judged.grades[question.text]
    retrieved = orders.retrieved[: basis.depth]
    reranked = [orders.retrieved[rank - 1] for rank in orders.reranked if rank <= basis.depth]
    before, before_if_good = basis.worlds(retrieved, grades_of, retrieved)
    after, after_if_good = basis.worlds(reranked, grades_of, retrieved)
    return QuestionMeasure(
        query=question.text,
        id=question.id,
        run=run,
        retrieved=before,
        reranked=after,
        difference=Metrics(*(b - a for a, b in zip(astuple(before), astuple(after), strict=True))),
        retrieved_if_good=before_if_good,
        reranked_if_good=after_if_good,
        candidates=len(retrieved),
        judged=sum(chunk in grades_of for chunk in retrieved),
        relevant=sum(grade >= RELEVANT for grade in grades_of.values()),
        seconds=None if run.cached or run.cold else _answer_s(run, orders),
    )


def _answer_s(run: RunInfo, orders: Orders) -> float:
    return run.total_s - sum(seconds for stage, seconds in orders.stages if stage in _NOT_ANSWERING)


def _collected(
    basis: _Basis, measured: Sequence[QuestionMeasure], unmeasured: Sequence[Unmeasured]
) -> CollectionMeasure:
    return CollectionMeasure(
        collection=basis.collection,
        judge=basis.judge,
        reranker=basis.reranker,
        depth=basis.depth,
        questions=tuple(measured),
        retrieved=basis.means(one.retrieved for one in measured),
        reranked=basis.means(one.reranked for one in measured),
        retrieved_if_good=basis.means(one.retrieved_if_good for one in measured),
        reranked_if_good=basis.means(one.reranked_if_good for one in measured),
        gains=_gains([basis.named(one.difference) for one in measured]),
        unmeasured=tuple(unmeasured),
        latency=_latency([one.seconds for one in measured if one.seconds is not None]),
        judgments=basis.judged.judgments,
        judgments_elsewhere=basis.judged.elsewhere,
        cannot_judge=basis.judged.cannot_judge,
    )


def _gains(differences: Sequence[Mapping[str, float]]) -> tuple[Gain, ...]:
    if not differences:
        return ()
    *measures, _share_judged = differences[0]
    return tuple(_gain(name, [each[name] for each in differences]) for name in measures)


def _gain(name: str, differences: Sequence[float]) -> Gain:
    won = wins(differences)
    mean_difference = math.fsum(differences) / len(differences)
    return Gain(name, mean_difference, bootstrap(differences), won, sign_test(won.wins, won.losses))


def _latency(seconds: Sequence[float]) -> Latency | None:
    if not seconds:
        return None
    return Latency(len(seconds), percentile(seconds, 0.5), percentile(seconds, 0.95))
