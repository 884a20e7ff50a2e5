"""Answer a question: retrieve, then rerank everything that was retrieved."""

import threading
from collections.abc import Mapping

from rag.config import MAX_RETRIEVE_K
from rag.embed import Embedder
from rag.errors import QueryError
from rag.library import Library, Searcher
from rag.models.manifest import Task
from rag.question import checked_query
from rag.records import SearchResult
from rag.rerank import Reranker
from rag.retrieve import retrieve
from rag.timing import Stopwatch
from rag.wording import question_cut


class Pipeline:
    """Both stages, behind one gate: a question has all cores, and the next one waits, timed.

    `standing` are notices for every answer: for each task, which model stands in for the chosen one.
    """

    def __init__(
        self, library: Library, reranker: Reranker, standing: Mapping[Task, str] | None = None
    ) -> None:
        self._library = library
        self._reranker = reranker
        self._standing = dict(standing or {})
        self._gate = threading.Lock()

    @property
    def reranker(self) -> Reranker:
        """The reranker that scores the next question."""
        return self._reranker

    @property
    def standing(self) -> tuple[str, ...]:
        """The notices that every answer carries: which chosen model another one stands in for."""
        return tuple(self._standing.values())

    def use_reranker(self, new: Reranker) -> Reranker:
        """Score with `new` from the next question on; return the older one, which nobody uses any more."""
        with self._gate:
            old, self._reranker = self._reranker, new
            self._standing.pop("rerank", None)
        return old

    def search(
        self,
        query: str,
        *,
        collection: str,
        retrieve_k: int,
        rerank: bool = True,
        document_id: str | None = None,
        watch: Stopwatch | None = None,
    ) -> SearchResult:
        """Return both rankings for `query`, each with all of the at most `retrieve_k` hits.

        The time since `watch` was made, when the question arrived, is the stage `queue`. An index that is
        not in memory, or behind its documents, is loaded first, with the collection's embedder, as the
        stage `load`.

        Raises QueryError for a question that cannot be asked, NotFoundError for an unknown collection
        or document, LibraryError for a collection whose embedder is not here.
        """
        question = checked_query(query)
        if not 1 <= retrieve_k <= MAX_RETRIEVE_K:
            raise QueryError(f"retrieve_k must be from 1 to {MAX_RETRIEVE_K}, found {retrieve_k}.")
        watch = watch or Stopwatch()
        with self._gate:
            watch.since_start("queue")
            reranker = self._reranker if rerank else None
            searcher = self._searcher(collection, document_id, watch)
            return self._answer(question, collection, searcher, reranker, k=retrieve_k, watch=watch)

    def _answer(
        self,
        question: str,
        collection: str,
        searcher: Searcher,
        reranker: Reranker | None,
        *,
        k: int,
        watch: Stopwatch,
    ) -> SearchResult:
        embedder = searcher.embedder
        hits = retrieve(question, embedder=embedder, nearest=searcher.nearest, k=k, watch=watch)
        reranked = reranker.rerank(question, hits, watch=watch) if reranker else ()
        notices = self.standing + _notices(question, embedder, reranker)
        return SearchResult(
            query=question,
            collection=collection,
            retrieved=hits,
            reranked=reranked,
            stages=watch.stages,
            total_s=watch.elapsed_s,
            embedder=embedder.info,
            reranker=reranker.info if reranker else None,
            notices=notices,
        )

    def _searcher(self, collection: str, document_id: str | None, watch: Stopwatch) -> Searcher:
        if self._library.is_current(collection):
            return self._library.searcher(collection, document_id=document_id)
        with watch.stage("load"):
            return self._library.searcher(collection, document_id=document_id)


def _notices(question: str, embedder: Embedder, reranker: Reranker | None) -> tuple[str, ...]:
    notices = []
    if unread := embedder.query_tokens_unread(question):
        notices.append(question_cut("retriever", unread))
    if reranker is None:
        notices.append("Reranking was turned off for this question.")
    elif unread := reranker.query_tokens_unread(question):
        notices.append(question_cut("reranker", unread))
    return tuple(notices)
