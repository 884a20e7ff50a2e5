"""A question on its way through both stages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rag.gate import Gate
from rag.records import Hit, ModelInfo, PairScore, RerankedHit, Scored, SearchResult
from rag.timing import Pulse, Stopwatch
from rag.wording import question_cut


class Inquiry:
    """What was asked, with its clock and its pulse, and what there is to say about the answer."""

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
        """Have the answer carry `notices`, after those that it has."""
        self.notices += notices

    def tell_unread(self, reader: str, tokens: int) -> None:
        """Have the answer say how many of the question's last tokens `reader` did not read, if any."""
        if tokens:
            self.tell((question_cut(reader, tokens),))

    def result(
        self,
        collection: str,
        embedder: ModelInfo,
        *,
        retrieved: tuple[Hit, ...],
        reranked: tuple[RerankedHit, ...],
    ) -> SearchResult:
        """Return the answer to a search, which has taken as long as its clock says now."""
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
