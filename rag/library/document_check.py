"""Check that every document agrees with its chunks, its pages, its headings and its original."""

import json
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise

from rag.store.database import Database, Row


def contradictions(db: Database) -> Iterator[str]:
    """Yield a sentence for each document whose parts disagree, trash included; one document at a time."""
    for key, name, document_id, text, headings in db.stream(
        "SELECT key, name, sha256, text, headings FROM documents ORDER BY key"
    ):
        chunks = db.read(
            "SELECT start, end, text, tokens, page FROM chunks WHERE document = ? ORDER BY key", key
        )
        pages = db.read("SELECT number, start, end FROM pages WHERE document = ? ORDER BY number", key)
        originals = db.read("SELECT data FROM originals WHERE document = ?", key)
        problems = [
            *_of_chunks(text, chunks, {number for number, *_ in pages}),
            *_of_places("page", [(start, end) for _, start, end in pages], text),
            *_of_places("heading", [(at, at) for *_, at in json.loads(headings or "[]")], text),
        ]
        if any(sha256(data).hexdigest() != document_id for (data,) in originals):
            problems.append("its original is another file")
        yield from (f"{name!r} ({document_id[:16]}): {problem}." for problem in problems)


def _of_chunks(text: str, chunks: list[Row], pages: set[int]) -> Iterator[str]:
    if not chunks:
        yield "it has no chunks"
    for start, end, chunk, tokens, page in chunks:
        if not 0 <= start < end <= len(text) or text[start:end] != chunk:
            yield f"the chunk at {start} to {end} is not its text there"
        if tokens <= 0:
            yield f"the chunk at {start} to {end} has {tokens} tokens"
        if page is not None and page not in pages:
            yield f"the chunk at {start} to {end} is on page {page}, which there is not"
    if any(after[0] <= before[0] for before, after in pairwise(chunks)):
        yield "its chunks are out of order"


def _of_places(what: str, places: list[tuple[int, int]], text: str) -> Iterator[str]:
    if any(not 0 <= start <= end <= len(text) for start, end in places):
        yield f"a {what} is outside its text"
    if any(after[0] < before[0] for before, after in pairwise(places)):
        yield f"its {what}s are out of order"
