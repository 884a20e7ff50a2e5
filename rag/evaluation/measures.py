"""What is said of a collection that was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rag.evidence import RunInfo
from rag.metrics import MetricMeans, Metrics
from rag.records import ModelInfo
from rag.stats.resample import Interval, Wins

Why = Literal[
    "not_judged", "not_asked", "older_documents", "other_models", "fewer_candidates", "cannot_be_read"
]

# Why a question is not measured, for the person who looks at the measures.
WHY: Mapping[Why, str] = {
    "not_judged": "No passage of the documents here is judged relevant to it.",
    "not_asked": "It was not asked yet, or not recorded.",
    "older_documents": "The collection has changed since it was asked.",
    "other_models": "It was answered by other models than the present ones, or not reranked.",
    "fewer_candidates": "It was asked with fewer candidates than are measured.",
    "cannot_be_read": "Its recorded run cannot be read.",
}


@dataclass(frozen=True, slots=True)
class QuestionMeasure:
    """One question: how good both stages' orders are, by what was judged.

    `retrieved` and `reranked` count unjudged passages as bad, the `…_if_good` ones those among the
    candidates as good. Both are extremes of opinion, not bounds of every measure: `metrics.worlds` says why.
    `difference` is reranked less retrieved, measure by measure. Of the `candidates`, `judged` have a grade;
    `relevant` counts the passages judged relevant in the whole collection. `seconds` is what the answer
    took, without queue; None where a score came from the cache, or a model was cold.
    """

    query: str
    id: str
    run: RunInfo
    retrieved: Metrics
    reranked: Metrics
    difference: Metrics
    retrieved_if_good: Metrics
    reranked_if_good: Metrics
    candidates: int
    judged: int
    relevant: int
    seconds: float | None


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
class CollectionMeasure:
    """Both stages over a collection, by the judgments of `judge` (None: of all judges).

    The means are over `questions`, each with the first `depth` candidates, in the collection's order of
    questions; `gains` has one entry for each measure but the share of judged ones. `latency` is None where
    no answer was timed. Without a measured question the means are zeros that say nothing.
    """

    collection: str
    judge: str | None
    reranker: ModelInfo
    depth: int
    questions: tuple[QuestionMeasure, ...]
    retrieved: MetricMeans
    reranked: MetricMeans
    retrieved_if_good: MetricMeans
    reranked_if_good: MetricMeans
    gains: tuple[Gain, ...]
    unmeasured: tuple[Unmeasured, ...]
    latency: Latency | None
    judgments: int
    judgments_elsewhere: int
    cannot_judge: int
