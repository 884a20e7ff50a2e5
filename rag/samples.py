"""The sample collection that comes with the program, with its questions and their judgments."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

from rag.beir import BeirFolder, read_beir
from rag.evidence import Judgment, Question
from rag.ingest import SourceFile
from rag.library import Library
from rag.records import Document

SAMPLE_COLLECTION = "sample"
SAMPLE_JUDGE = "sample"

_DATA = Path(__file__).resolve().parents[1] / "data"
_FILES, _JUDGED = _DATA / "samples", _DATA / "judged"


def sample_files() -> list[SourceFile]:
    """Return the sample documents, in order of name."""
    return [SourceFile(path.name, path.stat().st_size, path.read_bytes) for path in sorted(_FILES.iterdir())]


def sample_questions() -> tuple[str, ...]:
    """Return the questions that were judged on the sample collection."""
    lines = (_JUDGED / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line)["text"] for line in lines)


def bring_judgments(library: Library) -> int:
    """Give the sample collection its questions and judgments, and return how many judgments are new to it.

    A sample document that has judgments by the judge "sample" already keeps them as they are, and the
    questions come with the first that has none. Nothing is done where there is no such collection.
    """
    if library.store.state(SAMPLE_COLLECTION) is None:
        return 0
    known = {one.document_id for one in library.store.judgments.of(SAMPLE_COLLECTION, judge=SAMPLE_JUDGE)}
    missing = [
        info.id
        for info in library.documents(SAMPLE_COLLECTION)
        if info.id in _sample_ids() and info.id not in known
    ]
    if not missing:
        return 0
    judged = read_beir(_JUDGED)
    judgments = [
        judgment
        for document_id in missing
        for judgment in _judgments(library.document(SAMPLE_COLLECTION, document_id)[0], judged)
    ]
    if judgments:
        questions = (Question(text, name, "sample") for name, text in judged.queries.items())
        library.store.questions.add(SAMPLE_COLLECTION, questions)
        library.store.judgments.put(SAMPLE_COLLECTION, judgments)
    return len(judgments)


@cache
def _sample_ids() -> Mapping[str, str]:
    """Return the sample documents: id to file name."""
    return {sha256(path.read_bytes()).hexdigest(): path.name for path in sorted(_FILES.iterdir())}


def _judgments(document: Document, judged: BeirFolder) -> Iterator[Judgment]:
    """Yield the judgments on a sample document, each on the characters that were read for it."""
    spans = _spans(document, _sample_ids()[document.id], judged.corpus)
    for query_id, grades in judged.qrels.items():
        for passage_id, grade in grades.items():
            if span := spans.get(passage_id):
                yield Judgment(judged.queries[query_id], document.id, *span, grade, judge=SAMPLE_JUDGE)


def _spans(document: Document, name: str, corpus: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """Return where the judged passages of the file `name` stand in the document, by id.

    They are looked for by their text, so that it does not matter how the collection's documents are cut.
    """
    found: dict[str, tuple[int, int]] = {}
    searched = 0
    for passage_id, text in corpus.items():
        if passage_id.startswith(f"{name}#") and (at := document.text.find(text, searched)) >= 0:
            found[passage_id] = at, at + len(text)
            searched = at + 1  # the next one may begin with the end of this one
    return found
