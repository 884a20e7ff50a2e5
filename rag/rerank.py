"""Order retrieved passages by cross-encoder score."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

from rag.errors import TooLongError
from rag.models.cache import InstalledModel
from rag.models.outputs import Output, logit
from rag.models.session import Encoded, OnnxModel
from rag.records import Hit, ModelInfo, PairScore, RerankedHit
from rag.score_cache import ScoreCache, pair_keys
from rag.timing import Pulse, Stopwatch

_ENCODE_CHARS = 200_000  # as tokens, about 10 MB

# About as long as a chunk, so that the first real pair finds its memory already there.
_CHUNK_LONG = "Before the first question, the model reads a text as long as any chunk. " * 14


class Scorer(ABC):
    """What scores passages for a question, here or elsewhere; `info` says what it is."""

    info: ModelInfo

    @abstractmethod
    def score(
        self, query: str, passages: Sequence[str], *, watch: Stopwatch, pulse: Pulse | None = None
    ) -> tuple[PairScore, ...]:
        """Return the score of each passage for `query`, in input order."""

    def anew(self) -> "Scorer":
        """Return what scores as this one does, but computes every score, whatever it remembers."""
        return self

    def read_until(self, passage: str, score: PairScore) -> int:
        """Return where in `passage` the reading ended for `score`; its end, where that is not known."""
        return len(passage)

    @abstractmethod
    def query_tokens_unread(self, query: str) -> int:
        """Return how many tokens of `query` are known to find no room beside a passage."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what it holds; nothing can be scored afterwards."""

    def rerank(
        self,
        query: str,
        hits: Sequence[Hit],
        *,
        watch: Stopwatch,
        top_n: int | None = None,
        pulse: Pulse | None = None,
    ) -> tuple[RerankedHit, ...]:
        """Return `hits` reordered by relevance to `query`, best first, cut to `top_n`.

        Ranks are 1..n, logits do not increase, and equal logits keep the retriever's order. `watch`
        gets the stages of `score`, and `sort`.
        """
        scores = self.score(query, [hit.passage.text for hit in hits], watch=watch, pulse=pulse)
        with watch.stage("sort") as counts:
            ranked = in_order(hits, scores)[:top_n]
            counts.items = len(hits)
        return ranked


