"""Ask the questions of a collection, one after the other, and record the runs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rag.config import OrderChoice, RerankerChoice, RetrieverChoice
from rag.errors import BusyError, QueryError
from rag.evaluation.counting import questions, runs_that_count
from rag.evidence import RunInfo, Setup
from rag.library import Library
from rag.pipeline import Pipeline
from rag.records import SearchResult

Progress = Callable[[int, int], None]  # how many questions are done, of how many

_TICK_S = 0.2


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking: how many runs were recorded, of how many questions.

    `refused` are the questions that cannot be asked at all, each with the reason.
    """

    recorded: int
    questions: int
    refused: tuple[tuple[str, str], ...] = ()


def to_ask(
    library: Library, collection: str, *, setup: Setup, depth: int, anew: bool = False
) -> tuple[str, ...]:
    """Return the questions of the collection of which no recorded run counts any more, in their order.

    Which runs count, `rag.evaluation.collection.measure` says; with `anew`, none does. Raises
    NotFoundError.
    """
    if anew:
        return tuple(question.text for question in questions(library, collection))
    runs, _ = runs_that_count(library, collection, setup=setup, depth=depth)
    asked = (question.text for question in questions(library, collection))
    return tuple(query for query in asked if not isinstance(runs.get(query), RunInfo))


def ask_all(
    pipeline: Pipeline,
    library: Library,
    collection: str,
    queries: Sequence[str],
    *,
    depth: int,
    reranker: RerankerChoice = "preferred",
    retriever: RetrieverChoice | None = None,
    order: OrderChoice | None = None,
    fresh: bool = False,
    progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Asked:
    """Ask `queries` and record each run as it is answered; return how it went.

    Each has a turn of its own at the pipeline's gate, so that others ask meanwhile; where the queue is
    full, it waits. `retriever` and `order` are as in `Pipeline.search`. With `fresh`, every score is
    computed anew. Once `cancelled`, what is recorded stays. Raises what `Pipeline.search` raises, but for a
    question that cannot be asked: it is `refused`.
    """
    ask = partial(
        pipeline.search,
        collection=collection,
        retrieve_k=depth,
        reranker=reranker,
        retriever=retriever,
        order=order,
        fresh=fresh,
    )
    recorded, refused = 0, list[tuple[str, str]]()
    for done, query in enumerate(queries):
        progress(done, len(queries))
        # Read beforehand: where documents change while it is answered, the answer counts as an older one.
        revision = library.store.existing(collection).revision
        try:
            result = _patiently(partial(ask, query), cancelled)
        except QueryError as exc:
            refused.append((query, str(exc)))
            continue
        if result is None:
            break
        # Under the name that its judgments have, whatever was cleaned away before it was asked.
        library.store.runs.add(replace(result, query=query), revision=revision, asked_for=depth)
        recorded += 1
    progress(recorded + len(refused), len(queries))
    return Asked(recorded, len(queries), tuple(refused))


def _patiently(ask: Callable[[], SearchResult], cancelled: Callable[[], bool]) -> SearchResult | None:
    """Return the answer, however long the queue is full; None once `cancelled`."""
    while not cancelled():
        try:
            return ask()
        except BusyError as exc:
            until = time.monotonic() + exc.retry_after_s
            while time.monotonic() < until and not cancelled():
                time.sleep(_TICK_S)
    return None
