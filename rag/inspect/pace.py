"""Ask the questions of a collection one after the other, to see how long an answer takes on this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from rag.errors import QueryError
from rag.evidence import RunInfo
from rag.pipeline import Pipeline
from rag.records import ModelInfo, SearchResult
from rag.stats.percentile import percentile
from rag.timing import Pulse, Stopwatch


@dataclass(frozen=True, slots=True)
class Pace:
    """How long answers took, in seconds, each with all of its scores computed and no model cold.

    `first` and `last` say when they were asked, ISO 8601, UTC; `candidates` are the most that one of them
    had.
    """

    seconds: tuple[float, ...]
    candidates: int
    reranker: ModelInfo
    first: str
    last: str

    @property
    def p50(self) -> float:
        """What half of them took at most."""
        return percentile(self.seconds, 0.50)

    @property
    def p95(self) -> float:
        """What 95 of 100 took at most."""
        return percentile(self.seconds, 0.95)

    @property
    def mean(self) -> float:
        """What one took in the mean."""
        return sum(self.seconds) / len(self.seconds)

    @property
    def per_minute(self) -> float:
        """How many are answered in a minute, one after the other."""
        return 60 / self.mean


def measured(
    pipeline: Pipeline,
    questions: Sequence[str],
    *,
    collection: str,
    retrieve_k: int,
    reranker: Literal["local", "remote"] = "local",
    pulse: Pulse | None = None,
) -> Pace:
    """Return how long it takes to answer `questions`, at least one, every score computed anew.

    Each waits for a turn of its own, and that is in its time: others who ask meanwhile slow it down. A
    model's first use is not counted: that question is asked again. `pulse` hears how many are done; what
    it raises abandons the rest.

    Raises QueryError where there is no question or nothing to rerank, and else as `Pipeline.search` does.
    """
    if not questions:
        raise QueryError("To measure how long an answer takes, there must be a question. Ask one first.")
    first = _now()
    answers: list[SearchResult] = []
    for done, question in enumerate(questions):
        for _ in range(2):
            if pulse:
                pulse("pace", done, len(questions))
            answer = pipeline.search(
                question,
                collection=collection,
                retrieve_k=retrieve_k,
                reranker=reranker,
                fresh=True,
                watch=Stopwatch(),
                pulse=_as_pace(pulse, done, len(questions)),
            )
            if not answer.cold:
                break
        answers.append(answer)
    by = next((answer.reranker for answer in answers if answer.reranked), None)
    if by is None:
        raise QueryError(f"Nothing was reranked: {collection!r} holds no passages. Add documents first.")
    return Pace(
        tuple(answer.total_s for answer in answers),
        max(len(answer.retrieved) for answer in answers),
        by,
        first,
        _now(),
    )


def recorded(runs: Sequence[RunInfo], reranker: ModelInfo) -> Pace | None:
    """Return how long the answers among `runs` took that `reranker` ordered; None without any that counts.

    Those with a score from the cache, or a model's first use, tell nothing of the time of others.
    """
    counted = [run for run in runs if run.reranker == reranker and not (run.cached or run.cold)]
    counted = [run for run in counted if run.retrieved]
    if not counted:
        return None
    moments = sorted(run.asked_at for run in counted)
    return Pace(
        tuple(run.total_s for run in counted),
        max(run.retrieved for run in counted),
        reranker,
        moments[0],
        moments[-1],
    )


def _as_pace(pulse: Pulse | None, done: int, of: int) -> Pulse | None:
    """Return `pulse` as hearing of nothing but how many questions are done."""
    if pulse is None:
        return None
    heard = pulse
    return lambda _stage, _done, _of: heard("pace", done, of)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
