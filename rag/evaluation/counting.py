"""Find the questions that a collection is measured with, and the recorded run of each that counts."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from rag.config import Settings
from rag.evaluation.measures import Why
from rag.evidence import Question, RunInfo
from rag.library import Library
from rag.records import ModelInfo
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
    library: Library, collection: str, *, reranker: ModelInfo, depth: int | None = None
) -> tuple[dict[str, RunInfo | Why], int]:
    """Return for each question ever asked the newest run that counts, or why none does; and the depth.

    What counts, and which depth it is with None, `measure` says. Raises NotFoundError.
    """
    state = library.store.existing(collection)
    asked: defaultdict[str, list[RunInfo]] = defaultdict(list)
    for run in library.store.runs.of(collection):
        asked[run.query].append(run)
    present = {query: _of_now(runs, state, reranker) for query, runs in asked.items()}
    found = [runs[0].retrieved for runs in present.values() if not isinstance(runs, str)]
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


def _of_now(runs: Sequence[RunInfo], state: CollectionState, reranker: ModelInfo) -> list[RunInfo] | Why:
    """Return those of `runs` whose answers would be the same now, or why there is none."""
    current = [run for run in runs if run.revision == state.revision]
    if not current:
        return "older_documents"
    embedder = state.embedder.sha256 if state.embedder else ""
    same = [r for r in current if r.embedder.sha256 == embedder and _is_same(r.reranker, reranker)]
    return same or "other_models"


def _is_same(model: ModelInfo | None, present: ModelInfo) -> bool:
    if model is None or model.sha256 != present.sha256:
        return False
    # Of a remote one, the file is not known; it is known by its name and place.
    return bool(present.sha256) or (model.id, model.backend) == (present.id, present.backend)


def _deep(runs: Sequence[RunInfo], enough: int) -> RunInfo | Why:
    return next((run for run in runs if run.retrieved >= enough), "fewer_candidates")
