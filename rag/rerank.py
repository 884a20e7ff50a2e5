"""Order retrieved passages by cross-encoder score."""

from collections.abc import Sequence

from rag.models.outputs import Output, logit
from rag.models.session import OnnxModel
from rag.records import Hit, ModelInfo, RerankedHit
from rag.score_cache import PairScore, ScoreCache, pair_keys
from rag.timing import Stopwatch


class Reranker:
    """A cross-encoder: reads question and passage together and gives one logit.

    A score depends on its pair alone, whatever else is scored in the same call, so a known score may
    come from `cache`.
    """

    def __init__(self, model: OnnxModel, cache: ScoreCache | None = None) -> None:
        self._model = model
        self._cache = cache
        self._reading = model.model.reading
        self.info = ModelInfo(model.model.id, model.model.sha256, model.backend)

    def close(self) -> None:
        """Let go of the model's memory; nothing can be scored afterwards."""
        self._model.close()

    def warm_up(self, text: str) -> None:
        """Score `text` once, past the cache, so that the first real pair finds the model ready."""
        self._model.run(self._model.encode_pairs("warm up", [text]), self._logit)

    def query_tokens_unread(self, query: str) -> int:
        """Return how many tokens of `query` the model has no room for beside a passage."""
        return self._model.query_tokens_unread(query)

    def score(self, query: str, passages: Sequence[str], *, watch: Stopwatch) -> tuple[PairScore, ...]:
        """Return the score of each passage for `query`, in input order: raw logits, higher is better.

        `watch` gets the stages `tokenize` and `score`; known scores count as `cached` in the latter.
        """
        cold = not self._model.used
        with watch.stage("tokenize") as counts:
            keys = pair_keys(self.info.sha256, query, passages)
            known: list[PairScore | None] = [None] * len(keys)
            if self._cache is not None:
                known = self._cache.get(keys)
            missing = [i for i, score in enumerate(known) if score is None]
            pairs = self._model.encode_pairs(query, [passages[i] for i in missing])
            fed = sum(len(pair.encoding.ids) for pair in pairs)
            counts.items, counts.tokens = len(missing), fed
        with watch.stage("score") as counts:
            logits = self._model.run(pairs, self._logit)
            for i, value, pair in zip(missing, logits, pairs, strict=True):
                known[i] = PairScore(value, pair.tokens, pair.tokens_read)
            scores = tuple(score for score in known if score is not None)
            if self._cache is not None:
                self._cache.put(keys, scores)
            counts.items, counts.cached = len(scores), len(scores) - len(missing)
            counts.tokens, counts.cold = fed, cold and bool(missing)
        return scores

    def rerank(
        self, query: str, hits: Sequence[Hit], *, watch: Stopwatch, top_n: int | None = None
    ) -> tuple[RerankedHit, ...]:
        """Return `hits` reordered by relevance to `query`, best first, cut to `top_n`.

        Ranks are 1..n, logits do not increase, and equal logits keep the retriever's order. `watch`
        gets the stages `tokenize`, `score` and `sort`.
        """
        scores = self.score(query, [hit.passage.text for hit in hits], watch=watch)
        with watch.stage("sort") as counts:
            ranked = order_by_logit(hits, scores)[:top_n]
            counts.items = len(hits)
        return ranked

    def _logit(self, output: Output) -> float:
        return logit(output, self._reading)


def order_by_logit(hits: Sequence[Hit], scores: Sequence[PairScore]) -> tuple[RerankedHit, ...]:
    """Return `hits` best first by their `scores` (same order as `hits`), ties by retrieved rank."""
    pairs = sorted(zip(hits, scores, strict=True), key=lambda pair: (-pair[1].logit, pair[0].rank))
    return tuple(
        RerankedHit(
            rank=rank,
            retrieved_rank=hit.rank,
            passage=hit.passage,
            cosine=hit.cosine,
            logit=score.logit,
            tokens=score.tokens,
            tokens_read=score.tokens_read,
        )
        for rank, (hit, score) in enumerate(pairs, start=1)
    )
