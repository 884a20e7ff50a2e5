"""What is in the file that a collection is exported to, and whether it can be what it says.

A ZIP: manifest.json, documents.jsonl (one document a line, with its chunks as spans), vectors.f32 (float32,
little-endian, in the order of the chunks), judgments.jsonl, questions.jsonl, and originals/ with files named
by their sha256. The first version had no questions and no guidelines, and its judgments no judges.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from rag.chunk import MAX_TOKENS, check_chunking
from rag.errors import LibraryError
from rag.evidence import Judgment, Question
from rag.names import MAX_COLLECTION_CHARS, file_name
from rag.parse.clean import clean
from rag.parse.limits import MAX_DOCUMENT_CHARS
from rag.question import MAX_QUERY_CHARS
from rag.records import Chunk, Chunking, Document
from rag.store import judgments
from rag.store.judgments import MAX_GUIDELINES_CHARS
from rag.store.questions import MAX_ID_CHARS

MANIFEST, DOCUMENTS, VECTORS = "manifest.json", "documents.jsonl", "vectors.f32"
JUDGMENTS, QUESTIONS, ORIGINALS = "judgments.jsonl", "questions.jsonl", "originals/"

SHA256 = re.compile(r"[0-9a-f]{64}")
_KIND = re.compile(r"[a-z0-9]{1,12}")
_MOST_DIM = 16_384
_MOST_DEPTH = 99  # of headings in headings
_MOST_INT = 2**53
_MOST_TIME_CHARS = 40
_MOST_OVERLAP = 8  # times the text, all chunks together: each may begin with half of the one before
_MOST_VECTOR_BYTES = 1_000_000_000  # of one document, whose vectors are written together


@dataclass(frozen=True, slots=True)
class Maker:
    """The embedder that made the vectors."""

    id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    """A file in the export: its size, and the sha256 of what it holds."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the export says of itself. `embedder` is None, and `dim` 0, where there is no document."""

    format: Literal["reranklens-collection"] = "reranklens-collection"
    version: Literal[1, 2] = 2
    name: str
    exported_at: str
    embedder: Maker | None
    dim: int
    chunking: Chunking
    documents: int
    chunks: int
    judgments: int
    questions: int = 0
    removed: tuple[str, ...] = ()  # questions that it is measured with no longer, though judged
    guidelines: str = ""
    parts: dict[str, Part] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """A chunk without its text, which is the document's from `start` to `end`."""

    start: int
    end: int
    tokens: int
    page: int | None = None
    headings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A document as the library keeps it. `original` is the sha256 of its file, where that is there."""

    document: Document
    size_bytes: int
    chunking: Chunking
    chunks: tuple[Span, ...]
    original: str | None = None

    def cut(self) -> tuple[Chunk, ...]:
        """Return the chunks with their texts."""
        text, document_id = self.document.text, self.document.id
        return tuple(
            Chunk(
                document_id, one.start, one.end, text[one.start : one.end], one.tokens, one.page, one.headings
            )
            for one in self.chunks
        )


def spoilt(why: str) -> LibraryError:
    """Return the error for a file that is no good export."""
    return LibraryError(
        f"This is no collection that RerankLens has exported, or it is damaged: {why}. Export it again. "
        "Nothing was imported."
    )


def check_manifest(manifest: Manifest) -> None:
    """Raise LibraryError unless an export can say that of itself."""
    embedder = manifest.embedder
    if embedder and not (0 < len(embedder.id) <= 500 and SHA256.fullmatch(embedder.sha256)):
        raise spoilt("its embedder cannot be named so")
    if not 0 <= manifest.dim <= _MOST_DIM or (embedder is None) != (manifest.dim == 0):
        raise spoilt(f"vectors of {manifest.dim} numbers are not made by any embedder")
    if len(manifest.name) > MAX_COLLECTION_CHARS or VECTORS not in manifest.parts:
        raise spoilt("its manifest lacks something")
    if not all(0 < len(query) <= MAX_QUERY_CHARS for query in manifest.removed):
        raise spoilt("a question that was removed from it cannot be one")
    if len(manifest.guidelines) > MAX_GUIDELINES_CHARS:
        raise spoilt("its guidelines are too long")
    _check_chunking(manifest.chunking)


def _check_chunking(chunking: Chunking) -> None:
    try:
        check_chunking(chunking)
    except LibraryError as exc:
        raise spoilt(
            f"chunks of {chunking.target} tokens with {chunking.overlap} of overlap cannot be"
        ) from exc


def check_size(kept: Kept, part: Part | None, most_bytes: int) -> None:
    """Raise LibraryError unless `part` is the document's file, and that has no more than `most_bytes`."""
    name = kept.document.name
    if part is None or (kept.original, part.bytes) != (kept.document.id, kept.size_bytes):
        raise spoilt(f"the file of {name!r} is not in it")
    if part.bytes > most_bytes:
        raise LibraryError(
            f"{name} has {part.bytes / 1e6:,.1f} MB, the limit is {most_bytes / 1e6:g} MB "
            "(RAG_MAX_UPLOAD_MB). Raise it and import the collection again. Nothing was imported."
        )


