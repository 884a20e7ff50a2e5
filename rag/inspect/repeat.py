"""Ask a question again and again, to see how much its times vary."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.config import OrderChoice, RerankerChoice
from rag.errors import QueryError
from rag.pipeline import Pipeline
from rag.records import SearchResult, StageTime
from rag.rerank import Scorer
from rag.stats.percentile import percentile
from rag.timing import Pulse, Stopwatch, together

MOST_TIMES = 1000


@dataclass(frozen=True, slots=True)
class Spread:
    """The seconds of one stage over all repetitions, as nearest-rank percentiles: each was measured."""

    stage: str
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Repeats:
    """Every repetition's stages, those of one name as one, and its seconds as a whole."""

    runs: tuple[tuple[StageTime, ...], ...]
    totals: tuple[float, ...]

    @property
    def stages(self) -> tuple[Spread, ...]:
        """The spread of each stage, in the order in which they ran; 0 seconds where it did not run."""
        names = dict.fromkeys(stage.stage for run in self.runs for stage in run)
        return tuple(spread(name, [_seconds(run, name) for run in self.runs]) for name in names)

    @property
    def total(self) -> Spread:
        """The spread of the whole, the stage `total`."""
        return spread("total", self.totals)

    @property
    def tokens_per_second(self) -> float | None:
        """How many tokens the reranker was fed in a second of scoring; None where nobody counts them."""
        score = [stage for run in self.runs for stage in run if stage.stage == "score"]
        tokens, seconds = sum(stage.tokens for stage in score), sum(stage.seconds for stage in score)
        return tokens / seconds if tokens and seconds else None


def repeat(
    pipeline: Pipeline,
    result: SearchResult,
    *,
    times: int = 20,
    reranker: RerankerChoice,
    scorer: Scorer | None = None,
    document_id: str | None = None,
    pulse: Pulse | None = None,
) -> Repeats:
    """Return the times of asking the question of `result` `times` more times, every score computed anew.

    Each repetition waits for a turn of its own, so that others have theirs in between. `reranker`,
    `scorer` and `document_id` are to be those of the result. `pulse` hears how many are done of the stage
    `repeat`; what it raises abandons the rest.

    Raises QueryError where the question finds other passages than it did, or `times` is out of range, and
    else as `Pipeline.search` does.
    """
    if not 1 <= times <= MOST_TIMES:
        raise QueryError(f"A question can be repeated 1 to {MOST_TIMES} times, found {times}.")
    runs, totals = [], []
    for done in range(times):
        if pulse:
            pulse("repeat", done, times)
        again = pipeline.search(
            result.query,
            collection=result.collection,
            retrieve_k=max(1, len(result.retrieved)),
            reranker=reranker,
            retriever=result.retriever,
            order=order_of(result),
            scorer=scorer,
            document_id=document_id,
            fresh=True,
            watch=Stopwatch(),
            pulse=_as_repeat(pulse, done, times),
        )
        _refuse_others(result, again)
        runs.append(together(again.stages))
        totals.append(again.total_s)
    return Repeats(tuple(runs), tuple(totals))


def order_of(result: SearchResult) -> OrderChoice:
    """Return what is to be asked for, that the same question's hits be ordered as those of `result` were."""
    return "reranker" if result.ordering is None or result.ordering.rule == "reranker" else "auto"


def spread(stage: str, seconds: Sequence[float]) -> Spread:
    """Return the spread of `seconds`, one or more."""
    return Spread(stage, percentile(seconds, 0.50), percentile(seconds, 0.95))


def _seconds(run: Sequence[StageTime], name: str) -> float:
    return sum(stage.seconds for stage in run if stage.stage == name)


def _as_repeat(pulse: Pulse | None, done: int, times: int) -> Pulse | None:
    """Return `pulse` as hearing of nothing but how many repetitions are done."""
    if pulse is None:
        return None
    heard = pulse
    return lambda _stage, _done, _of: heard("repeat", done, times)


def _refuse_others(result: SearchResult, again: SearchResult) -> None:
    if {hit.passage.chunk_id for hit in again.retrieved} != {
        hit.passage.chunk_id for hit in result.retrieved
    }:
        raise QueryError(
            f"Asked again, the question finds other passages: {result.collection!r} has changed since. "
            "Ask it anew, and repeat that."
        )
