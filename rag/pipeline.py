"""Answer a question: retrieve, then rerank everything that was retrieved."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rag.config import MAX_RETRIEVE_K, RerankerChoice
from rag.errors import QueryError, RemoteError
from rag.gate import Gate
from rag.library import Library, Searcher
from rag.models.manifest import Task
from rag.question import checked_query
from rag.records import Hit, ModelInfo, RerankedHit, Scored, SearchResult, StageTime
from rag.rerank import Reranker, Scorer
from rag.retrieve import retrieve
from rag.timing import Pulse, Stopwatch
from rag.wording import fell_back, question_cut

# Questions that wait for somebody else's GPU cost this machine little.
_REMOTE_SLOTS = 8

Observer = Callable[[Sequence[StageTime]], None]
FailureObserver = Callable[[RemoteError], None]


class Pipeline:
    """Both stages behind one gate of `slots`, which page and HTTP routes share: the others wait, timed.

    A remote reranker is waited for outside the gate, so that nobody waits for somebody else's network;
    it has a gate of its own, `remote_gate`. At each, `queue` may wait. `standing` are notices for every
    answer: for each task, which model stands in for the chosen one. `observe` is told the stages of
    everything that was answered, `observe_failure` each failure of the remote reranker.
    """

    def __init__(
        self,
        library: Library,
        reranker: Reranker,
        standing: Mapping[Task, str] | None = None,
        *,
        slots: int = 1,
        queue: int = 32,
        remote: Scorer | None = None,
        prefers_remote: bool = False,
        observe: Observer | None = None,
        observe_failure: FailureObserver | None = None,
    ) -> None:
        self.gate = Gate(slots=slots, queue=queue)
        self.remote = remote
        self.remote_gate = Gate(slots=_REMOTE_SLOTS, queue=queue)
        self._library = library
        self._reranker = reranker
        self._users: Counter[Reranker] = Counter()
        self._changing = threading.Condition()
        self._standing = dict(standing or {})
        self._prefers_remote = prefers_remote and remote is not None
        self._observe = observe
        self._observe_failure = observe_failure

    @property
    def reranker(self) -> Reranker:
        """The local reranker, as the next question finds it."""
        return self._reranker

    @property
    def preferred(self) -> Scorer:
        """What scores a question that names no reranker."""
        return self.remote if self._prefers_remote and self.remote else self._reranker

    @property
    def standing(self) -> tuple[str, ...]:
        """The notices that every answer carries: which chosen model another one stands in for."""
        return tuple(self._standing.values())

    def use_reranker(self, new: Reranker) -> Reranker:
        """Score with `new` from the next question on; return the older one, which nobody uses any more."""
        with self._changing:
            old, self._reranker = self._reranker, new
            self._standing.pop("rerank", None)
            self._changing.wait_for(lambda: not self._users[old])
        return old

    def search(
        self,
        query: str,
        *,
        collection: str,
        retrieve_k: int,
        reranker: RerankerChoice = "preferred",
        document_id: str | None = None,
        watch: Stopwatch | None = None,
        pulse: Pulse | None = None,
    ) -> SearchResult:
        """Return both rankings for `query`, each with all of the at most `retrieve_k` hits.

        The time since `watch` was made, when the question arrived, is the stage `queue`, but for what is a
        stage already. An index that is
        not in memory, or behind its documents, is loaded first, with the collection's embedder, as the
        stage `load`. What `pulse` raises, in the queue or between two pairs, abandons the question.

        Where the settings prefer the remote reranker and it fails, the local one takes its place, and
        `notices` say so. Raises RemoteError when it was named and fails, BusyError when too many wait,
        QueryError for a question that cannot be asked, NotFoundError for an unknown collection or
        document, LibraryError for a collection whose embedder is not here.
        """
        question = checked_query(query)
        if not 1 <= retrieve_k <= MAX_RETRIEVE_K:
            raise QueryError(f"retrieve_k must be from 1 to {MAX_RETRIEVE_K}, found {retrieve_k}.")
        job = _Job(question, watch or Stopwatch(), pulse)
        remote = self._remote_for(reranker)
        reranked: tuple[RerankedHit, ...] = ()
        with self.gate.turn(pulse):
            job.watch.since_last("queue")
            searcher = self._searcher(collection, document_id, job.watch)
            embedder = searcher.embedder
            hits = retrieve(
                question, embedder=embedder, nearest=searcher.nearest, k=retrieve_k, watch=job.watch
            )
            job.tell(self._standing_for("embed"))
            job.tell(_cut("retriever", embedder.query_tokens_unread(question)))
            if reranker != "none" and remote is None:
                reranked = self._rerank_here(job, hits)
        if remote is not None:
            reranked = self._rerank_there(job, hits, remote, named=reranker == "remote")
        if reranker == "none":
            job.tell(("Reranking was turned off for this question.",))
        result = SearchResult(
            query=question,
            collection=collection,
            retrieved=hits,
            reranked=reranked,
            stages=job.watch.stages,
            total_s=job.watch.elapsed_s,
            embedder=embedder.info,
            reranker=job.scored_by,
            notices=tuple(job.notices),
        )
        self._seen(result.stages)
        return result

    def score(
        self,
        query: str,
        passages: Sequence[str],
        *,
        remote: bool = False,
        max_tokens: int | None = None,
        must_fit: bool = False,
        watch: Stopwatch | None = None,
        pulse: Pulse | None = None,
    ) -> Scored:
        """Return the score of each passage for `query`, by the local reranker or the remote one.

        The local one reads at most `max_tokens` tokens of each passage, and with `must_fit` refuses what it
        cannot read whole (TooLongError). Raises as `search` does.
        """
        job = _Job(checked_query(query), watch or Stopwatch(), pulse)
        there = self._remote_for("remote") if remote else None
        if there is not None:
            with self.remote_gate.turn(pulse), self._failures_seen():
                job.watch.since_last("queue")
                scores = there.score(job.question, passages, watch=job.watch, pulse=pulse)
            job.scored_by = there.info
            if max_tokens is not None:
                job.tell(("The limit on tokens was not passed on: the remote reranker has its own.",))
        else:
            with self.gate.turn(pulse), self._local(job) as local:
                job.watch.since_last("queue")
                scores = local.score(
                    job.question,
                    passages,
                    watch=job.watch,
                    pulse=pulse,
                    max_tokens=max_tokens,
                    must_fit=must_fit,
                )
        scored = Scored(scores, job.watch.stages, job.watch.elapsed_s, job.info, tuple(job.notices))
        self._seen(scored.stages)
        return scored

    def _remote_for(self, choice: RerankerChoice) -> Scorer | None:
        """Return the remote reranker where `choice` comes to it, None where it does not."""
        if choice == "remote" and self.remote is None:
            raise QueryError("There is no remote reranker: set MODAL_RERANK_URL and start again.")
        return self.remote if choice == "remote" or (choice == "preferred" and self._prefers_remote) else None

    def _rerank_here(self, job: "_Job", hits: Sequence[Hit]) -> tuple[RerankedHit, ...]:
        with self._local(job) as local:
            return local.rerank(job.question, hits, watch=job.watch, pulse=job.pulse)

    def _rerank_there(
        self, job: "_Job", hits: Sequence[Hit], remote: Scorer, *, named: bool
    ) -> tuple[RerankedHit, ...]:
        try:
            with job.waiting(self.remote_gate), self._failures_seen():
                reranked = remote.rerank(job.question, hits, watch=job.watch, pulse=job.pulse)
        except RemoteError as exc:
            if named:
                raise
            with job.waiting(self.gate):
                reranked = self._rerank_here(job, hits)
            job.tell((fell_back(job.info.id, because=exc),))
        else:
            job.scored_by = remote.info
        return reranked

    @contextmanager
    def _local(self, job: "_Job") -> Iterator[Reranker]:
        """Keep the local reranker in use, and in memory, while the body runs; tell what there is to say."""
        with self._changing:
            reranker = self._reranker
            self._users[reranker] += 1
            standing = self._standing_for("rerank")
        try:
            yield reranker
        finally:
            with self._changing:
                self._users[reranker] -= 1
                self._users += Counter()  # forgets who is used by nobody
                self._changing.notify_all()
        job.scored_by = reranker.info
        job.tell(standing)
        job.tell(_cut("reranker", reranker.query_tokens_unread(job.question)))

    @contextmanager
    def _failures_seen(self) -> Iterator[None]:
        try:
            yield
        except RemoteError as exc:
            if self._observe_failure:
                self._observe_failure(exc)
            raise

    def _standing_for(self, task: Task) -> tuple[str, ...]:
        notice = self._standing.get(task)
        return (notice,) if notice else ()

    def _searcher(self, collection: str, document_id: str | None, watch: Stopwatch) -> Searcher:
        if self._library.is_current(collection):
            return self._library.searcher(collection, document_id=document_id)
        with watch.stage("load"):
            return self._library.searcher(collection, document_id=document_id)

    def _seen(self, stages: Sequence[StageTime]) -> None:
        if self._observe:
            self._observe(stages)


class _Job:
    """One question on its way: what was asked, and what there is to say about it."""

    def __init__(self, question: str, watch: Stopwatch, pulse: Pulse | None) -> None:
        self.question, self.watch, self.pulse = question, watch, pulse
        self.scored_by: ModelInfo | None = None
        self.notices: list[str] = []

    @property
    def info(self) -> ModelInfo:
        """Which reranker has scored it."""
        if self.scored_by is None:
            raise RuntimeError("nothing has been scored yet")
        return self.scored_by

    def tell(self, notices: Sequence[str]) -> None:
        self.notices += notices

    @contextmanager
    def waiting(self, gate: Gate) -> Iterator[None]:
        """Have a further turn at `gate`; a wait for it is another stage `queue`."""
        before = self.watch.elapsed_s
        with gate.turn(self.pulse) as waited:
            if waited:
                self.watch.note("queue", self.watch.elapsed_s - before)
            yield


def _cut(reader: str, unread: int) -> tuple[str, ...]:
    return (question_cut(reader, unread),) if unread else ()
