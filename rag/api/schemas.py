"""The fields of requests and answers of this product's own routes, by name."""

from dataclasses import asdict
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rag.api.limits import MAX_ID_CHARS, MAX_MODEL_CHARS
from rag.config import MAX_RETRIEVE_K, OrderChoice, RetrieverChoice
from rag.file_outcome import FileOutcome
from rag.names import MAX_COLLECTION_CHARS
from rag.outcomes import Answer, AnswerKind, Ordering, Retriever
from rag.question import MAX_QUERY_CHARS
from rag.records import DocumentInfo, Hit, ModelInfo, RerankedHit, SearchResult, StageTime

Depth = Annotated[int, Meta(ge=1, le=MAX_RETRIEVE_K)]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_COLLECTION_CHARS)]
# One character over the limit passes here, and is refused in the words of the question itself.
Query = Annotated[str, Meta(min_length=1, description=f"at most {MAX_QUERY_CHARS} characters")]


class QueryRequest(Struct):
    """The body of `POST /api/query`; what is left out has the settings' value.

    `answer` true is a written one where a server writes answers, and a quoted one where none does, or it
    fails; left out, there is none.
    """

    query: Query
    collection: Name | None = None
    document_id: Annotated[str, Meta(max_length=MAX_ID_CHARS)] | None = None
    retrieve_k: Depth | None = None
    top_k: Depth | None = None
    retriever: RetrieverChoice | None = None
    reranker: Annotated[str, Meta(max_length=MAX_MODEL_CHARS)] | None = None
    order: OrderChoice | None = None
    answer: bool | AnswerKind | None = None


class Model(Struct):
    """A model that answered; nobody here knows a remote one's file, so its `sha256` is null."""

    id: str
    sha256: str | None
    backend: str


class Models(Struct):
    """Which models answered; `reranker` is null when reranking was turned off."""

    embedder: Model
    reranker: Model | None


class RetrievedBody(Struct):
    """A hit as the retriever ranked it; `start` and `end` are its characters in the document's text.

    `duplicate_of` is the rank of the first hit in this list that says the same, null where it is the first;
    `similarity` is then their cosine, 1 where the texts are the same.

    `dense_rank` and `lexical_rank` are its ranks by vectors and by words, null where that search was not
    made or did not go down to it; `phrasing_rank` is that among the first of both by their wording. `bm25`
    is the lexical score, `cosine` that of the vectors.
    """

    rank: int
    chunk_id: str
    document_id: str
    document: str
    kind: str
    language: str | None
    page: int | None
    headings: tuple[str, ...]
    start: int
    end: int
    text: str
    cosine: float | None
    duplicate_of: int | None
    similarity: float | None
    dense_rank: int | None
    lexical_rank: int | None
    phrasing_rank: int | None
    bm25: float | None


class RerankedBody(RetrievedBody):
    """A hit in the final order. `score` is for display; `reranker_rank` is the rank by `logit` alone.

    A remote reranker may tell neither logit nor tokens: then they are null, and `score` is its relevance.
    """

    retrieved_rank: int
    reranker_rank: int
    logit: float | None
    score: float
    tokens: int | None
    tokens_read: int | None


class QueryAnswer(Struct):
    """Both rankings: all retrieved hits, the `top_k` reranked.

    `retriever` says what found them, `lexical` what the words alone found, where they were looked for.
    `language` is the question's (ISO 639-1), null where that is not sure. `ordering` is the rule of the
    final order, null without reranking; `answer` is null where none was asked for.

    `timings_ms` has every stage that ran, stages of one name added up, and `total`; `cached` counts the
    pairs whose score was known.
    """

    query: str
    collection: str
    retrieved: list[RetrievedBody]
    reranked: list[RerankedBody]
    retriever: Retriever
    language: str | None
    lexical: list[RetrievedBody]
    ordering: Ordering | None
    answer: Answer | None
    timings_ms: dict[str, float]
    cold: bool
    cached: int
    models: Models
    notices: tuple[str, ...]


