"""What people leave behind who ask and judge: judgments, questions, recorded runs, votes."""

from dataclasses import dataclass
from typing import Literal

from rag.config import OrderChoice, RetrieverChoice
from rag.outcomes import OrderRule, Retriever
from rag.records import ModelInfo, SearchResult

QuestionOrigin = Literal["asked", "imported", "sample"]
VoteChoice = Literal["a", "b", "both_good", "both_bad"]


@dataclass(frozen=True, slots=True)
class Judgment:
    """How well a span of a document answers a question, 0 (not at all) to 3 (fully).

    It belongs to the span, not to a chunk: however the document is cut, it stays where it was made.
    `grade` is None where the judge saw it and could not tell. Each `judge` has one judgment of a span;
    `judged_at` is ISO 8601, UTC, set where it is stored.
    """

    query: str
    document_id: str
    start: int
    end: int
    grade: int | None
    judge: str = ""
    note: str = ""
    judged_at: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question that a collection is measured with. `id` is its name in a data set, empty without one."""

    text: str
    id: str = ""
    origin: QuestionOrigin = "asked"
    added_at: str = ""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A question that was asked, as a list of recorded runs shows it; `asked_at` is ISO 8601, UTC.

    `revision` is the collection's at that time: another one now means that its documents have changed.
    `kept` runs are never dropped to make room. `retriever` found its candidates, and `rule` made their
    final order. `asked_for` is how many candidates were wanted, of which there may be fewer; 0 where that
    is not known.
    """

    id: str
    collection: str
    query: str
    asked_at: str
    revision: str
    embedder: ModelInfo
    reranker: ModelInfo | None
    retrieved: int
    total_s: float
    cached: int = 0
    cold: bool = False
    kept: bool = False
    retriever: Retriever = "dense"
    rule: OrderRule = "reranker"
    asked_for: int = 0

    @property
    def is_fused(self) -> bool:
        """Whether ranks of the first stage had a share in the final order."""
        return self.rule != "reranker"


@dataclass(frozen=True, slots=True)
class Setup:
    """What answers a question: the reranker, and the choices of what finds and what orders the candidates."""

    reranker: ModelInfo
    retriever: RetrieverChoice = "auto"
    order: OrderChoice = "auto"


@dataclass(frozen=True, slots=True)
class Run:
    """A recorded run: what was answered then, every score and time as measured then."""

    info: RunInfo
    result: SearchResult


@dataclass(frozen=True, slots=True)
class Vote:
    """What a person who did not know their names said of the orders of two rerankers, `a` and `b`."""

    query: str
    a: ModelInfo
    b: ModelInfo
    choice: VoteChoice
    judge: str = ""
    voted_at: str = ""
