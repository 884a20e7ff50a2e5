"""Measure a ranking against judged documents.

A ranking is a sequence of distinct document ids, best first; `grades` holds the judged documents of
that question. A document is relevant from grade 1 on; one without a grade counts as not relevant. Every
measure lies in [0, 1], is 0 where nothing is relevant, and agrees with trec_eval.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

Grades = Mapping[str, int]

RELEVANT = 1
HIGHEST_GRADE = 3


@dataclass(frozen=True, slots=True)
class Metrics:
    """The measures of one ranking, or their means over several.

    `precision` and `recall` are at the depths asked for.
    """

    ndcg_at_10: float = 0.0
    mrr_at_10: float = 0.0
    precision: float = 0.0
    recall: float = 0.0
    average_precision: float = 0.0
    judged_at_10: float = 0.0


@dataclass(frozen=True, slots=True)
class MetricMeans:
    """The means of the measures over `queries` questions, precision and recall at their depths."""

    means: Metrics
    queries: int
    recall_depth: int
    precision_depth: int = 5

    @property
    def by_name(self) -> dict[str, float]:
        """The means under the names that tables and files give them, in the order of the fields."""
        return named(self.means, recall_depth=self.recall_depth, precision_depth=self.precision_depth)


def named(metrics: Metrics, *, recall_depth: int, precision_depth: int = 5) -> dict[str, float]:
    """Return the measures under the names that tables and files give them, in the order of the fields."""
    names = ("nDCG@10", "MRR@10", f"P@{precision_depth}", f"Recall@{recall_depth}", "AP", "Judged@10")
    return dict(zip(names, astuple(metrics), strict=True))


def dcg(gains: Sequence[int]) -> float:
    """Return the discounted cumulative gain: the sum of gain / log2(rank + 1), ranks from 1.

    Gains are linear (the grade itself) and a negative grade gains nothing, as in trec_eval.
    Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, TOIS 2002.
    """
    return sum(max(gain, 0) / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def ndcg(ranked: Sequence[str], grades: Grades, k: int = 10) -> float:
    """Return the DCG of the top k over that of the best possible top k of all judged documents."""
    ideal = dcg(sorted(grades.values(), reverse=True)[:k])
    return dcg([grades.get(document, 0) for document in ranked[:k]]) / ideal if ideal else 0.0


def reciprocal_rank(ranked: Sequence[str], grades: Grades, k: int = 10) -> float:
    """Return 1 / rank of the first relevant document, 0 where the top k holds none.

    Voorhees, The TREC-8 question answering track report, 1999.
    """
    return next((1 / rank for rank in _relevant_ranks(ranked[:k], grades)), 0.0)


def precision(ranked: Sequence[str], grades: Grades, k: int = 5) -> float:
    """Return the relevant documents in the top k, divided by k even where the ranking is shorter."""
    return len(_relevant_ranks(ranked[:k], grades)) / k


def recall(ranked: Sequence[str], grades: Grades, k: int) -> float:
    """Return the share of all relevant documents that the top k holds."""
    relevant = _relevant_count(grades)
    return len(_relevant_ranks(ranked[:k], grades)) / relevant if relevant else 0.0


def average_precision(ranked: Sequence[str], grades: Grades) -> float:
    """Return the mean, over all relevant documents, of the precision at their rank (0 if not ranked).

    Buckley and Voorhees, Evaluating evaluation measure stability, SIGIR 2000.
    """
    relevant = _relevant_count(grades)
    found = enumerate(_relevant_ranks(ranked, grades), 1)
    return sum(count / rank for count, rank in found) / relevant if relevant else 0.0


def judged(ranked: Sequence[str], grades: Grades, k: int = 10) -> float:
    """Return the share of the top k that has a grade at all, 0 for an empty ranking.

    A low share means that the other measures mostly count unjudged documents as not relevant.
    """
    top = ranked[:k]
    return sum(document in grades for document in top) / len(top) if top else 0.0


def measure(ranked: Sequence[str], grades: Grades, *, recall_depth: int, precision_depth: int = 5) -> Metrics:
    """Return all measures of one ranking."""
    return Metrics(
        ndcg_at_10=ndcg(ranked, grades, 10),
        mrr_at_10=reciprocal_rank(ranked, grades, 10),
        precision=precision(ranked, grades, precision_depth),
        recall=recall(ranked, grades, recall_depth),
        average_precision=average_precision(ranked, grades),
        judged_at_10=judged(ranked, grades, 10),
    )


def worlds(
    ranked: Sequence[str],
    grades: Grades,
    pool: Iterable[str],
    *,
    recall_depth: int,
    precision_depth: int = 5,
) -> tuple[Metrics, Metrics]:
    """Return the measures as they would be if all unjudged documents were bad, and if all were good.

    Bad is grade 0, so that the first world is what `measure` gives; good is the highest grade, 3, for
    every document of `ranked` and `pool` without one. Hand in the same `pool`, all that either stage
    found, for both stages: what is good is then the same for both. `judged_at_10` is the true share in
    both worlds.

    The two are extremes of opinion and mostly, not always, of the measures: more good documents below
    rank 10 raise what an ideal order would gain and lower nDCG@10, AP and recall.
    """
    depths = {"recall_depth": recall_depth, "precision_depth": precision_depth}
    all_bad = measure(ranked, grades, **depths)
    all_good = measure(ranked, dict.fromkeys([*ranked, *pool], HIGHEST_GRADE) | dict(grades), **depths)
    return all_bad, replace(all_good, judged_at_10=all_bad.judged_at_10)


def mean_metrics(
    rankings: Mapping[str, Sequence[str]],
    qrels: Mapping[str, Grades],
    *,
    recall_depth: int,
    precision_depth: int = 5,
) -> MetricMeans:
    """Return the means over the questions of `qrels` that have a relevant document.

    Such a question without a ranking counts as 0, and a ranking without judgments does not count.
    """
    measured = [
        measure(rankings.get(query, ()), grades, recall_depth=recall_depth, precision_depth=precision_depth)
        for query, grades in qrels.items()
        if has_relevant(grades)
    ]
    return MetricMeans(mean(measured), len(measured), recall_depth, precision_depth)


def has_relevant(grades: Grades) -> bool:
    """Return whether any judged document is relevant: without one, no measure says anything."""
    return any(grade >= RELEVANT for grade in grades.values())


def mean(measured: Sequence[Metrics]) -> Metrics:
    """Return the mean of each measure, zeros over nothing."""
    if not measured:
        return Metrics()
    columns = zip(*map(astuple, measured), strict=True)
    # fsum: the mean does not depend on the order of the questions.
    return Metrics(*(math.fsum(column) / len(measured) for column in columns))


def _relevant_ranks(ranked: Sequence[str], grades: Grades) -> list[int]:
    return [rank for rank, document in enumerate(ranked, 1) if grades.get(document, 0) >= RELEVANT]


def _relevant_count(grades: Grades) -> int:
    return sum(grade >= RELEVANT for grade in grades.values())
