"""Keep how well spans of documents answer questions, however the documents are cut."""

from collections.abc import Iterable

from rag.errors import LibraryError
from rag.records import Chunk, Judgment, Passage
from rag.store.database import Connection, Database
from rag.store.rows import now
from rag.store.shelves import Shelves

GRADES = range(4)


class Judgments:
    """The judgments of every collection. They stay when the document is deleted, in case it comes back."""

    def __init__(self, db: Database, shelves: Shelves) -> None:
        self._db = db
        self._shelves = shelves

    def put(self, collection: str, judgments: Iterable[Judgment]) -> None:
        """Keep all of `judgments`, each in place of an earlier one of the same span for the same question.

        Raises LibraryError for a grade that there is not, NotFoundError for an unknown collection.
        """
        with self._db.transaction() as db:
            if not db.execute("SELECT 1 FROM shelves WHERE name = ?", (collection,)).fetchone():
                raise self._shelves.unknown(collection)
            for judgment in judgments:
                self._put(db, collection, judgment)

    def _put(self, db: Connection, collection: str, judgment: Judgment) -> None:
        if judgment.grade not in GRADES or not 0 <= judgment.start < judgment.end:
            raise LibraryError(
                f"Expected a grade of 0 to {GRADES[-1]} for a span, found {judgment.grade} for the "
                f"characters {judgment.start} to {judgment.end}."
            )
        db.execute(
            """INSERT OR REPLACE INTO judgments
                   (collection, query, sha256, start, end, grade, judged_at)
               SELECT key, ?, ?, ?, ?, ?, ? FROM shelves WHERE name = ?""",
            (
                *(judgment.query, judgment.document_id, judgment.start, judgment.end, judgment.grade),
                *(now(), collection),
            ),
        )

    def of(self, collection: str, query: str | None = None) -> tuple[Judgment, ...]:
        """Return the collection's judgments, or those for one question, in the order of their making."""
        rows = self._db.read(
            """SELECT j.query, j.sha256, j.start, j.end, j.grade
               FROM judgments j JOIN shelves c ON c.key = j.collection
               WHERE c.name = ?1 AND (?2 IS NULL OR j.query = ?2) ORDER BY j.key""",
            collection,
            query,
        )
        return tuple(Judgment(*row) for row in rows)


def graded(judgments: Iterable[Judgment], chunk: Chunk | Passage) -> int | None:
    """Return the grade of `chunk` by judgments of one question; None when none of them is about it.

    A judgment is about a chunk when the two share at least half of the shorter one's characters. Where
    several are, the highest grade counts.
    """
    return max((each.grade for each in judgments if _is_about(each, chunk)), default=None)


def _is_about(judgment: Judgment, chunk: Chunk | Passage) -> bool:
    shared = min(judgment.end, chunk.end) - max(judgment.start, chunk.start)
    shorter = min(judgment.end - judgment.start, chunk.end - chunk.start)
    return judgment.document_id == chunk.document_id and 0 < shorter <= 2 * shared
