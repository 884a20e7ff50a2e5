"""Answer a question: retrieve, then rerank everything that was retrieved."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from rag.config import DEFAULT_FUSION, MAX_RETRIEVE_K, Fusion, OrderChoice, RerankerChoice, RetrieverChoice
from rag.errors import QueryError, RemoteError
from rag.gate import Gate
from rag.inquiry import Inquiry
from rag.library import Library
from rag.library.searching import Searcher
from rag.models.manifest import Task
from rag.present import Present
from rag.question import checked_query
from rag.records import Hit, RerankedHit, Reranking, Scored, SearchResult, StageTime
from rag.rerank import Reranker, Scorer
from rag.retrieve import Found, retrieve
from rag.route import Route, route
from rag.timing import Pulse, Stopwatch
from rag.wording import RERANKING_OFF, fell_back, is_remote

# Questions that wait for somebody else's GPU cost this machine little.
_REMOTE_SLOTS = 8

Observer = Callable[[Sequence[StageTime]], None]
FailureObserver = Callable[[RemoteError], None]


class Pipeline:
    """Both stages behind one gate of `slots`, which page and HTTP routes share: the others wait, timed.

    A remote reranker is waited for outside the gate, so that nobody waits for somebody else's network;
    it has a gate of its own, `remote_gate`. At each, `queue` may wait. `standing` are notices for every
    answer: for each task, which model stands in for the chosen one. `retriever` and `order` are those of a
    question that names none, and `fusion` makes one ranking of two. `observe` is told the stages of
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
        retriever: RetrieverChoice = "auto",
        fusion: Fusion = DEFAULT_FUSION,
        order: OrderChoice = "auto",
        observe: Observer | None = None,
        observe_failure: FailureObserver | None = None,
    ) -> None:
        self.gate = Gate(slots=slots, queue=queue)
        self.remote = remote
        self.remote_gate = Gate(slots=_REMOTE_SLOTS, queue=queue)
        standing = standing or {}
        self.present = Present(reranker, standing.get("rerank"))
        self._library = library
        self._embedder_stands_in = tuple(notice for task, notice in standing.items() if task == "embed")
        self._prefers_remote = prefers_remote and remote is not None
        self._retriever, self._fusion, self._order = retriever, fusion, order
        self._observe = observe
        self._observe_failure = observe_failure

    @property
    def reranker(self) -> Reranker:
        """The local reranker, as the next question finds it."""
        return self.present.reranker

    @property
    def preferred(self) -> Scorer:
        """What scores a question that names no reranker."""
        return self.remote if self._prefers_remote and self.remote else self.reranker

    @property
    def standing(self) -> tuple[str, ...]:
        """The notices that every answer carries: which chosen model another one stands in for."""
        return self.present.notices + self._embedder_stands_in

    def use_reranker(self, new: Reranker) -> Reranker:
        """Score with `new` from the next question on; return the older one, which nobody uses any more."""
        return self.present.change(new)

    def search(
        self,
        query: str,
        *,
        collection: str,
        retrieve_k: int,
        reranker: RerankerChoice = "preferred",
        retriever: RetrieverChoice | None = None,
        order: OrderChoice | None = None,
        document_id: str | None = None,
        fresh: bool = False,
        scorer: Scorer | None = None,
        watch: Stopwatch | None = None,
        pulse: Pulse | None = None,
    ) -> SearchResult:
        """Return both rankings for `query`, each with all of the at most `retrieve_k` hits.

        A `scorer` orders them in place of the one that `reranker` names. `retriever` says what finds them,
        and `order` whether their final order may be another than the reranker's own; None is for what the
        settings say. With `fresh`, every score is
        computed, known or not; the cache learns it all the same.

        The time since `watch` was made, when the question arrived, is the stage `queue`, but for what is a
        stage already. An index that is not in memory, or behind its documents, is loaded first, with the
        collection's embedder, as the stage `load`. What `pulse` raises, in the queue or between two pairs,
        abandons the question.

        Where the settings prefer the remote reranker and it fails, the local one takes its place, and
        `notices` say so. Raises RemoteError when it was named, or given, and fails, BusyError when too many
        wait, QueryError for a question that cannot be asked, NotFoundError for an unknown collection or
        document, LibraryError for a collection whose embedder is not here.
        """
        asked = Inquiry(checked_query(query), watch or Stopwatch(), pulse, fresh=fresh)
        if not 1 <= retrieve_k <= MAX_RETRIEVE_K:
            raise QueryError(f"retrieve_k must be from 1 to {MAX_RETRIEVE_K}, found {retrieve_k}.")
        remote = scorer if scorer and is_remote(scorer.info) else None
        if scorer is None:
            remote = self._remote_for(reranker)
        reranked: tuple[RerankedHit, ...] = ()
        with self.gate.turn(pulse):
            asked.watch.since_last("queue")
            way = self._route(asked, collection, retriever)
            searcher = self._searcher(collection, document_id, asked.watch, words=way.retriever != "dense")
            found = self._retrieve(asked, searcher, way, k=retrieve_k)
            if scorer is None and reranker == "none":
                asked.tell((RERANKING_OFF,))
            elif remote is None:
                reranked = self._rerank_here(asked, found.hits, scorer)
        if remote is not None:
            named = scorer is not None or reranker == "remote"
            reranked = self._rerank_there(asked, found.hits, remote, named=named)
        if asked.scored_by:
            reranked = asked.ordered(reranked, retriever=way.retriever, choice=order or self._order)
        result = asked.result(collection, searcher, retriever=way.retriever, found=found, reranked=reranked)
        self._seen(result.stages)
        return result

    def rerank_with(
        self,
        query: str,
        hits: Sequence[Hit],
        scorer: Scorer,
        *,
        fresh: bool = False,
        watch: Stopwatch | None = None,
        pulse: Pulse | None = None,
    ) -> Reranking:
        """Return `hits`, which `query` has retrieved, in the order of `scorer`; the rest as in `search`."""
        asked = Inquiry(checked_query(query), watch or Stopwatch(), pulse, fresh=fresh)
        with self.scoring(scorer, watch=asked.watch, pulse=pulse):
            reranked = asked.reranked(hits, scorer)
        return asked.reranking(reranked)

    @contextmanager
    def scoring(
        self, scorer: Scorer | None = None, *, watch: Stopwatch, pulse: Pulse | None = None
    ) -> Iterator[Scorer]:
        """Have a turn in which the body scores what it likes with `scorer`; yield it.

        Without one, it is the local reranker. The wait is the stage `queue`, as in `search`.
        """
        with ExitStack() as turn:
            if scorer is None:
                scorer, _ = turn.enter_context(self.present.in_use())
            gate = self.remote_gate if is_remote(scorer.info) else self.gate
            turn.enter_context(gate.turn(pulse))
            turn.enter_context(self._failures_seen())
            watch.since_last("queue")
            yield scorer
        self._seen(watch.stages)

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
            asked.was_scored(there)
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
                asked.was_scored(local)
        scored = asked.scored(scores)
        self._seen(scored.stages)
        return scored

    def _remote_for(self, choice: RerankerChoice) -> Scorer | None:
        """Return the remote reranker where `choice` comes to it, None where it does not."""
        if choice == "remote" and self.remote is None:
            raise QueryError("There is no remote reranker: set MODAL_RERANK_URL and start again.")
        return self.remote if choice == "remote" or (choice == "preferred" and self._prefers_remote) else None

    def _route(self, asked: Inquiry, collection: str, choice: RetrieverChoice | None) -> Route:
        """Return what is to find the candidates, and tell why it is not the usual one."""
        ref = self._library.embedder_ref(collection)
        way = route(
            choice or self._retriever,
            question_language=asked.language,
            documents=self._library.languages(collection),
            embedder_id=ref.id if ref else "",
        )
        asked.tell(way.notices)
        return way

    def _retrieve(self, asked: Inquiry, searcher: Searcher, way: Route, *, k: int) -> Found:
        """Return what is found, with at most `k` hits; tell what there is to say."""
        found = retrieve(
            asked.question, searcher, k=k, watch=asked.watch, retriever=way.retriever, fusion=self._fusion
        )
        if way.retriever != "lexical":
            asked.tell(self._embedder_stands_in)
            asked.tell_unread("retriever", searcher.embedder.query_tokens_unread(asked.question))
        return found

    def _rerank_here(
        self, asked: Inquiry, hits: Sequence[Hit], scorer: Scorer | None = None
    ) -> tuple[RerankedHit, ...]:
        if scorer is not None:
            return asked.reranked(hits, scorer)
        with self._local(asked) as local:
            return asked.reranked(hits, local)

    def _rerank_there(
        self, asked: Inquiry, hits: Sequence[Hit], remote: Scorer, *, named: bool
    ) -> tuple[RerankedHit, ...]:
        try:
            with asked.waiting(self.remote_gate), self._failures_seen():
                return asked.reranked(hits, remote)
        except RemoteError as exc:
            if named:
                raise
            with asked.waiting(self.gate):
                reranked = self._rerank_here(asked, hits)
            asked.tell((fell_back(asked.info.id, because=exc),))
            return reranked

    @contextmanager
    def _local(self, asked: Inquiry) -> Iterator[Reranker]:
        """Keep the local reranker in memory while the body scores with it; tell what there is to say."""
        with self.present.in_use() as (reranker, notices):
            asked.tell(notices)
            yield reranker

    @contextmanager
    def _failures_seen(self) -> Iterator[None]:
        try:
            yield
        except RemoteError as exc:
            if self._observe_failure:
                self._observe_failure(exc)
            raise

    def _searcher(
        self, collection: str, document_id: str | None, watch: Stopwatch, *, words: bool
    ) -> Searcher:
        if self._library.is_current(collection, words=words):
            return self._library.searcher(collection, document_id=document_id, words=words)
        with watch.stage("load"):
            return self._library.searcher(collection, document_id=document_id, words=words)

    def _seen(self, stages: Sequence[StageTime]) -> None:
        if self._observe:
            self._observe(stages)
