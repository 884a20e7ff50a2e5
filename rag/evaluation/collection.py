"""Measure both stages over a collection: from its judgments and the runs recorded of its questions.

Scores and times were recorded when a question was asked; here nothing is searched or scored. A run counts
where its answer would be the same now: asked of the documents as they are, answered by the present models,
its candidates found and ordered as they would be now.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass

from rag.evaluation.counting import questions, runs_that_count
from rag.evaluation.first import first_of_orders
from rag.evaluation.grades import Placed, grades, placed
from rag.evaluation.measures import (
    CollectionMeasure,
    Gain,
    LanguageMeasure,
    Latency,
    QuestionMeasure,
    Unmeasured,
)
from rag.evidence import Question, RunInfo, Setup
from rag.library import Library
from rag.metrics import RELEVANT, Grades, MetricMeans, Metrics, has_relevant, mean, named, worlds
from rag.question_language import question_language
from rag.stats.percentile import percentile
from rag.stats.resample import bootstrap, wins
from rag.stats.sign import sign_test
from rag.store.runs import Orders
from rag.wording import ANSWER_STAGES

__all__ = ["CollectionMeasure", "QuestionMeasure", "Unmeasured", "grades", "measure", "placed", "questions"]

# Stages whose time is not that of the search.
_NOT_SEARCHING = ("queue", "load", *ANSWER_STAGES)


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a collection is measured by, and how far down its rankings."""

    collection: str
    judge: str | None
    setup: Setup
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
    setup: Setup,
    k: int = 5,
    depth: int | None = None,
    recall_depth: int = 10,
) -> CollectionMeasure:
    """Return what both stages make of the collection's judged questions, by the runs recorded of them.

    A run counts when the collection's documents and embedder are still those that it was asked of, its
    candidates were found, scored and ordered as by `setup`, and it has the first `depth` of them; of
    several, the newest counts. More candidates are left away, as `first_of_orders` says. With `depth` None,
    it is that of most runs. Precision is taken at `k`, recall at `recall_depth`.
    Raises NotFoundError for an unknown collection.
    """
    runs, depth = runs_that_count(library, collection, setup=setup, depth=depth)
    judged = placed(library, collection, judge)
    basis = _Basis(collection, judge, setup, judged, depth, k, recall_depth)
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
    orders = first_of_orders(orders, basis.depth)
    retrieved = orders.retrieved
    reranked, by_reranker = (
        [retrieved[rank - 1] for rank in ranks] for ranks in (orders.reranked, orders.by_reranker)
    )
    before, before_if_good = basis.worlds(retrieved, grades_of, retrieved)
    after, after_if_good = basis.worlds(reranked, grades_of, retrieved)
    return QuestionMeasure(
        query=question.text,
        id=question.id,
        run=run,
        retrieved=before,
        reranked=after,
        by_reranker=basis.worlds(by_reranker, grades_of, retrieved)[0] if run.is_fused else after,
        difference=Metrics(*(b - a for a, b in zip(astuple(before), astuple(after), strict=True))),
        retrieved_if_good=before_if_good,
        reranked_if_good=after_if_good,
        candidates=len(retrieved),
        judged=sum(chunk in grades_of for chunk in retrieved),
        relevant=sum(grade >= RELEVANT for grade in grades_of.values()),
        seconds=None if run.cached or run.cold else _search_s(run, orders),
        language=question_language(question.text),
    )


def _search_s(run: RunInfo, orders: Orders) -> float:
    return run.total_s - sum(seconds for stage, seconds in orders.stages if stage in _NOT_SEARCHING)


def _collected(
    basis: _Basis, measured: Sequence[QuestionMeasure], unmeasured: Sequence[Unmeasured]
) -> CollectionMeasure:
    return CollectionMeasure(
        collection=basis.collection,
        judge=basis.judge,
        setup=basis.setup,
        depth=basis.depth,
        questions=tuple(measured),
        retrieved=basis.means(one.retrieved for one in measured),
        reranked=basis.means(one.reranked for one in measured),
        by_reranker=_by_reranker(basis, measured),
        retrieved_if_good=basis.means(one.retrieved_if_good for one in measured),
        reranked_if_good=basis.means(one.reranked_if_good for one in measured),
        gains=_gains([basis.named(one.difference) for one in measured]),
        unmeasured=tuple(unmeasured),
        latency=_latency([one.seconds for one in measured if one.seconds is not None]),
        judgments=basis.judged.judgments,
        judgments_elsewhere=basis.judged.elsewhere,
        cannot_judge=basis.judged.cannot_judge,
        languages=_languages(basis, measured),
    )


def _by_reranker(basis: _Basis, measured: Sequence[QuestionMeasure]) -> MetricMeans | None:
    """Return the means of the reranker's own order; None where it is the final one of every question."""
    if not any(one.run.is_fused for one in measured):
        return None
    return basis.means(one.by_reranker for one in measured)


def _languages(basis: _Basis, measured: Sequence[QuestionMeasure]) -> tuple[LanguageMeasure, ...]:
    """Return the means of each language, the most frequent first, and those that are not sure last."""
    by_language: defaultdict[str | None, list[QuestionMeasure]] = defaultdict(list)
    for one in measured:
        by_language[one.language].append(one)
    ordered = sorted(by_language.items(), key=lambda item: (item[0] is None, -len(item[1]), item[0] or ""))
    return tuple(
        LanguageMeasure(
            language,
            retrieved=basis.means(one.retrieved for one in those),
            reranked=basis.means(one.reranked for one in those),
            by_reranker=_by_reranker(basis, those),
            gain=_gain("nDCG@10", [one.difference.ndcg_at_10 for one in those]),
        )
        for language, those in ordered
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
