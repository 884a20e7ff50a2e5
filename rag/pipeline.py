"""Answer a question: retrieve, then rerank everything that was retrieved."""

import threading
from functools import partial

from rag.config import MAX_RETRIEVE_K
from rag.embed import Embedder
from rag.errors import QueryError
from rag.library import Library
from rag.parse.clean import clean
from rag.records import SearchResult
from rag.rerank import Reranker
from rag.retrieve import retrieve
from rag.timing import Stopwatch
from rag.wording import question_cut

MAX_QUERY_CHARS = 4000


class Pipeline:
    """Both stages, behind one gate: a question has all cores, and the next one waits, timed."""

    def __init__(self, library: Library, embedder: Embedder, reranker: Reranker) -> None:
        self._library = library
        self._embedder = embedder
        self._reranker = reranker
        self._gate = threading.Lock()

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
        not in memory, or behind its documents, is loaded first, as the stage `load`.

        Raises QueryError for a question that cannot be asked, NotFoundError for an unknown collection
        or document.
        """
        question = checked_query(query)
        if not 1 <= retrieve_k <= MAX_RETRIEVE_K:
            raise QueryError(f"retrieve_k must be from 1 to {MAX_RETRIEVE_K}, found {retrieve_k}.")
        nearest = partial(self._library.nearest, collection=collection, document_id=document_id)
        watch = watch or Stopwatch()
        with self._gate:
            watch.since_start("queue")
            self._load_index(collection, watch)
            hits = retrieve(question, embedder=self._embedder, nearest=nearest, k=retrieve_k, watch=watch)
            reranked = self._reranker.rerank(question, hits, watch=watch) if rerank else ()
            notices = tuple(self._notices(question, rerank))
        return SearchResult(
            query=question,
            collection=collection,
            retrieved=hits,
            reranked=reranked,
            stages=watch.stages,
            total_s=watch.elapsed_s,
            embedder=self._embedder.info,
            reranker=self._reranker.info if rerank else None,
            notices=notices,
        )

    def _load_index(self, collection: str, watch: Stopwatch) -> None:
        if not self._library.is_current(collection):
            with watch.stage("load"):
                self._library.load(collection)

    def _notices(self, question: str, rerank: bool) -> list[str]:
        notices = []
        if unread := self._embedder.query_tokens_unread(question):
            notices.append(question_cut("retriever", unread))
        if not rerank:
            notices.append("Reranking was turned off for this question.")
        elif unread := self._reranker.query_tokens_unread(question):
            notices.append(question_cut("reranker", unread))
        return notices


def checked_query(query: str) -> str:
    """Return `query` as it will be asked: cleaned as documents are. Raises QueryError."""
    question = clean(query[: MAX_QUERY_CHARS + 1])
    if not question:
        raise QueryError("The question is empty. Type a question or a few keywords.")
    if len(query) > MAX_QUERY_CHARS:
        raise QueryError(
            f"The question has {len(query):,} characters; at most {MAX_QUERY_CHARS:,} can be asked. "
            "Shorten it."
        )
    return question
