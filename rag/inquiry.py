"""A question on its way through both stages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rag.config import OrderChoice
from rag.duplicates import mark_duplicates
from rag.gate import Gate
from rag.languages import question_notice
from rag.library.searching import Searcher
from rag.order import in_final_order, rule_for
from rag.outcomes import Ordering, Retriever
from rag.question_language import question_language
from rag.records import Hit, ModelInfo, PairScore, RerankedHit, Reranking, Scored, SearchResult
from rag.rerank import Scorer
from rag.retrieve import Found
from rag.timing import Pulse, Stopwatch
from rag.wording import question_cut

# In a mixed collection nobody misses what another language's hit says further down.
_READ_FIRST = 10


class Inquiry:
    """What was asked, with its clock and its pulse, and what there is to say about the answer.

    `language` is the question's (ISO 639-1), None where it is not sure. With `fresh`, no score of it is to
    come from a cache.
    """

    def __init__(self, question: str, watch: Stopwatch, pulse: Pulse | None, *, fresh: bool = False) -> None:
        self.question, self.watch, self.pulse, self.fresh = question, watch, pulse, fresh
        self.language = question_language(question)
        self.scored_by: ModelInfo | None = None
        self.ordering: Ordering | None = None
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

    def ordered(
        self, reranked: tuple[RerankedHit, ...], *, retriever: Retriever, choice: OrderChoice
    ) -> tuple[RerankedHit, ...]:
        """Return `reranked`, which are in the reranker's own order, in the final one.

        Where another rule than the reranker's own applies, it is the stage `order`.
        """
        passages = [hit.passage for hit in reranked]
        self.ordering = rule_for(self.language, passages, self.info, retriever=retriever, choice=choice)
        if self.ordering.rule == "reranker":
            return reranked
        with self.watch.stage("order") as counts:
            final = in_final_order(reranked, self.ordering)
            counts.items = len(final)
        return final

    def result(
        self,
        collection: str,
        searcher: Searcher,
        *,
        retriever: Retriever,
        found: Found,
        reranked: tuple[RerankedHit, ...],
    ) -> SearchResult:
        """Return the answer to a search with `searcher`, which has taken as long as its clock says now.

        The hits that say the same are found first, as the stage `duplicates`.
        """
        with self.watch.stage("duplicates") as counts:
            retrieved = mark_duplicates(found.hits, searcher.vectors)
            reranked = mark_duplicates(reranked, searcher.vectors)
            lexical = mark_duplicates(found.lexical, searcher.vectors)
            counts.items = len(retrieved)
        embedder = searcher.embedder.info
        read_first = [hit.passage for hits in (retrieved, reranked) for hit in hits[:_READ_FIRST]]
        languages = {passage.document: passage.language for passage in read_first}
        took_part = [embedder] if retriever != "lexical" else []
        models = [*took_part, self.scored_by] if self.scored_by else took_part
        self.tell(question_notice(self.language, models, languages))
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
            retriever=retriever,
            language=self.language,
            lexical=lexical,
            ordering=self.ordering,
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
