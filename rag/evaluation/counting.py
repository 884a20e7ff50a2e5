"""Find the questions that a collection is measured with, and the recorded run of each that counts."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.config import OrderChoice, RetrieverChoice, Settings
from rag.evaluation.measures import Why
from rag.evidence import Question, RunInfo, Setup
from rag.library import Library
from rag.order import rule_for
from rag.outcomes import Retriever
from rag.question_language import question_language
from rag.records import ModelInfo
from rag.retrieve import FUSED_DEPTH
from rag.route import route
from rag.store import CollectionState


def questions(library: Library, collection: str) -> tuple[Question, ...]:
    """Return the collection's questions, in the order in which they came; judged ones besides at the end.

    Those that were removed are not among them, though their judgments stay.
    """
    kept = library.store.questions.of(collection)
    known = {question.text for question in kept} | library.store.questions.removed(collection)
    judged = dict.fromkeys(judgment.query for judgment in library.judgments(collection))
    return (*kept, *(Question(text) for text in judged if text not in known))


def runs_that_count(
    library: Library, collection: str, *, setup: Setup, depth: int | None = None
) -> tuple[dict[str, RunInfo | Why], int]:
    """Return for each question ever asked the newest run that counts, or why none does; and the depth.

    What counts, and which depth it is with None, `measure` says. Raises NotFoundError.
    """
    now = _now(library, collection, setup)
    asked: defaultdict[str, list[RunInfo]] = defaultdict(list)
    for run in library.store.runs.of(collection):
        asked[run.query].append(run)
    present = {query: now.those_of(query, runs) for query, runs in asked.items()}
    found = [_depth(runs[0]) for runs in present.values() if not isinstance(runs, str)]
    if depth is None:
        counts = Counter(found)
        depth = max(counts, key=lambda n: (counts[n], n), default=0) or Settings().retrieve_k
    # A small collection may not have so many chunks.
    enough = (
        depth if max(found, default=0) >= depth else min(depth, len(library.store.chunk_keys(collection)))
    )
    return {
        query: runs if isinstance(runs, str) else _deep(runs, enough) for query, runs in present.items()
    }, depth


def setup_of(library: Library, run: RunInfo) -> Setup | None:
    """Return the setup by which `run` counts, None where nothing was reranked.

    It leaves to the rules what they would have come to.
    """
    if run.reranker is None:
        return None
    usual = _now(library, run.collection, Setup(run.reranker))
    language = question_language(run.query)
    retriever: RetrieverChoice = "auto" if usual.retriever(language) == run.retriever else run.retriever
    order: OrderChoice = "auto" if usual.may_have_ordered(run, language) else "reranker"
    return Setup(run.reranker, retriever, order)


@dataclass(frozen=True, slots=True)
class _Now:
    """How a collection is answered now; `documents` says how many are in which language."""

    state: CollectionState
    documents: Mapping[str | None, int]
    setup: Setup

    def those_of(self, query: str, runs: Sequence[RunInfo]) -> list[RunInfo] | Why:
        """Return those of `runs` whose answers to `query` would be the same now, or why there is none."""
        current = [run for run in runs if run.revision == self.state.revision]
        if not current:
            return "older_documents"
        embedder, reranker = self._embedder, self.setup.reranker
        same = [r for r in current if r.embedder.sha256 == embedder and _is_same(r.reranker, reranker)]
        if not same:
            return "other_models"
        language = question_language(query)
        retriever = self.retriever(language)
        alike = [run for run in same if run.retriever == retriever and self.may_have_ordered(run, language)]
        return alike or "other_retrieval"

    def retriever(self, language: str | None) -> Retriever:
        """Return what finds the candidates of a question in `language`."""
        ref = self.state.embedder
        return route(
            self.setup.retriever,
            question_language=language,
            documents=self.documents,
            embedder_id=ref.id if ref else "",
        ).retriever

    def may_have_ordered(self, run: RunInfo, language: str | None) -> bool:
        """Return whether the order of `run`, a question in `language`, is one that the setup makes."""
        if self.setup.order == "reranker" or run.retriever != "hybrid":
            return run.rule == "reranker"
        # Where the question's language is not sure, the rule was taken from what was found then.
        choice, by = self.setup.order, self.setup.reranker
        return language is None or (
            run.rule == rule_for(language, (), by, retriever="hybrid", choice=choice).rule
        )

    @property
    def _embedder(self) -> str:
        return self.state.embedder.sha256 if self.state.embedder else ""


def _now(library: Library, collection: str, setup: Setup) -> _Now:
    return _Now(library.store.existing(collection), library.languages(collection), setup)


def _is_same(model: ModelInfo | None, present: ModelInfo) -> bool:
    if model is None or model.sha256 != present.sha256:
        return False
    # Of a remote one, the file is not known; it is known by its name and place.
    return bool(present.sha256) or (model.id, model.backend) == (present.id, present.backend)


def _deep(runs: Sequence[RunInfo], enough: int) -> RunInfo | Why:
    return next((run for run in runs if _begins_with(run, enough)), "fewer_candidates")


def _begins_with(run: RunInfo, n: int) -> bool:
    """Return whether the first `n` candidates of `run` are those that so many had been."""
    # Below this depth, whatever is asked for, both searches go equally far down.
    same_depth = run.retriever != "hybrid" or run.retrieved <= max(FUSED_DEPTH, n)
    return _depth(run) >= n and same_depth


def _depth(run: RunInfo) -> int:
    """Return how many candidates were looked for: by words, there may be fewer that have one."""
    return max(run.asked_for, run.retrieved) if run.retriever == "lexical" else run.retrieved