def check(kept: Kept, *, dim: int) -> None:
    """Raise LibraryError unless the library itself could have made the document, vectors of `dim` numbers."""
    document = kept.document
    name, text = document.name, document.text
    if name != file_name(name) or not SHA256.fullmatch(document.id) or not _KIND.fullmatch(document.kind):
        raise spoilt(f"it holds a document {name[:100]!r} that cannot be called so")
    if not 0 < len(text) <= MAX_DOCUMENT_CHARS or text != clean(text):
        raise spoilt(f"the text of {name!r} is too long, empty or not clean")
    told = (document.encoding or "", document.language or "")
    titles = {title for one in kept.chunks for title in one.headings[:_MOST_DEPTH]}
    said = (*document.notes, *(heading.title for heading in document.headings), *titles)
    if max(map(len, told)) > 40 or max(map(len, said), default=0) > 10_000:
        raise spoilt(f"{name!r} says too much of itself")
    if not (0 <= kept.size_bytes <= _MOST_INT and 0 <= document.page_count <= _MOST_INT):
        raise spoilt(f"{name!r} cannot be as large as it says")
    _check_chunking(kept.chunking)
    _check_places(document)
    _check_spans(kept)
    if len(kept.chunks) * dim * 4 > _MOST_VECTOR_BYTES:
        raise spoilt(f"{name!r} has too many chunks")


def _check_places(document: Document) -> None:
    n = len(document.text)
    numbers = [page.number for page in document.pages]
    pages = all(0 <= page.start <= page.end <= n for page in document.pages)
    headings = all(0 <= one.start < n and 1 <= one.level <= _MOST_DEPTH for one in document.headings)
    starts = ([page.start for page in document.pages], [one.start for one in document.headings])
    in_order = numbers == sorted(set(numbers)) and all(each == sorted(each) for each in starts)
    all_numbers = (*numbers, *document.unreadable)
    if not (pages and headings and in_order and all(1 <= number <= _MOST_INT for number in all_numbers)):
        raise spoilt(f"pages or headings of {document.name!r} lie outside its text, or not in order")


def _check_spans(kept: Kept) -> None:
    n, before, in_all = len(kept.document.text), -1, 0
    pages = {None, *(page.number for page in kept.document.pages)}
    for one in kept.chunks:
        inside = before < one.start < one.end <= n and len(one.headings) <= _MOST_DEPTH
        if not (inside and 1 <= one.tokens <= MAX_TOKENS and one.page in pages):
            raise spoilt(f"chunks of {kept.document.name!r} lie outside its text, or not in order")
        before, in_all = one.start, in_all + one.end - one.start
    if not 0 < in_all <= _MOST_OVERLAP * n:
        raise spoilt(f"the chunks of {kept.document.name!r} are not its text")


def check_judgment(judgment: Judgment) -> None:
    """Raise LibraryError for a judgment that nobody can have made."""
    named = SHA256.fullmatch(judgment.document_id) and len(judgment.query) <= MAX_QUERY_CHARS
    if not (named and judgment.end <= _MOST_INT and is_time(judgment.judged_at)):
        raise spoilt("a judgment in it cannot be one")
    try:
        judgments.check(judgment)
    except LibraryError as exc:
        raise spoilt(f"a judgment in it cannot be one: {exc}") from exc


def check_question(question: Question) -> None:
    """Raise LibraryError for a question that cannot be asked, or named so."""
    if not (
        0 < len(question.text) <= MAX_QUERY_CHARS
        and len(question.id) <= MAX_ID_CHARS
        and is_time(question.added_at)
    ):
        raise spoilt(f"a question in it cannot be one: {question.text!r:.80}")


def is_time(told: str) -> bool:
    """Return whether `told` is a time as the library keeps them, or empty."""
    try:
        return not told or (len(told) <= _MOST_TIME_CHARS and bool(datetime.fromisoformat(told)))
    except ValueError:
        return False
