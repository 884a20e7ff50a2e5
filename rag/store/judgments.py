"""Keep how well spans of documents answer questions, however the documents are cut."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.errors import LibraryError
from rag.evidence import Judgment
from rag.metrics import HIGHEST_GRADE
from rag.records import Chunk, Passage
from rag.store.database import Connection, Database
from rag.store.rows import chunk_id, now
from rag.store.shelves import Shelves

GRADES = range(HIGHEST_GRADE + 1)
MAX_JUDGE_CHARS = 80
MAX_NOTE_CHARS = 4_000
MAX_GUIDELINES_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Span:
    """Where a chunk is, without its text."""

    chunk_id: str
    document_id: str
    start: int
    end: int


class Judgments:
    """The judgments of every collection. They stay when the document is deleted, in case it comes back."""

    def __init__(self, db: Database, shelves: Shelves) -> None:
        self._db = db
        self._shelves = shelves

    def put(self, collection: str, judgments: Iterable[Judgment]) -> None:
        """Keep all of `judgments`, each in place of the judge's earlier one of the same span and question.

        They are on the disk when this returns. Raises LibraryError for what cannot be a judgment,
        NotFoundError for an unknown collection.
        """
        with self._shelves.named(collection) as (db, key):
            for judgment in judgments:
                _put(db, key, judgment)

    def take_back(self, collection: str, judgment: Judgment) -> None:
        """Forget what the judge of `judgment` said of its span. Raises NotFoundError."""
        with self._shelves.named(collection) as (db, key):
            db.execute(
                """DELETE FROM judgments WHERE collection = ? AND query = ? AND sha256 = ? AND start = ?
                   AND end = ? AND judge = ?""",
                (key, judgment.query, judgment.document_id, judgment.start, judgment.end, judgment.judge),
            )

    def of(self, collection: str, query: str | None = None, judge: str | None = None) -> tuple[Judgment, ...]:
        """Return the collection's judgments in the order of their making; those of one question or judge."""
        rows = self._db.read(
            """SELECT j.query, j.sha256, j.start, j.end, j.grade, j.judge, j.note, j.judged_at
               FROM judgments j JOIN shelves c ON c.key = j.collection
               WHERE c.name = ?1 AND (?2 IS NULL OR j.query = ?2) AND (?3 IS NULL OR j.judge = ?3)
               ORDER BY j.key""",
            collection,
            query,
            judge,
        )
        return tuple(Judgment(*row) for row in rows)

    def spans(self, collection: str) -> tuple[Span, ...]:
        """Return the chunks of the judged documents as they are cut now, by document, in order."""
        rows = self._db.read(
            """SELECT d.sha256, k.start, k.end FROM chunks k JOIN documents d ON d.key = k.document
               JOIN shelves c ON c.key = d.collection
               WHERE c.name = ? AND d.sha256 IN (SELECT sha256 FROM judgments WHERE collection = c.key)
               ORDER BY d.sha256, k.start, k.end""",
            collection,
        )
        return tuple(Span(chunk_id(*row), *row) for row in rows)

    def judges(self, collection: str) -> tuple[str, ...]:
        """Return the names of those who have judged in the collection, sorted."""
        rows = self._db.read(
            """SELECT DISTINCT j.judge FROM judgments j JOIN shelves c ON c.key = j.collection
               WHERE c.name = ? ORDER BY j.judge""",
            collection,
        )
        return tuple(name for (name,) in rows)

    def guidelines(self, collection: str) -> str:
        """Return what was written for those who judge in the collection, empty where nobody wrote any."""
        rows = self._db.read("SELECT guidelines FROM shelves WHERE name = ?", collection)
        return str(rows[0][0]) if rows else ""

    def set_guidelines(self, collection: str, text: str) -> None:
        """Keep `text` as the collection's guidelines. Raises NotFoundError, LibraryError where too long."""
        if len(text) > MAX_GUIDELINES_CHARS:
            raise LibraryError(
                f"Guidelines may have {MAX_GUIDELINES_CHARS:,} characters, found {len(text):,}. Shorten them."
            )
        with self._shelves.named(collection) as (db, key):
            db.execute("UPDATE collections SET guidelines = ? WHERE key = ?", (text, key))


def check(judgment: Judgment) -> None:
    """Raise LibraryError for what cannot be kept as a judgment."""
    grade = judgment.grade
    if (grade is not None and grade not in GRADES) or not 0 <= judgment.start < judgment.end:
        raise LibraryError(
            f"Expected a grade of 0 to {GRADES[-1]} for a span, found {grade} for the "
            f"characters {judgment.start} to {judgment.end}."
        )
    for what, text, most in (
        ("A judge's name", judgment.judge, MAX_JUDGE_CHARS),
        ("A note", judgment.note, MAX_NOTE_CHARS),
    ):
        if len(text) > most:
            raise LibraryError(f"{what} may have {most:,} characters, found {len(text):,}. Shorten it.")


def _put(db: Connection, collection: int, judgment: Judgment) -> None:
    check(judgment)
    db.execute(
        """INSERT OR REPLACE INTO judgments
               (collection, query, sha256, start, end, grade, judge, note, judged_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            *(collection, judgment.query, judgment.document_id, judgment.start, judgment.end, judgment.grade),
            *(judgment.judge, judgment.note, judgment.judged_at or now()),
        ),
    )


def that_counts(said: Sequence[Judgment], chunk: Chunk | Passage | Span) -> Judgment | None:
    """Return which of the judgments of one judge on one question counts for `chunk`, None for no one.

    That of its very span comes before all others, whatever it says: the judge saw just this. Otherwise it
    is the one with the highest grade of those that are about it, because what answers in a part answers as
    a whole; of equal ones the last.
    """
    span = chunk.document_id, chunk.start, chunk.end
    exact = next((one for one in said if (one.document_id, one.start, one.end) == span), None)
    if exact:
        return exact
    about = [one for one in reversed(said) if is_about(one, chunk)]
    return max(about, key=lambda one: -1 if one.grade is None else one.grade, default=None)


def is_about(judgment: Judgment, chunk: Chunk | Passage | Span) -> bool:
    """Return whether the two share at least half of the shorter one's characters."""
    shared = min(judgment.end, chunk.end) - max(judgment.start, chunk.start)
    shorter = min(judgment.end - judgment.start, chunk.end - chunk.start)
    return judgment.document_id == chunk.document_id and 0 < shorter <= 2 * shared
