"""Let two rerankers order the same candidates: of one question, or of all of a collection."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from rag.config import RERANKER_NONE
from rag.inspect.blind import identity
from rag.inspect.differences import Differences, difference
from rag.models.naming import split_form
from rag.records import ModelInfo, Reranking, SearchResult
from rag.service import Service
from rag.timing import Pulse, Stopwatch
from rag.wording import RERANKING_OFF

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Choice:
    """What can order the candidates: the reranker that `reference` names, or none ("none").

    `label` is for people, `identity` what `identity` returns for its model. `weights` are "int8" or "fp32",
    empty where nobody knows.
    """

    reference: str
    label: str
    identity: str
    weights: str = ""

    @property
    def model_id(self) -> str:
        """The model, whatever its weights."""
        return split_form(self.reference)[0]


@dataclass(frozen=True, slots=True)
class Ordered:
    """The candidates of one question as one choice orders them: `chunks` are their ids, best first.

    `model` ordered them, by its scores alone. Without a reranker, `reranking` is None, the order is the
    retriever's, and the model is the collection's embedder, whatever found them.
    """

    model: ModelInfo
    chunks: tuple[str, ...]
    reranking: Reranking | None = None


@dataclass(frozen=True, slots=True)
class Duel:
    """One question's candidates as they were retrieved, and as `a` and `b` order them."""

    retrieved: SearchResult
    a: Ordered
    b: Ordered

    @property
    def notices(self) -> tuple[str, ...]:
        """What the reader must know of the three orders."""
        # The candidates were not reranked, because both sides do that.
        told = [notice for notice in self.retrieved.notices if notice != RERANKING_OFF]
        told += [notice for side in (self.a, self.b) if side.reranking for notice in side.reranking.notices]
        return tuple(dict.fromkeys(told))


def duel(
    service: Service,
    query: str,
    a: str,
    b: str,
    *,
    collection: str,
    retrieve_k: int,
    fresh: bool = False,
    pulse: Pulse | None = None,
) -> Duel:
    """Return how the choices `a` and `b` order the candidates for `query`: references, or "none".

    With `fresh`, every score is computed in this run, so that the times are those of all pairs. Raises as
    `Pipeline.search` does, and ModelError for a reranker that cannot be used.
    """
    found = retrieved(service, query, collection=collection, retrieve_k=retrieve_k, pulse=pulse)
    first, second = (ordered(service, found, choice, fresh=fresh, pulse=pulse) for choice in (a, b))
    return Duel(found, first, second)


def retrieved(
    service: Service, query: str, *, collection: str, retrieve_k: int, pulse: Pulse | None = None
) -> SearchResult:
    """Return the candidates for `query`, in the retriever's order."""
    found = service.pipeline.search(
        query, collection=collection, retrieve_k=retrieve_k, reranker="none", pulse=pulse
    )
    # Under the name that its judgments and votes have, whatever was cleaned away before it was asked.
    return replace(found, query=query)


def ordered(
    service: Service,
    found: SearchResult,
    reference: str,
    *,
    fresh: bool = False,
    pulse: Pulse | None = None,
) -> Ordered:
    """Return the candidates of `found` as the choice `reference` orders them."""
    if reference == RERANKER_NONE:
        return Ordered(found.embedder, tuple(hit.passage.chunk_id for hit in found.retrieved))
    watch = Stopwatch()
    with service.rerankers.using(reference, watch=watch, pulse=pulse) as scorer:
        made = service.pipeline.rerank_with(
            found.query, found.retrieved, scorer, fresh=fresh, watch=watch, pulse=pulse
        )
    return Ordered(made.reranker, tuple(hit.passage.chunk_id for hit in made.reranked), made)


def compare(
    service: Service,
    queries: Sequence[str],
    a: Choice,
    b: Choice,
    *,
    collection: str,
    retrieve_k: int,
    grades: Mapping[str, Mapping[str, int]],
    pulse: Pulse | None = None,
) -> Differences:
    """Return how `a` and `b` differ on `queries`, measured where `grades` (by question, by chunk) say so.

    One reranker orders all questions before the other does, so that neither is loaded twice. `pulse` is
    told of the rankings made, three for each question. What it raises abandons all; the scores so far
    are in the cache for the next time.
    """
    steps = _Steps(pulse, 3 * len(queries))
    found = [
        retrieved(service, query, collection=collection, retrieve_k=retrieve_k, pulse=steps)
        for query in steps.over(queries)
    ]
    first, second = (
        [ordered(service, result, choice.reference, pulse=steps).chunks for result in steps.over(found)]
        for choice in (a, b)
    )
    questions = tuple(
        difference(query, one, other, grades.get(query))
        for query, one, other in zip(queries, first, second, strict=True)
    )
    return Differences(*names(a, b), questions)


class _Steps:
    """A pulse for each of several questions, which tells how far all of them are."""

    def __init__(self, pulse: Pulse | None, total: int) -> None:
        self._pulse = pulse or (lambda _stage, _done, _of: None)
        self._done = 0
        self._total = total

    def __call__(self, stage: str, done: int, of: int) -> None:
        if stage == "queue":
            self._pulse(stage, done, of)
        else:
            self._pulse("score", self._done, self._total)

    def over(self, things: Iterable[Thing]) -> Iterator[Thing]:
        """Yield `things`, each of which is a step."""
        for thing in things:
            yield thing
            self._done += 1
            self._pulse("score", self._done, self._total)


def choices(service: Service, collection: str) -> tuple[Choice, ...]:
    """Return what can order the candidates: the one that answers, the others here, and no reranker."""
    found = sorted(service.rerankers.choices(), key=lambda option: not option.present)
    remote = service.pipeline.remote
    ref = service.library.embedder_ref(collection)
    return (
        *(
            Choice(
                option.reference,
                option.label,
                identity(remote.info) if remote and option.kind == "remote" else option.sha256,
                option.weights,
            )
            for option in found
        ),
        Choice(RERANKER_NONE, "No reranking", ref.sha256 if ref else ""),
    )


def names(a: Choice, b: Choice) -> tuple[str, str]:
    """Return how people call the two beside each other: two precisions of one model by these alone."""
    if a.weights and b.weights and a.model_id == b.model_id and a.weights != b.weights:
        return a.weights, b.weights
    return a.label, b.label


def precisions(offered: Sequence[Choice]) -> tuple[tuple[Choice, Choice], ...]:
    """Return the pairs of one model in fp32 and in int8, in this order, that are offered."""
    forms: dict[str, dict[str, Choice]] = {}
    for choice in offered:
        if choice.weights:
            forms.setdefault(choice.model_id, {}).setdefault(choice.weights, choice)
    return tuple((by["fp32"], by["int8"]) for by in forms.values() if len(by) > 1)
