"""Take judgments over from files: all that a file says, or nothing where a line of it cannot be read."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO

from rag.amounts import counted
from rag.errors import InputFileError, LibraryError, QueryError
from rag.evidence import Judgment, Question
from rag.library import Library
from rag.parse.clean import clean
from rag.question import checked_query
from rag.report.csv_files import csv_rows
from rag.report.names import Places, Span, question_ids
from rag.store.judgments import GRADES, check
from rag.store.questions import MAX_ID_CHARS
from rag.trec import QrelRow, decoded_lines, qrel_rows

IMPORTED = "imported"

_WHOLE = re.compile(r"-?\d{1,15}")
_EXPECTED = (
    "expected the ids of chunks as they are exported, or of documents (sha256), or documents' names, or the "
    "ids of a data set that was imported"
)


@dataclass(frozen=True, slots=True)
class Imported:
    """What was taken over from a file. `message` says it in words.

    `unknown_documents` and `unknown_questions` are ids of the file that match nothing in the collection;
    `left_out` is how many judgments name one of them.
    """

    judgments: int
    questions: int
    unknown_documents: tuple[str, ...]
    unknown_questions: tuple[str, ...]
    left_out: int
    message: str


class Gathered:
    """The judgments of one file so far, each span judged once; and what could not be placed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.judgments: dict[tuple[str, Span, str], Judgment] = {}
        self.unknown_documents: dict[str, None] = {}
        self.unknown_questions: dict[str, None] = {}
        self.left_out = self.below_zero = self.repeated = 0

    def take(self, row: QrelRow, query: str | None, span: Span | None, judge: str) -> None:
        """Add what `row` says, of the question and the span that it names; None for what matches nothing."""
        self._check_grade(row.grade, row.line)
        if query is None:
            self.unknown_questions[row.query] = None
        if span is None:
            self.unknown_documents[row.document] = None
        if query is None or span is None:
            self.left_out += 1
            return
        judgment = Judgment(query, span.document_id, span.start, span.end, row.grade, judge)
        self.add(judgment, line=row.line)

    def add(self, judgment: Judgment, *, line: int) -> None:
        """Add one. Raises InputFileError where the file gives its span another grade, or one out of range."""
        if judgment.grade is not None and judgment.grade < 0:  # how some TREC collections mark junk
            self.below_zero += 1
            judgment = replace(judgment, grade=0)
        try:
            self._check_grade(judgment.grade, line)
            check(judgment)
        except LibraryError as exc:
            raise InputFileError(self.path, str(exc), line=line) from exc
        # As the pages clean them: by a name with what nobody sees in it, a judge is found nowhere.
        judgment = replace(judgment, judge=clean(judgment.judge), note=clean(judgment.note))
        span = Span(judgment.document_id, judgment.start, judgment.end)
        before = self.judgments.setdefault((judgment.query, span, judgment.judge), judgment)
        self.repeated += before is not judgment
        if before.grade != judgment.grade:
            message = f"one passage has two different grades for the question {judgment.query!r:.80}."
            raise InputFileError(self.path, message, line=line)

    def _check_grade(self, grade: int | None, line: int) -> None:
        if grade is not None and grade > GRADES[-1]:
            message = f"expected a grade from 0 to {GRADES[-1]}, found {grade}."
            raise InputFileError(self.path, message, line=line)

    def keep(self, library: Library, collection: str) -> Imported:
        """Put all of it into `collection`, in one transaction, and return what that was."""
        if not self.judgments:
            raise InputFileError(self.path, self._nothing())
        library.store.judgments.put(collection, self.judgments.values())
        return self._outcome()

    def _nothing(self) -> str:
        if self.unknown_documents:
            first = next(iter(self.unknown_documents))
            return f"{_EXPECTED}; found {first!r:.80} and others that match nothing. Nothing was imported."
        if self.unknown_questions:
            first = next(iter(self.unknown_questions))
            return (
                "expected the ids of this collection's questions, as they are exported, or their texts; "
                f"found {first!r:.80} and others that match nothing. Nothing was imported."
            )
        return "expected at least one judgment, found none. Nothing was imported."

    def _outcome(self) -> Imported:
        n_questions = len({query for query, _, _ in self.judgments})
        said = [
            f"{counted(len(self.judgments), 'judgment')} of {counted(n_questions, 'question')} imported.",
            *_unmatched(self.unknown_documents, "document", "nothing in this collection"),
            *_unmatched(self.unknown_questions, "question", "none of its questions"),
        ]
        if self.left_out:
            said.append(f"{counted(self.left_out, 'judgment')} left out for that.")
        if self.repeated:
            said.append(f"{counted(self.repeated, 'line')} of the same question and passage as another one.")
        if self.below_zero:
            said.append(f"{counted(self.below_zero, 'grade')} below 0 taken as 0.")
        return Imported(
            judgments=len(self.judgments),
            questions=n_questions,
            unknown_documents=tuple(self.unknown_documents),
            unknown_questions=tuple(self.unknown_questions),
            left_out=self.left_out,
            message=" ".join(said),
        )