class CollectionBody(Struct):
    """A collection, and how much it holds."""

    name: str
    documents: int
    chunks: int


class DocumentsAnswer(Struct):
    """The documents of one collection, and which collections there are."""

    collection: str
    documents: tuple[DocumentInfo, ...]
    collections: list[CollectionBody]


class UploadAnswer(Struct):
    """What became of each file, in the order of the request."""

    collection: str
    files: tuple[FileOutcome, ...]


class DeletedDocument(Struct):
    """A document that is gone."""

    id: str
    name: str


class DeleteAnswer(Struct):
    """Which document is gone from which collection."""

    collection: str
    deleted: DeletedDocument


class HealthAnswer(Struct):
    """The server is ready, with these models; `notices` say what stands in for what was chosen."""

    status: Literal["ok"]
    version: str
    models: Models
    notices: tuple[str, ...]


class RemoteBody(Struct):
    """The remote reranker that is set up; `preferred`: whether it scores questions that name none."""

    id: str
    backend: str
    preferred: bool
    timeout_s: float


class InfoAnswer(Struct):
    """What runs here, and how much may be asked of it.

    `model_id`, `model_sha`, `max_input_length`, `max_client_batch_size` and `version` are named as in Text
    Embeddings Inference, for its clients.
    """

    version: str
    model_id: str
    model_sha: str
    max_input_length: int
    max_client_batch_size: int
    versions: dict[str, str]
    models: Models
    remote: RemoteBody | None
    threads: int
    slots: int
    queue: int
    limits: dict[str, int]
    notices: tuple[str, ...]


def search_body(result: SearchResult, *, top_k: int) -> QueryAnswer:
    """Return `result` as the answer of `POST /api/query`."""
    return QueryAnswer(
        query=result.query,
        collection=result.collection,
        retrieved=[_retrieved(hit) for hit in result.retrieved],
        reranked=[_reranked(hit) for hit in result.reranked[:top_k]],
        retriever=result.retriever,
        language=result.language,
        lexical=[_retrieved(hit) for hit in result.lexical],
        ordering=result.ordering,
        answer=result.answer,
        timings_ms=timings_ms(result.stages, result.total_s),
        cold=result.cold,
        cached=result.cached,
        models=models_body(result.embedder, result.reranker),
        notices=result.notices,
    )


def timings_ms(stages: tuple[StageTime, ...], total_s: float) -> dict[str, float]:
    """Return the milliseconds of each stage, those of one name added up, and of the whole."""
    times: dict[str, float] = {}
    for stage in stages:
        times[stage.stage] = times.get(stage.stage, 0.0) + stage.seconds * 1000
    return times | {"total": total_s * 1000}


def models_body(embedder: ModelInfo, reranker: ModelInfo | None) -> Models:
    """Return which models answered."""
    return Models(_model(embedder), _model(reranker) if reranker else None)


def _model(info: ModelInfo) -> Model:
    return Model(info.id, info.sha256 or None, info.backend)


def _retrieved(hit: Hit) -> RetrievedBody:
    return RetrievedBody(
        rank=hit.rank,
        cosine=hit.cosine,
        duplicate_of=hit.duplicate_of,
        similarity=hit.similarity,
        dense_rank=hit.dense_rank,
        lexical_rank=hit.lexical_rank,
        phrasing_rank=hit.phrasing_rank,
        bm25=hit.bm25,
        **asdict(hit.passage),
    )


def _reranked(hit: RerankedHit) -> RerankedBody:
    return RerankedBody(
        rank=hit.rank,
        retrieved_rank=hit.retrieved_rank,
        cosine=hit.cosine,
        duplicate_of=hit.duplicate_of,
        similarity=hit.similarity,
        dense_rank=hit.dense_rank,
        lexical_rank=hit.lexical_rank,
        phrasing_rank=hit.phrasing_rank,
        bm25=hit.bm25,
        reranker_rank=hit.reranker_rank or hit.rank,
        logit=hit.logit,
        score=hit.score,
        tokens=hit.tokens,
        tokens_read=hit.tokens_read,
        **asdict(hit.passage),
    )
