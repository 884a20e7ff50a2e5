"""Reranking as other services spell it: Cohere's API, Jina's, and Text Embeddings Inference.

The field names are theirs: https://docs.cohere.com/reference/rerank, https://api.jina.ai/redoc and
https://huggingface.github.io/text-embeddings-inference. What they do not have is added under names that
their clients pass over: `logit`, `tokens`, `tokens_read`, `timings_ms`, `cached`.
"""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import uuid4

from msgspec import UNSET, Meta, Struct, UnsetType

from rag.api.errors import RefusedError
from rag.api.limits import MAX_MODEL_CHARS, MAX_PASSAGE_CHARS, MAX_PASSAGES
from rag.api.schemas import Query, timings_ms
from rag.config import RERANKER_REMOTE
from rag.records import PairScore, Scored
from rag.rerank import ranking

Text = Annotated[str, Meta(max_length=MAX_PASSAGE_CHARS)]
ModelName = Annotated[str, Meta(max_length=MAX_MODEL_CHARS)]
# The description must not promise more than JSON's reader takes for a whole number.
AtLeastOne = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class TextObject(Struct):
    """A document as an object."""

    text: Text


_COUNT = Meta(min_length=1, max_length=MAX_PASSAGES)
Documents = Annotated[list[Text | TextObject], _COUNT]


class CohereRequest(Struct):
    """The body of `POST /v2/rerank`.

    `return_documents` and `raw_scores` (logits in place of scores in [0, 1]) are not Cohere's, and off.
    """

    query: Query
    documents: Documents
    model: ModelName | None = None
    top_n: AtLeastOne | None = None
    max_tokens_per_doc: AtLeastOne | None = None
    return_documents: bool | None = None
    raw_scores: bool | None = None


class JinaRequest(Struct):
    """The body of `POST /v1/rerank`."""

    query: Query
    documents: Documents
    model: ModelName | None = None
    top_n: AtLeastOne | None = None
    return_documents: bool | None = None
    max_doc_length: AtLeastOne | None = None


class TeiRequest(Struct):
    """The body of `POST /rerank`. Without `truncate`, a text that the model cannot read whole is refused.

    `model` is not theirs: "remote" asks the remote reranker; any other name is passed over.
    """

    query: Query
    texts: Annotated[list[Text], _COUNT]
    raw_scores: bool | None = None
    return_text: bool | None = None
    truncate: bool | None = None
    truncation_direction: Annotated[str, Meta(pattern="^[Rr]ight$")] | None = None
    model: ModelName | None = None


class Result(Struct):
    """One document's score; `index` is its place in the request, from 0."""

    index: int
    relevance_score: float
    logit: float | None
    tokens: int | None
    tokens_read: int | None
    document: TextObject | UnsetType = UNSET


class ApiVersion(Struct):
    """Which version of Cohere's API this is."""

    version: str = "2"
    is_experimental: bool = False


class Tokens(Struct):
    """How many tokens the model was fed, special ones among them; null where a remote one fed them."""

    input_tokens: int | None


class CohereMeta(Struct):
    """What else there is to say of an answer in Cohere's form."""

    api_version: ApiVersion
    tokens: Tokens
    model: str
    warnings: list[str]
    timings_ms: dict[str, float]
    cached: int


class CohereAnswer(Struct):
    """The answer of `POST /v2/rerank`: best first."""

    id: str
    results: list[Result]
    meta: CohereMeta


class Usage(Struct):
    """How many tokens the model was fed, special ones among them; null where a remote one fed them."""

    total_tokens: int | None
    prompt_tokens: int | None


class JinaAnswer(Struct):
    """The answer of `POST /v1/rerank`: best first."""

    model: str
    usage: Usage
    results: list[Result]
    warnings: list[str]
    timings_ms: dict[str, float]
    cached: int
    object: Literal["list"] = "list"


class TeiRank(Struct):
    """One text's score in [0, 1], or its logit if `raw_scores` were asked for."""

    index: int
    score: float
    text: str | UnsetType = UNSET


