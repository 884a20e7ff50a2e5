"""Turn rows of the library's file into records, and records into rows."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rag.records import Chunk, Chunking, DeletedInfo, Document, DocumentInfo, Heading, Page, Passage
from rag.store.database import Connection, Row

# For `document_info` and `deleted_info`; a FROM with documents as d follows.
DOCUMENT_INFO = """SELECT d.sha256, d.name, d.kind, d.size_bytes, d.page_count,
    (SELECT count(*) FROM chunks WHERE document = d.key), d.added_at, d.language,
    d.encoding, d.notes, d.chunk_target, d.chunk_overlap,
    EXISTS (SELECT 1 FROM originals WHERE document = d.key), d.trashed_at FROM documents d"""

# For `passage`; a WHERE follows.
PASSAGE = """SELECT k.key, d.sha256, d.name, k.text, k.start, k.end, k.page, k.headings, d.kind, d.language
    FROM chunks k JOIN documents d ON d.key = k.document"""

# For `chunk`; a WHERE follows.
CHUNK = """SELECT d.sha256, k.start, k.end, k.text, k.tokens, k.page, k.headings
    FROM chunks k JOIN documents d ON d.key = k.document"""


def document_info(row: Row) -> DocumentInfo:
    """Return a row of DOCUMENT_INFO as a record."""
    return DocumentInfo(*_info(row))


def deleted_info(row: Row) -> DeletedInfo:
    """Return a row of DOCUMENT_INFO, of a document in the trash, as a record."""
    return DeletedInfo(*_info(row), *row[-1:])


def _info(row: Row) -> list[Any]:
    *plain, notes, target, overlap, has_original, _ = row
    return [*plain, tuple(json.loads(notes)), Chunking(target, overlap), bool(has_original)]


def passage(row: Row) -> tuple[int, Passage]:
    """Return the chunk's key, and the chunk of a row of PASSAGE."""
    key, sha256, name, text, start, end, page, headings, kind, language = row
    return int(key), Passage(
        chunk_id=chunk_id(sha256, start, end),
        document_id=sha256,
        document=name,
        text=text,
        start=start,
        end=end,
        page=page,
        headings=tuple(json.loads(headings)),
        kind=kind,
        language=language,
    )


def chunk_id(document_id: str, start: int, end: int) -> str:
    """Return the id of the chunk that is this span of the document."""
    return f"{document_id[:16]}-{start}-{end}"


def chunk(row: Row) -> Chunk:
    """Return a row of CHUNK as a record."""
    *plain, path = row
    values = [*plain, tuple(json.loads(path))]
    return Chunk(*values)


def insert_document(
    db: Connection, collection: int, document: Document, size_bytes: int, chunking: Chunking
) -> int:
    """Insert `document` with its pages, and without its chunks; return its key."""
    row = db.execute(
        """INSERT INTO documents (collection, sha256, name, kind, size_bytes, text, added_at, language,
               encoding, page_count, unreadable, notes, headings, chunk_target, chunk_overlap)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING key""",
        (
            *(collection, document.id, document.name, document.kind, size_bytes, document.text, now()),
            *(document.language, document.encoding, document.page_count or len(document.pages)),
            *(_json(document.unreadable), _json(document.notes)),
            _json([(heading.level, heading.title, heading.start) for heading in document.headings]),
            *(chunking.target, chunking.overlap),
        ),
    )
    key = int(row.fetchone()[0])
    db.executemany(
        "INSERT INTO pages VALUES (?, ?, ?, ?)",
        [(key, page.number, page.start, page.end) for page in document.pages],
    )
    return key


def insert_chunks(db: Connection, document: int, chunks: Sequence[Chunk]) -> list[int]:
    """Insert the chunks of `document`; return their keys, in order."""
    return [_insert_chunk(db, document, chunk) for chunk in chunks]


def _insert_chunk(db: Connection, document: int, chunk: Chunk) -> int:
    row = db.execute(
        """INSERT INTO chunks (document, start, end, text, tokens, page, headings)
           VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING key""",
        (document, chunk.start, chunk.end, chunk.text, chunk.tokens, chunk.page, _json(chunk.headings)),
    )
    return int(row.fetchone()[0])


def pages(rows: Sequence[Row]) -> tuple[Page, ...]:
    """Return rows of (number, start, end) as pages."""
    return tuple(Page(*row) for row in rows)


def headings(stored: str) -> tuple[Heading, ...]:
    """Return a document's headings from the JSON that `insert_document` stored."""
    return tuple(Heading(*heading) for heading in json.loads(stored))


def now() -> str:
    """Return the time now, as all times are stored: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
