"""Name questions and passages in files, and find again what a file names."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from rag.evidence import Question
from rag.library import Library

_CHUNK_ID = re.compile(r"([0-9a-f]{16})-(\d{1,15})-(\d{1,15})")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of a document: `text[start:end]`."""

    document_id: str
    start: int
    end: int


def question_ids(questions: Iterable[Question], queries: Iterable[str] = ()) -> dict[str, str]:
    """Return an id for the text of each of `questions`, and for each of `queries` besides, in order.

    It is the question's own where it has one that no other has and that a TREC file can hold; otherwise it
    is made of the text, so that it is the same in every file.
    """
    own = {question.text: question.id for question in questions}
    texts = list(dict.fromkeys([*own, *queries]))
    used = Counter(own.values())
    return {text: _kept(own.get(text, ""), used) or f"q-{_digest(text)}" for text in texts}


def _kept(own: str, used: Mapping[str, int]) -> str:
    # TREC files separate their fields by blanks.
    return own if used[own] == 1 and own.split() == [own] else ""


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


class Places:
    """Finds the spans of one collection that the ids of a file stand for."""

    def __init__(self, library: Library, collection: str) -> None:
        self._lengths = library.store.contents.lengths(collection)
        self._by_start = {document_id[:16]: document_id for document_id in self._lengths}
        documents = library.documents(collection)
        self._by_name = {info.name: info.id for info in documents}
        records = [(info.name.partition("#")[2], info.id) for info in documents if "#" in info.name]
        twice = Counter(name for name, _ in records)
        self._by_record = {name: document_id for name, document_id in records if twice[name] == 1}

    def find(self, name: str) -> Span | None:
        """Return what `name` stands for; None where it matches nothing here.

        It can be the id of a chunk as exported, whether or not the document is still cut so; of a document
        (sha256), its name, or the id of a record in a data set. Those stand for the whole document.
        """
        if match := _CHUNK_ID.fullmatch(name):
            return self.within(self._by_start.get(match[1], ""), int(match[2]), int(match[3]))
        document_id = name if name in self._lengths else self._by_name.get(name) or self._by_record.get(name)
        return Span(document_id, 0, self._lengths[document_id]) if document_id else None

    def within(self, document_id: str, start: int, end: int) -> Span | None:
        """Return the span; None where there is no such document, or it has no such characters."""
        inside = 0 <= start < end <= self._lengths.get(document_id, 0)
        return Span(document_id, start, end) if inside else None
