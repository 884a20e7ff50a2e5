"""The questions of a collection with what one judge has said of them, and what is left to judge."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from rag.errors import LibraryError
from rag.evidence import Judgment, RunInfo
from rag.library import Library
from rag.records import Passage, SearchResult
from rag.store.judgments import that_counts


@dataclass(frozen=True, slots=True)
class Entry:
    """A question, and the passages to be judged for it, in this judge's own order.

    `run` is where they were found, None for a question that was not asked yet, or not reranked. `said` is
    all that the judge said for the question, `judged` what of it counts for each passage, by chunk id.
    `is_outdated` says that the documents have changed since.
    """

    query: str
    run: RunInfo | None = None
    passages: tuple[Passage, ...] = ()
    said: tuple[Judgment, ...] = ()
    judged: Mapping[str, Judgment] = field(default_factory=dict)
    is_outdated: bool = False

    @property
    def left(self) -> tuple[Passage, ...]:
        """The passages without a judgment, in order."""
        return tuple(passage for passage in self.passages if passage.chunk_id not in self.judged)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to judge; a question that was not asked yet is not done."""
        return self.run is not None and not self.left


@dataclass(frozen=True, slots=True)
class Judging:
    """Who judges which collection, and how many passages of either list of each question."""

    collection: str
    judge: str
    depth: int


# What recorded runs have to be judged, by run and depth: a recorded run does not change.
Pools = dict[tuple[str, int], tuple[Passage, ...]]


def queue(library: Library, judging: Judging, pools: Pools) -> tuple[Entry, ...]:
    """Return the collection's questions in the order in which they came; `pools` is filled on the way."""
    store, collection = library.store, judging.collection
    state = store.state(collection)
    newest = store.runs.newest(collection)
    said: dict[str, list[Judgment]] = {}
    for judgment in store.judgments.of(collection, judge=judging.judge):
        said.setdefault(judgment.query, []).append(judgment)

    def entry(query: str) -> Entry:
        run, about = newest.get(query), tuple(said.get(query, ()))
        found = _pool(library, run, judging.depth, pools) if run and run.reranker else None
        if run is None or found is None:
            return Entry(query, said=about)
        passages = shuffled(found, judge=judging.judge, query=query)
        outdated = state is not None and run.revision != state.revision
        return Entry(query, run, passages, about, judgments_of(passages, about), outdated)

    return tuple(entry(question.text) for question in store.questions.of(collection))


def judgments_of(passages: Iterable[Passage], said: Sequence[Judgment]) -> dict[str, Judgment]:
    """Return for each judged passage, by chunk id, the judgment in `said` that counts for it."""
    found = ((passage.chunk_id, that_counts(said, passage)) for passage in passages)
    return {chunk_id: one for chunk_id, one in found if one}


def pool(result: SearchResult, depth: int) -> tuple[Passage, ...]:
    """Return the passages among the first `depth` of either list, each once."""
    retrieved = [hit.passage for hit in result.retrieved[:depth]]
    reranked = [hit.passage for hit in result.reranked[:depth]]
    return tuple({passage.chunk_id: passage for passage in (*retrieved, *reranked)}.values())


def shuffled(passages: Iterable[Passage], *, judge: str, query: str) -> tuple[Passage, ...]:
    """Return `passages` in an order that tells nothing of their ranks: always the same for one judge.

    A passage that comes or goes leaves the others in their order.
    """

    def lot(passage: Passage) -> bytes:
        return sha256(repr((judge, query, passage.chunk_id)).encode()).digest()

    return tuple(sorted(passages, key=lot))


def _pool(library: Library, run: RunInfo, depth: int, pools: Pools) -> tuple[Passage, ...] | None:
    """Return what `run` has to be judged; None where it cannot be read, and must be asked again."""
    key = run.id, depth
    if key not in pools:
        try:
            pools[key] = pool(library.store.runs.get(run.id).result, depth)
        except LibraryError:
            return None
    return pools[key]
