"""A question on its way through both stages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rag.duplicates import mark_duplicates
from rag.gate import Gate
from rag.languages import language_notices
from rag.library.searching import Searcher
from rag.records import Hit, ModelInfo, PairScore, RerankedHit, Reranking, Scored, SearchResult
from rag.rerank import Scorer
from rag.timing import Pulse, Stopwatch
from rag.wording import question_cut

# In a mixed collection nobody misses what another language's hit says further down.
_READ_FIRST = 10


class Inquiry:
    """What was asked, with its clock and its pulse, and what there is to say about the answer.

    With `fresh`, no score of it is to come from a cache.
    """

    def __init__(self, question: str, watch: Stopwatch, pulse: Pulse | None, *, fresh: bool = False) -> None:
        self.question, self.watch, self.pulse, self.fresh = question, watch, pulse, fresh
        self.scored_by: ModelInfo | None = None
        self.notices: list[str] = []

    @property
    def info(self) -> ModelInfo:
        """Which reranker has scored it."""
        if self.scored_by is None:
            raise RuntimeError("nothing has been scored yet")
        return self.scored_by

    def tell(self, notices: Sequence[str]) -> None:
        """Have the answer carry `notices`, after those that it has."""
        self.notices += notices

    def tell_unread(self, reader: str, tokens: int) -> None:
        """Have the answer say how many of the question's last tokens `reader` did not read, if any."""
        if tokens:
            self.tell((question_cut(reader, tokens),))

    def reranked(self, hits: Sequence[Hit], scorer: Scorer) -> tuple[RerankedHit, ...]:
        """Return `hits` in the order that `scorer` gives them, which is the one that has scored it."""
        reader = scorer.anew() if self.fresh else scorer
        reranked = reader.rerank(self.question, hits, watch=self.watch, pulse=self.pulse)
        self.was_scored(scorer)
        return reranked

    def was_scored(self, scorer: Scorer) -> None:
        """Have the answer name `scorer`, and say what that did not read of the question."""
        self.scored_by = scorer.info
        self.tell_unread("reranker", scorer.query_tokens_unread(self.question))

    def result(
        self,
        collection: str,
        searcher: Searcher,
        *,
        retrieved: tuple[Hit, ...],
        reranked: tuple[RerankedHit, ...],
    ) -> SearchResult:
        """Return the answer to a search with `searcher`, which has taken as long as its clock says now.

        The hits that say the same are found first, as the stage `duplicates`.
        """
        with self.watch.stage("duplicates") as counts:
            retrieved = mark_duplicates(retrieved, searcher.vectors)
            reranked = mark_duplicates(reranked, searcher.vectors)
            counts.items = len(retrieved)
        embedder = searcher.embedder.info
        read_first = [hit.passage for hits in (retrieved, reranked) for hit in hits[:_READ_FIRST]]
        languages = {passage.document: passage.language for passage in read_first}
        models = [embedder, self.scored_by] if self.scored_by else [embedder]
        self.tell(language_notices(languages, models, found=True))
        return SearchResult(
            query=self.question,
            collection=collection,
            retrieved=retrieved,
            reranked=reranked,
            stages=self.watch.stages,
            total_s=self.watch.elapsed_s,
            embedder=embedder,
            reranker=self.scored_by,
            notices=tuple(self.notices),
        )

    def reranking(self, reranked: tuple[RerankedHit, ...]) -> Reranking:
        """Return the answer where given hits were reranked, which has taken as long as its clock says now."""
        return Reranking(reranked, self.watch.stages, self.watch.elapsed_s, self.info, tuple(self.notices))

    def scored(self, scores: tuple[PairScore, ...]) -> Scored:
        """Return the answer where passages were scored, which has taken as long as its clock says now."""
        return Scored(scores, self.watch.stages, self.watch.elapsed_s, self.info, tuple(self.notices))

    @contextmanager
    def waiting(self, gate: Gate) -> Iterator[None]:
        """Have a further turn at `gate`; a wait for it is another stage `queue`."""
        before = self.watch.elapsed_s
        with gate.turn(self.pulse) as waited:
            if waited:
                self.watch.note("queue", self.watch.elapsed_s - before)
            yield
