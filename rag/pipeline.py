"""Answer a question: retrieve, then rerank everything that was retrieved."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rag.config import MAX_RETRIEVE_K, RerankerChoice
from rag.errors import QueryError, RemoteError
from rag.gate import Gate
from rag.inquiry import Inquiry
from rag.library import Library
from rag.library.searching import Searcher
from rag.models.manifest import Task
from rag.question import checked_query
from rag.records import Hit, RerankedHit, Scored, SearchResult, StageTime
from rag.rerank import Reranker, Scorer
from rag.retrieve import retrieve
from rag.timing import Pulse, Stopwatch
from rag.wording import fell_back

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
        stage already. An index that is not in memory, or behind its documents, is loaded first, with the
        collection's embedder, as the stage `load`. What `pulse` raises, in the queue or between two pairs,
        abandons the question.

        Where the settings prefer the remote reranker and it fails, the local one takes its place, and
        `notices` say so. Raises RemoteError when it was named and fails, BusyError when too many wait,
        QueryError for a question that cannot be asked, NotFoundError for an unknown collection or
        document, LibraryError for a collection whose embedder is not here.
        """
        asked = Inquiry(checked_query(query), watch or Stopwatch(), pulse)
        if not 1 <= retrieve_k <= MAX_RETRIEVE_K:
            raise QueryError(f"retrieve_k must be from 1 to {MAX_RETRIEVE_K}, found {retrieve_k}.")
        remote = self._remote_for(reranker)
        reranked: tuple[RerankedHit, ...] = ()
        with self.gate.turn(pulse):
            asked.watch.since_last("queue")
            hits, searcher = self._retrieve(asked, collection, document_id, k=retrieve_k)
            if reranker == "none":
                asked.tell(("Reranking was turned off for this question.",))
            elif remote is None:
                reranked = self._rerank_here(asked, hits)
        if remote is not None:
            reranked = self._rerank_there(asked, hits, remote, named=reranker == "remote")
        result = asked.result(collection, searcher, retrieved=hits, reranked=reranked)
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
        asked = Inquiry(checked_query(query), watch or Stopwatch(), pulse)
        there = self._remote_for("remote") if remote else None
        if there is not None:
            with self.remote_gate.turn(pulse), self._failures_seen():
                asked.watch.since_last("queue")
                scores = there.score(asked.question, passages, watch=asked.watch, pulse=pulse)
            asked.scored_by = there.info
            if max_tokens is not None:
                asked.tell(("The limit on tokens was not passed on: the remote reranker has its own.",))
        else:
            with self.gate.turn(pulse), self._local(asked) as local:
                asked.watch.since_last("queue")
                scores = local.score(
                    asked.question,
                    passages,
                    watch=asked.watch,
                    pulse=pulse,
                    max_tokens=max_tokens,
                    must_fit=must_fit,
                )
        scored = asked.scored(scores)
        self._seen(scored.stages)
        return scored

    def _remote_for(self, choice: RerankerChoice) -> Scorer | None:
        """Return the remote reranker where `choice` comes to it, None where it does not."""
        if choice == "remote" and self.remote is None:
            raise QueryError("There is no remote reranker: set MODAL_RERANK_URL and start again.")
        return self.remote if choice == "remote" or (choice == "preferred" and self._prefers_remote) else None

    def _retrieve(
        self, asked: Inquiry, collection: str, document_id: str | None, *, k: int
    ) -> tuple[tuple[Hit, ...], Searcher]:
        """Return the at most `k` hits, and what found them; tell what there is to say."""
        searcher = self._searcher(collection, document_id, asked.watch)
        embedder = searcher.embedder
        hits = retrieve(asked.question, embedder=embedder, nearest=searcher.nearest, k=k, watch=asked.watch)
        asked.tell(self._standing_for("embed"))
        asked.tell_unread("retriever", embedder.query_tokens_unread(asked.question))
        return hits, searcher

    def _rerank_here(self, asked: Inquiry, hits: Sequence[Hit]) -> tuple[RerankedHit, ...]:
        with self._local(asked) as local:
            return local.rerank(asked.question, hits, watch=asked.watch, pulse=asked.pulse)

    def _rerank_there(
        self, asked: Inquiry, hits: Sequence[Hit], remote: Scorer, *, named: bool
    ) -> tuple[RerankedHit, ...]:
        try:
            with asked.waiting(self.remote_gate), self._failures_seen():
                reranked = remote.rerank(asked.question, hits, watch=asked.watch, pulse=asked.pulse)
        except RemoteError as exc:
            if named:
                raise
            with asked.waiting(self.gate):
                reranked = self._rerank_here(asked, hits)
            asked.tell((fell_back(asked.info.id, because=exc),))
        else:
            asked.scored_by = remote.info
        return reranked

    @contextmanager
    def _local(self, asked: Inquiry) -> Iterator[Reranker]:
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
        asked.scored_by = reranker.info
        asked.tell(standing)
        asked.tell_unread("reranker", reranker.query_tokens_unread(asked.question))

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
