"""What is said of a collection that was measured."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rag.evidence import RunInfo, Setup
from rag.metrics import MetricMeans, Metrics
from rag.outcomes import OrderRule
from rag.records import ModelInfo
from rag.stats.resample import Interval, Wins
from rag.wording import RETRIEVER_TITLES

Why = Literal[
    "not_judged", "not_asked", "older_documents", "other_models", "other_retrieval", "fewer_candidates",
    "cannot_be_read",
]  # fmt: skip

# Why a question is not measured, for the person who looks at the measures.
WHY: Mapping[Why, str] = {
    "not_judged": "No passage of the documents here is judged relevant to it.",
    "not_asked": "It was not asked yet, or not recorded.",
    "older_documents": "The collection has changed since it was asked.",
    "other_models": "It was answered by other models than the present ones, or not reranked.",
    "other_retrieval": "Its candidates were found, or ordered, in another way than they are now.",
    "fewer_candidates": "It was asked with fewer candidates than are measured, or with so many that both "
    "searches went further down than they do for these.",
    "cannot_be_read": "Its recorded run cannot be read.",
}

# What made the final order, in a few words.
RULES: Mapping[OrderRule, str] = {
    "reranker": "the reranker's own",
    "question_language": "fused with the retriever's, for the question's language",
    "passage_language": "fused with the retriever's, for the passages' languages",
}


@dataclass(frozen=True, slots=True)
class QuestionMeasure:
    """One question: how good both stages' orders are, by what was judged.

    `retrieved` and `reranked` count unjudged passages as bad, the `…_if_good` ones those among the
    candidates as good. Both are extremes of opinion, not bounds of every measure: `metrics.worlds` says why.
    `by_reranker` is of the reranker's own order, which is not the final one, `reranked`, where ranks were
    fused. `difference` is reranked less retrieved, measure by measure. `language` is the question's
    (ISO 639-1), None where it is not sure. Of the `candidates`, `judged` have a grade;
    `relevant` counts the passages judged relevant in the whole collection. `seconds` is what the answer
    took, without queue; None where a score came from the cache, or a model was cold.
    """

    query: str
    id: str
    run: RunInfo
    retrieved: Metrics
    reranked: Metrics
    by_reranker: Metrics
    difference: Metrics
    retrieved_if_good: Metrics
    reranked_if_good: Metrics
    candidates: int
    judged: int
    relevant: int
    seconds: float | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """A question of the collection that is in no mean, and why."""

    query: str
    id: str
    why: Why


@dataclass(frozen=True, slots=True)
class Gain:
    """What reranking is worth by one measure, `name`, over all measured questions.

    `interval` is None below two questions; `p` is the sign test's.
    """

    name: str
    mean: float
    interval: Interval | None
    wins: Wins
    p: float


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the `n` answers took whose scores were all computed then, models warm, without queue."""

    n: int
    p50_s: float
    p95_s: float


@dataclass(frozen=True, slots=True)
class LanguageMeasure:
    """The means over the questions in one language (ISO 639-1), None for those of which it is not sure.

    `gain` is that in nDCG@10. `by_reranker` is None where the reranker's own order was the final one.
    """

    language: str | None
    retrieved: MetricMeans
    reranked: MetricMeans
    by_reranker: MetricMeans | None
    gain: Gain


@dataclass(frozen=True, slots=True)
class CollectionMeasure:
    """Both stages over a collection, by the judgments of `judge` (None: of all judges).

    The means are over `questions`, each with the first `depth` candidates, in the collection's order of
    questions; `gains` has one entry for each measure but the share of judged ones. `latency` is None where
    no answer was timed. Without a measured question the means are zeros that say nothing.

    `setup` has answered. `by_reranker` is None where the reranker's own order was the final one of every
    question. `languages` are those of the questions, the most frequent first.
    """

    collection: str
    judge: str | None
    setup: Setup
    depth: int
    questions: tuple[QuestionMeasure, ...]
    retrieved: MetricMeans
    reranked: MetricMeans
    by_reranker: MetricMeans | None
    retrieved_if_good: MetricMeans
    reranked_if_good: MetricMeans
    gains: tuple[Gain, ...]
    unmeasured: tuple[Unmeasured, ...]
    latency: Latency | None
    judgments: int
    judgments_elsewhere: int
    cannot_judge: int
    languages: tuple[LanguageMeasure, ...] = ()

    @property
    def reranker(self) -> ModelInfo:
        """Which reranker has scored the candidates."""
        return self.setup.reranker


def answered(found: CollectionMeasure) -> str:
    """Return by what the candidates of the measured questions were found and ordered, in a sentence or two.

    It is empty where nothing was measured.
    """
    if not found.questions:
        return ""
    retrievers = Counter(RETRIEVER_TITLES[one.run.retriever] for one in found.questions)
    rules = Counter(RULES[one.run.rule] for one in found.questions)
    said = [f"Candidates found by {_each(retrievers)}.", f"The final order is {_each(rules)}."]
    return " ".join(said if found.by_reranker else said[:1])


def _each(counts: Counter[str]) -> str:
    """Return what there is, and how often where it is not one for all."""
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{what} ({n})" for what, n in counts.most_common())
