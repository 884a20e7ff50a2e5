"""Keep what people said of two rerankers whose names they did not see."""

import msgspec

from rag.evidence import Vote
from rag.records import ModelInfo
from rag.store.database import Database
from rag.store.rows import now
from rag.store.shelves import Shelves

_OTHER_WAY = {"a": "b", "b": "a"}


class Votes:
    """The votes of every collection: of each judge one on each question and pair of rerankers."""

    def __init__(self, db: Database, shelves: Shelves) -> None:
        self._db = db
        self._shelves = shelves

    def put(self, collection: str, vote: Vote) -> None:
        """Keep `vote` in place of the judge's earlier one on the same; on the disk when this returns.

        Raises NotFoundError for an unknown collection.
        """
        models, choice = [_text(vote.a), _text(vote.b)], vote.choice
        if models[0] > models[1]:  # one order, so that it is the same pair whichever comes first
            models, choice = models[::-1], _OTHER_WAY.get(choice, choice)  # type: ignore[assignment]
        with self._shelves.named(collection) as (db, key):
            db.execute(
                """INSERT OR REPLACE INTO votes (collection, query, a, b, choice, judge, voted_at)
                   VALUES (?, ?, ?, ?, ?, ?, ?)""",
                (key, vote.query, *models, choice, vote.judge, vote.voted_at or now()),
            )

    def of(self, collection: str) -> tuple[Vote, ...]:
        """Return the collection's votes in the order of their making; `a` comes before `b` by its id."""
        rows = self._db.read(
            """SELECT v.query, v.a, v.b, v.choice, v.judge, v.voted_at FROM votes v
               JOIN shelves c ON c.key = v.collection WHERE c.name = ? ORDER BY v.key""",
            collection,
        )
        return tuple(Vote(query, _model(a), _model(b), *rest) for query, a, b, *rest in rows)


def _text(model: ModelInfo) -> str:
    return msgspec.json.encode(model).decode()


def _model(text: str) -> ModelInfo:
    return msgspec.json.decode(text, type=ModelInfo)