def miscounted(problem: str) -> RefusedError | None:
    """Return the refusal of no texts or too many, where that is msgspec's `problem` with a body."""
    if "`array` of length <=" in problem:  # clients split at a 413
        message = f"At most {MAX_PASSAGES:,} texts can be reranked at once, found more."
        return RefusedError(413, "too_large", message)
    if "`array` of length >=" in problem:
        message = "There is nothing to rerank: expected one text or more, found none."
        return RefusedError(400, "empty", message)
    return None


def texts_of(documents: Sequence[str | TextObject]) -> list[str]:
    """Return the documents' texts."""
    return [document if isinstance(document, str) else document.text for document in documents]


def cohere_answer(asked: CohereRequest, scored: Scored) -> CohereAnswer:
    """Return `scored` in Cohere's form."""
    texts = texts_of(asked.documents) if asked.return_documents else None
    results = [
        _result(i, scored.scores[i], texts, raw=bool(asked.raw_scores))
        for i in ranking(scored.scores)[: asked.top_n]
    ]
    return CohereAnswer(
        id=str(uuid4()),
        results=results,
        meta=CohereMeta(
            ApiVersion(),
            Tokens(_fed(scored)),
            scored.reranker.id,
            warnings(scored, asked.model, raw=bool(asked.raw_scores)),
            timings_ms(scored.stages, scored.total_s),
            _cached(scored),
        ),
    )


def jina_answer(asked: JinaRequest, scored: Scored) -> JinaAnswer:
    """Return `scored` in Jina's form, which returns the documents unless it is told not to."""
    texts = None if asked.return_documents is False else texts_of(asked.documents)
    return JinaAnswer(
        model=scored.reranker.id,
        usage=Usage(_fed(scored), _fed(scored)),
        results=[_result(i, scored.scores[i], texts) for i in ranking(scored.scores)[: asked.top_n]],
        warnings=warnings(scored, asked.model),
        timings_ms=timings_ms(scored.stages, scored.total_s),
        cached=_cached(scored),
    )


def tei_answer(asked: TeiRequest, scored: Scored) -> list[TeiRank]:
    """Return `scored` in the form of Text Embeddings Inference."""
    return [
        TeiRank(
            i,
            scored.scores[i].order if asked.raw_scores else scored.scores[i].score,
            asked.texts[i] if asked.return_text else UNSET,
        )
        for i in ranking(scored.scores)
    ]


def warnings(scored: Scored, model: str | None, *, raw: bool = False) -> list[str]:
    """Return what a caller should know: another model than the named one, texts not read whole."""
    found = list(scored.notices)
    if model not in (None, scored.reranker.id, RERANKER_REMOTE):
        found.append(f"There is no model {model!r} here: {scored.reranker.id} scored the documents.")
    if raw and any(score.logit is None for score in scored.scores):
        found.append("The remote reranker told no logits: the scores are its relevances.")
    if empty := sum(score.tokens == 0 for score in scored.scores):
        found.append(f"Documents with nothing for the model to read, whose scores mean nothing: {empty}.")
    if cut := sum(score.is_cut for score in scored.scores):
        found.append(f"Documents too long for the model, of which it read only the start: {cut}.")
    return found


def timing_headers(scored: Scored) -> dict[str, str]:
    """Return the times in whole milliseconds, in the headers that Text Embeddings Inference sends."""
    times = timings_ms(scored.stages, scored.total_s)
    named = {
        "x-total-time": "total",
        "x-queue-time": "queue",
        "x-tokenization-time": "tokenize",
        "x-inference-time": "score",
    }
    return {header: str(round(times[stage])) for header, stage in named.items() if stage in times}


def _result(index: int, score: PairScore, texts: Sequence[str] | None, *, raw: bool = False) -> Result:
    return Result(
        index,
        score.order if raw else score.score,
        score.logit,
        score.tokens,
        score.tokens_read,
        UNSET if texts is None else TextObject(texts[index]),
    )


def _fed(scored: Scored) -> int | None:
    fed = [stage.tokens for stage in scored.stages if stage.stage == "score"]
    return sum(fed) if fed else None


def _cached(scored: Scored) -> int:
    return sum(stage.cached for stage in scored.stages)
