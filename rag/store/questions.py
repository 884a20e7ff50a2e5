"""Keep the questions that collections are measured with."""

from collections.abc import Iterable

from rag.errors import LibraryError
from rag.evidence import Question
from rag.store.database import Database
from rag.store.rows import now
from rag.store.shelves import Shelves

MAX_ID_CHARS = 200

# The origin of a question that was taken out: remembered, because its judgments would bring it back.
_REMOVED = "removed"


class Questions:
    """The questions of every collection: those that were asked, and those that came with a data set."""

    def __init__(self, db: Database, shelves: Shelves) -> None:
        self._db = db
        self._shelves = shelves

    def add(self, collection: str, questions: Iterable[Question]) -> None:
        """Keep `questions`; one that is there already stays, and takes an id where it had none.

        One that was removed comes again, as the last.

        Raises NotFoundError for an unknown collection, LibraryError for an id that is too long.
        """
        with self._shelves.named(collection) as (db, key):
            for question in questions:
                if len(question.id) > MAX_ID_CHARS:
                    raise LibraryError(
                        f"A question's id may have {MAX_ID_CHARS} characters, found {len(question.id)}."
                    )
                db.execute(
                    "DELETE FROM questions WHERE collection = ? AND query = ? AND origin = ?",
                    (key, question.text, _REMOVED),
                )
                db.execute(
                    """INSERT INTO questions (collection, query, id, origin, added_at) VALUES (?, ?, ?, ?, ?)
                       ON CONFLICT (collection, query) DO UPDATE SET id = excluded.id
                       WHERE questions.id = ''""",
                    (key, question.text, question.id, question.origin, question.added_at or now()),
                )

    def remove(self, collection: str, query: str) -> None:
        """Measure the collection no longer with this question; its runs and judgments stay."""
        with self._shelves.named(collection) as (db, key):
            db.execute(
                """INSERT INTO questions (collection, query, id, origin, added_at) VALUES (?, ?, '', ?, ?)
                   ON CONFLICT (collection, query) DO UPDATE SET origin = excluded.origin""",
                (key, query, _REMOVED, now()),
            )

    def removed(self, collection: str) -> frozenset[str]:
        """Return the questions that the collection is measured with no longer, whatever was judged."""
        rows = self._db.read(
            """SELECT q.query FROM questions q JOIN shelves c ON c.key = q.collection
               WHERE c.name = ? AND q.origin = ?""",
            *(collection, _REMOVED),
        )
        return frozenset(query for (query,) in rows)

    def of(self, collection: str) -> tuple[Question, ...]:
        """Return the collection's questions, in the order in which they came."""
        rows = self._db.read(
            """SELECT q.query, q.id, q.origin, q.added_at FROM questions q
               JOIN shelves c ON c.key = q.collection WHERE c.name = ? AND q.origin != ? ORDER BY q.key""",
            *(collection, _REMOVED),
        )
        return tuple(Question(*row) for row in rows)
