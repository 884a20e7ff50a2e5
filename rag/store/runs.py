"""Keep what was answered to questions, as it was answered, to be opened again later."""

import zlib
from dataclasses import replace
from uuid import uuid4

import msgspec

from rag.errors import LibraryError, NotFoundError
from rag.records import Run, RunInfo, SearchResult
from rag.store.database import Connection, Database, Row
from rag.store.rows import now
from rag.store.shelves import Shelves

MOST_RUNS = 500  # of a collection, besides the kept ones and the newest of each question

_INFO = "SELECT r.info, r.kept, c.name FROM runs r JOIN shelves c ON c.key = r.collection"
_WHOLE = _INFO.replace("c.name", "c.name, r.result")
_NEWEST = (
    f"{_INFO} WHERE c.name = ? AND r.key IN (SELECT max(key) FROM runs GROUP BY collection, query) "  # noqa: S608
    "ORDER BY r.key DESC"
)


class Runs:
    """The recorded runs of every collection: the newest of each question, and the newest of all."""

    def __init__(self, db: Database, shelves: Shelves) -> None:
        self._db = db
        self._shelves = shelves

    def add(self, result: SearchResult) -> RunInfo:
        """Record `result`, found in its collection as it is now. Raises NotFoundError."""
        data = zlib.compress(msgspec.json.encode(result), 1)
        with self._shelves.named(result.collection) as (db, key):
            info = _info(
                result,
                str(db.execute("SELECT revision FROM collections WHERE key = ?", (key,)).fetchone()[0]),
            )
            db.execute(
                "INSERT INTO runs (id, collection, query, asked_at, info, result) VALUES (?, ?, ?, ?, ?, ?)",
                (info.id, key, info.query, info.asked_at, msgspec.json.encode(info).decode(), data),
            )
            _drop_oldest(db, key)
        return info

    def of(self, collection: str, query: str | None = None, *, most: int = 1_000_000) -> tuple[RunInfo, ...]:
        """Return what was asked in the collection, newest first; of one question where it is given."""
        rows = self._db.read(
            f"{_INFO} WHERE c.name = ?1 AND (?2 IS NULL OR r.query = ?2) ORDER BY r.key DESC LIMIT ?3",
            collection,
            query,
            most,
        )
        return tuple(_read(row) for row in rows)

    def newest(self, collection: str) -> dict[str, RunInfo]:
        """Return the newest run of each question that was ever asked in the collection."""
        rows = self._db.read(_NEWEST, collection)
        return {info.query: info for info in map(_read, rows)}

    def get(self, run_id: str) -> Run:
        """Return a recorded run, whole. Raises NotFoundError; LibraryError where it cannot be read."""
        rows = self._db.read(f"{_WHOLE} WHERE r.id = ?", run_id)
        if not rows:
            raise NotFoundError(
                "There is no such recorded run. It was dropped, or belongs to another library."
            )
        try:
            result = msgspec.json.decode(zlib.decompress(rows[0][3]), type=SearchResult)
        except (zlib.error, msgspec.DecodeError) as exc:
            raise LibraryError("This recorded run cannot be read. Ask its question again.") from exc
        return Run(_read(rows[0][:3]), result)

    def keep(self, run_id: str, *, kept: bool = True) -> None:
        """Never drop the run to make room for newer ones; or, with `kept` false, do so again."""
        with self._db.transaction() as db:
            db.execute("UPDATE runs SET kept = ? WHERE id = ?", (int(kept), run_id))

    def delete(self, run_id: str) -> None:
        """Forget a recorded run."""
        with self._db.transaction() as db:
            db.execute("DELETE FROM runs WHERE id = ?", (run_id,))


def _info(result: SearchResult, revision: str) -> RunInfo:
    return RunInfo(
        id=uuid4().hex[:16],
        collection=result.collection,
        query=result.query,
        asked_at=now(),
        revision=revision,
        embedder=result.embedder,
        reranker=result.reranker,
        retrieved=len(result.retrieved),
        total_s=result.total_s,
        cached=result.cached,
        cold=result.cold,
    )


def _read(row: Row) -> RunInfo:
    info, kept, collection = row
    read = msgspec.json.decode(info, type=RunInfo)
    # The collection may have another name by now.
    return replace(read, kept=bool(kept), collection=collection)


def _drop_oldest(db: Connection, collection: int) -> None:
    db.execute(
        """DELETE FROM runs WHERE collection = ?1 AND NOT kept
           AND key NOT IN (SELECT max(key) FROM runs WHERE collection = ?1 GROUP BY query)
           AND key NOT IN (SELECT key FROM runs WHERE collection = ?1 ORDER BY key DESC LIMIT ?2)""",
        (collection, MOST_RUNS),
    )