class Reranker(Scorer):
    """A cross-encoder: reads question and passage together and gives one logit.

    A score depends on its pair alone, whatever else is scored in the same call, so a known score may
    come from `cache`. With `recalls` off none does, but what is computed is still remembered there.
    """

    def __init__(self, model: OnnxModel, cache: ScoreCache | None = None, *, recalls: bool = True) -> None:
        self._model = model
        self._cache = cache
        self._recalls = recalls
        self._reading = model.model.reading
        self.info = ModelInfo(model.model.id, model.model.sha256, model.backend)

    @property
    def installed(self) -> InstalledModel:
        """The model on this machine that it has in memory."""
        return self._model.model

    @property
    def file_bytes(self) -> int:
        """How large the model's files are."""
        return self._model.model.size_bytes

    def close(self) -> None:
        """Let go of the model's memory; nothing can be scored afterwards."""
        self._model.close()

    def warm_up(self, text: str = _CHUNK_LONG) -> None:
        """Score `text` once, past the cache, so that the first real pair finds the model ready."""
        self._model.run(self._model.encode_pairs("warm up", [text]), self._logit)

    def anew(self) -> "Reranker":
        """Return the same model as a reranker that computes every score; the cache learns them."""
        return Reranker(self._model, self._cache, recalls=False)

    def read_until(self, passage: str, score: PairScore) -> int:
        """Return where in `passage` the last token ends that was read for `score`."""
        if not score.is_cut:
            return len(passage)
        read = self._model.offsets(passage)[: score.tokens_read]
        return read[-1][1] if read else 0

    def query_tokens_unread(self, query: str) -> int:
        """Return how many tokens of `query` the model has no room for beside a passage."""
        return self._model.query_tokens_unread(query)

    @property
    def max_tokens(self) -> int:
        """How many tokens the model reads of question and passage together, special tokens among them."""
        return self._reading.max_tokens

    def score(
        self,
        query: str,
        passages: Sequence[str],
        *,
        watch: Stopwatch,
        pulse: Pulse | None = None,
        max_tokens: int | None = None,
        must_fit: bool = False,
    ) -> tuple[PairScore, ...]:
        """Return the score of each passage for `query`, in input order: raw logits, higher is better.

        At most `max_tokens` of each passage are read; with `must_fit`, TooLongError refuses what the model
        cannot read whole, before anything is scored. `watch` gets the stages `tokenize` and `score`; known
        scores count as `cached` in the latter, which tells the time of each other pair.
        """
        cold = not self._model.used
        with watch.stage("tokenize") as counts:
            keys = pair_keys(self.info.sha256, query, passages, max_tokens=max_tokens)
            known: list[PairScore | None] = [None] * len(keys)
            if self._cache is not None and self._recalls:
                known = self._cache.get(keys)
            missing = [i for i, score in enumerate(known) if score is None]
            pairs = self._encoded(query, [passages[i] for i in missing], max_tokens, pulse)
            fed = sum(pair.fed for pair in pairs)
            counts.items, counts.tokens = len(missing), fed
        if must_fit:
            self._refuse_cut({**dict(enumerate(known)), **dict(zip(missing, pairs, strict=True))})
        with watch.stage("score") as counts:
            each: list[float | None] = [None] * len(keys)
            runs = self._model.run_timed(pairs, self._logit, pulse)
            for i, (value, seconds), pair in zip(missing, runs, pairs, strict=True):
                known[i], each[i] = PairScore(value, pair.tokens, pair.tokens_read), seconds
            scores = tuple(score for score in known if score is not None)
            if self._cache is not None:
                self._cache.put(keys, scores)
            counts.items, counts.cached = len(scores), len(scores) - len(missing)
            counts.tokens, counts.cold, counts.each = fed, cold and bool(missing), tuple(each)
        return scores

    def _encoded(
        self, query: str, passages: Sequence[str], max_tokens: int | None, pulse: Pulse | None
    ) -> list[Encoded]:
        """Return the pairs as the model is fed them, block by block: long texts take memory and time."""
        encoded: list[Encoded] = []
        for block in blocks(passages, _ENCODE_CHARS):
            if pulse and encoded:
                pulse("score", 0, len(passages))
            encoded += self._model.encode_pairs(query, block, max_tokens=max_tokens)
        return encoded

    def _refuse_cut(self, pairs: Mapping[int, PairScore | Encoded | None]) -> None:
        for index, pair in pairs.items():
            if pair and (pair.tokens_read or 0) < (pair.tokens or 0):
                raise TooLongError(
                    f"Text {index} has {pair.tokens} tokens, of which {pair.tokens_read} find room beside "
                    f"the query: {self.info.id} reads {self.max_tokens} in all. Send shorter texts."
                )

    def _logit(self, output: Output) -> float:
        return logit(output, self._reading)


def ranking(scores: Sequence[PairScore]) -> list[int]:
    """Return the positions of `scores`, best first, ties in their order."""
    return sorted(range(len(scores)), key=lambda i: -scores[i].order)


def in_order(hits: Sequence[Hit], scores: Sequence[PairScore]) -> tuple[RerankedHit, ...]:
    """Return `hits` best first by their `scores` (same order as `hits`), ties by retrieved rank."""
    pairs = sorted(zip(hits, scores, strict=True), key=lambda pair: (-pair[1].order, pair[0].rank))
    return tuple(
        RerankedHit(
            score.logit,
            score.tokens,
            score.tokens_read,
            score.relevance,
            rank=rank,
            retrieved_rank=hit.rank,
            passage=hit.passage,
            cosine=hit.cosine,
            dense_rank=hit.dense_rank,
            lexical_rank=hit.lexical_rank,
            phrasing_rank=hit.phrasing_rank,
            bm25=hit.bm25,
        )
        for rank, (hit, score) in enumerate(pairs, start=1)
    )


def blocks(texts: Sequence[str], chars: int) -> Iterator[list[str]]:
    """Yield `texts` in order, in lists of about `chars` characters together."""
    block: list[str] = []
    size = 0
    for text in texts:
        block.append(text)
        size += len(text)
        if size >= chars:
            yield block
            block, size = [], 0
    if block:
        yield block