def _unmatched(ids: Iterable[str], noun: str, what: str) -> list[str]:
    ids = list(ids)
    if not ids:
        return []
    verb = "matches" if len(ids) == 1 else "match"
    return [f"{counted(len(ids), f'{noun} id')} {verb} {what}, such as {ids[0]!r:.80}."]


def qrels(
    library: Library, collection: str, data: bytes | str, judge: str = IMPORTED, *, path: str = "the file"
) -> Imported:
    """Keep the judgments of a qrels file as those of `judge`, and return what they were.

    Lines read `query-id, corpus-id, score`, tab-separated, or as TREC has them. Questions are known by
    their ids as exported, or their texts; documents as `Places.find` says. Raises InputFileError naming the
    line of `path` that cannot be read, or where nothing of it matches; nothing is kept then. NotFoundError
    for an unknown collection.
    """
    library.store.existing(collection)
    texts, places, gathered = _texts(library, collection), Places(library, collection), Gathered(path)
    for row in qrel_rows(path, decoded_lines(path, BytesIO(_bytes(data)))):
        gathered.take(row, texts.get(row.query), places.find(row.document), judge)
    return gathered.keep(library, collection)


def judgments_csv(
    library: Library, collection: str, data: bytes | str, judge: str | None = None, *, path: str = "the file"
) -> Imported:
    """Keep the judgments of a CSV file as `exports.judgments_csv` writes it, and return what they were.

    They are the judges' that the file names, unless `judge` is given. Questions that are not the
    collection's yet become so. Raises as `qrels` does.
    """
    library.store.existing(collection)
    places, gathered = Places(library, collection), Gathered(path)
    questions: dict[str, Question] = {}
    for line, row in csv_rows(
        path, _bytes(data), required=("question", "document_id", "start", "end", "grade")
    ):
        span = places.within(row["document_id"], *_whole(path, line, row, "start", "end"))
        if span is None:
            gathered.unknown_documents[row["document_id"]] = None
            gathered.left_out += 1
            continue
        query, name = _question(path, line, row["question"]), row.get("question_id", "")[:MAX_ID_CHARS]
        questions.setdefault(query, Question(query, name, "imported"))
        grade = None if not row["grade"] else _whole(path, line, row, "grade")[0]
        made_by = row.get("judge", IMPORTED) if judge is None else judge
        judgment = Judgment(query, span.document_id, span.start, span.end, grade, made_by)
        note, judged_at = row.get("note", ""), _time(path, line, row.get("judged_at", ""))
        gathered.add(replace(judgment, note=note, judged_at=judged_at), line=line)
    imported = gathered.keep(library, collection)
    library.store.questions.add(collection, questions.values())
    return imported


def _texts(library: Library, collection: str) -> dict[str, str]:
    """Return the texts of the collection's questions by their ids, and by themselves."""
    judged = (judgment.query for judgment in library.judgments(collection))
    ids = question_ids(library.store.questions.of(collection), judged)
    return {text: text for text in ids} | {name: text for text, name in ids.items()}


def _bytes(data: bytes | str) -> bytes:
    return data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data


def _whole(path: str, line: int, row: dict[str, str], *columns: str) -> list[int]:
    for column in columns:
        if not _WHOLE.fullmatch(row[column]):
            message = f"expected a whole number as {column}, found {row[column]!r:.40}."
            raise InputFileError(path, message, line=line)
    return [int(row[column]) for column in columns]


def _question(path: str, line: int, text: str) -> str:
    try:
        return checked_query(text)
    except QueryError as exc:
        raise InputFileError(path, f"expected a question, found {text!r:.40}. {exc}", line=line) from exc


def _time(path: str, line: int, written: str) -> str:
    try:
        return written and datetime.fromisoformat(written).isoformat(timespec="seconds")
    except ValueError:
        message = f"expected a time such as 2026-01-31T12:00:00+00:00, found {written!r:.40}."
        raise InputFileError(path, message, line=line) from None
