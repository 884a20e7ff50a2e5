"""The values that pass between stages: frozen, comparable, picklable, without behaviour."""

from dataclasses import dataclass

from rag.logistic import sigmoid
from rag.outcomes import Answer, Ordering, Retriever


@dataclass(frozen=True, slots=True)
class Page:
    """A page, slide or sheet of a document: `text[start:end]` is its text; numbers start at 1."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a document: level 1 is the highest; `start` is where its line begins."""

    level: int
    title: str
    start: int


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file. `id` is the sha256 of its bytes, in hex; `text` is NFC, control characters gone.

    Pages and headings are in order of `start`; formats without pages have none. `page_count` counts the
    pages without text too, and `unreadable` are those that could not be read, ascending. `encoding` is
    that of a text file, a guess where `notes` say so; `language` is ISO 639-1, None where it is not sure.
    `notes` are sentences for the person who added the file.
    """

    id: str
    name: str
    kind: str
    text: str
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()
    page_count: int = 0
    unreadable: tuple[int, ...] = ()
    encoding: str | None = None
    language: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunking:
    """How long a collection's chunks are: about `target` tokens, with up to `overlap` of the one before."""

    target: int = 220
    overlap: int = 40


DEFAULT_CHUNKING = Chunking()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of one document: `document.text[start:end] == text`.

    `page` is the page that holds most of the span, `headings` the heading path of its first text,
    outermost first, `tokens` the embedder's own count for `text`, without special tokens.
    """

    document_id: str
    start: int
    end: int
    text: str
    tokens: int
    page: int | None = None
    headings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as a search finds it: with an id of its own, and its document's name, kind and language."""

    chunk_id: str
    document_id: str
    document: str
    text: str
    start: int
    end: int
    page: int | None = None
    headings: tuple[str, ...] = ()
    kind: str = ""
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage as the retriever ranked it; ranks start at 1.

    `cosine` is in [-1, 1]; None where no vector search was made, as of a run file's passages.
    `duplicate_of` is the rank of the first hit that says the same, None for one that says something new;
    `similarity` is then the cosine of the two passages, 1.0 where their texts are the same.

    `dense_rank` and `lexical_rank` are its ranks by vectors and by words, each from 1; None where that
    search was not made, or did not go down to it. `phrasing_rank` is that among the first of both, by how
    near they come to the question's wording. `bm25` is the lexical score, unbounded, above 0; 0 where
    the passage has none of the question's words, None where that was not computed.
    """

    rank: int
    passage: Passage
    cosine: float | None
    duplicate_of: int | None = None
    similarity: float | None = None
    dense_rank: int | None = None
    lexical_rank: int | None = None
    phrasing_rank: int | None = None
    bm25: float | None = None


@dataclass(frozen=True, slots=True)
class PairScore:
    """The reranker's view of one (query, passage) pair.

    `logit` is the raw score: unbounded, higher is better, comparable only within one query. `tokens`
    counts the passage's tokens, `tokens_read` those that the model was shown.

    Many remote rerankers tell neither: then `logit` and the tokens are None, and `relevance` is the score
    as the server gave it.
    """

    logit: float | None
    tokens: int | None = None
    tokens_read: int | None = None
    relevance: float | None = None

    @property
    def score(self) -> float:
        """The logistic function of the logit, in [0, 1]; without one, the relevance. Display only."""
        return (self.relevance or 0.0) if self.logit is None else sigmoid(self.logit)

    @property
    def order(self) -> float:
        """What passages are sorted by, highest first: the logit; without one, the relevance."""
        return (self.relevance or 0.0) if self.logit is None else self.logit

    @property
    def is_cut(self) -> bool:
        """Whether the model is known not to have read the whole passage."""
        return (self.tokens_read or 0) < (self.tokens or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankedHit(PairScore):
    """A hit as the reranker scored and ranked it. `cosine` is the retriever's, as in Hit.

    So are `duplicate_of` and `similarity`, but for the rank: it is the reranker's; and so are
    `dense_rank`, `lexical_rank`, `phrasing_rank` and `bm25`. `rank` is that of the final order,
    `reranker_rank` that by the reranker's scores alone, None where the two are one.
    """

    rank: int
    retrieved_rank: int
    passage: Passage
    cosine: float | None
    duplicate_of: int | None = None
    similarity: float | None = None
    dense_rank: int | None = None
    lexical_rank: int | None = None
    phrasing_rank: int | None = None
    bm25: float | None = None
    reranker_rank: int | None = None


@dataclass(frozen=True, slots=True)
class StageTime:
    """One stage of one question, as measured in that run.

    `items` are what the stage worked on (passages, pairs), `tokens` what the model was fed, `cached`
    the items whose value was already known, `cold` whether the model had never run before. `each` holds
    the seconds that each pair took in its worker, in input order, None for a cached one; workers run side
    by side, so their sum is more than `seconds`. It is empty where pairs are not timed one by one.
    """

    stage: str
    seconds: float
    items: int = 0
    tokens: int = 0
    cached: int = 0
    cold: bool = False
    each: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model answered: its id, the sha256 of its graph file, and what ran it.

    Of a remote model nobody here knows the file: its `sha256` is empty.
    """

    id: str
    sha256: str
    backend: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One question's answer: both rankings, every stage's time, and what the reader must know.

    `stages` are in the order in which they ran; `total_s` is measured around all of them, so it is
    never less than their sum. `reranked` is empty and `reranker` None when reranking was turned off.

    `retriever` says what found the candidates, `language` in which one the question is (ISO 639-1, None
    where that is not sure). `lexical` is the lexical search by itself, where it was made, ranks 1..n.
    `ordering` is the rule of the final order, None without reranking and in recordings of before there
    was more than one. `answer` is None where none was asked for.
    """

    query: str
    collection: str
    retrieved: tuple[Hit, ...]
    reranked: tuple[RerankedHit, ...]
    stages: tuple[StageTime, ...]
    total_s: float
    embedder: ModelInfo
    reranker: ModelInfo | None
    notices: tuple[str, ...] = ()
    retriever: Retriever = "dense"
    language: str | None = None
    lexical: tuple[Hit, ...] = ()
    ordering: Ordering | None = None
    answer: Answer | None = None

    @property
    def cold(self) -> bool:
        """Whether any stage used a model for the first time in this process."""
        return any(stage.cold for stage in self.stages)

    @property
    def cached(self) -> int:
        """How many pairs had their score from the cache instead of the model."""
        return sum(stage.cached for stage in self.stages)


@dataclass(frozen=True, slots=True)
class Reranking:
    """A question's candidates in the order of one reranker; the rest as in SearchResult.

    Which of them say the same is not marked: the retriever's hits tell that.
    """

    reranked: tuple[RerankedHit, ...]
    stages: tuple[StageTime, ...]
    total_s: float
    reranker: ModelInfo
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """Passages with their scores for one question, in input order; the rest as in SearchResult."""

    scores: tuple[PairScore, ...]
    stages: tuple[StageTime, ...]
    total_s: float
    reranker: ModelInfo
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document of a collection, as a list shows it. `added_at` is ISO 8601, UTC.

    `pages` counts its pages, slides or sheets, those without text too. `notes` are what the person who
    added it was told. `has_original` says whether its pages can be shown as images.
    """

    id: str
    name: str
    kind: str
    size_bytes: int
    pages: int
    chunks: int
    added_at: str
    language: str | None = None
    encoding: str | None = None
    notes: tuple[str, ...] = ()
    chunking: Chunking = DEFAULT_CHUNKING
    has_original: bool = False


@dataclass(frozen=True, slots=True)
class DeletedInfo(DocumentInfo):
    """A document in the trash of a collection, where it came at `deleted_at`, ISO 8601, UTC."""

    deleted_at: str = ""
