"""Keep what was answered to questions, as it was answered, to be opened again later."""

import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import uuid4

import msgspec

from rag.errors import LibraryError, NotFoundError
from rag.evidence import Run, RunInfo
from rag.outcomes import Ordering
from rag.records import SearchResult
from rag.store.database import Connection, Database, Row
from rag.store.rows import now
from rag.store.shelves import Shelves

MOST_RUNS = 500  # of a collection, besides the kept ones and the newest of each question

_MOST_ORDERS = 1_000  # remembered; of 100 candidates, each takes about 10 kB

# What reading a row raises that was damaged outside of this program; TypeError: a text where bytes were.
_DAMAGE = (zlib.error, msgspec.DecodeError, TypeError)

_INFO = "SELECT r.info, r.kept, c.name FROM runs r JOIN shelves c ON c.key = r.collection"
_WHOLE = _INFO.replace("c.name", "c.name, r.result")
_NEWEST = (
    f"{_INFO} WHERE c.name = ? AND r.key IN (SELECT max(key) FROM runs GROUP BY collection, query) "  # noqa: S608
    "ORDER BY r.key DESC"
)


@dataclass(frozen=True, slots=True)
class Orders:
    """The rankings of a recorded run, and the seconds of each stage by name.

    `retrieved` are chunk ids, best first; `by_reranker` are their ranks, from 1, in the order of the
    reranker's scores, and `reranked` in the final order, which `ordering` made. Both are empty where
    reranking was turned off.
    """

    retrieved: tuple[str, ...]
    by_reranker: tuple[int, ...]
    reranked: tuple[int, ...]
    ordering: Ordering
    stages: tuple[tuple[str, float], ...]


class Runs:
    """The recorded runs of every collection: the newest of each question, and the newest of all."""

    def __init__(self, db: Database, shelves: Shelves) -> None:
        self._db = db
        self._shelves = shelves
        # A run never changes, nor is its id given twice.
        self._orders: OrderedDict[str, Orders] = OrderedDict()
        self._remembering = threading.Lock()

    def add(self, result: SearchResult, *, revision: str | None = None, asked_for: int = 0) -> RunInfo:
        """Record `result`, found in its collection as it was at `revision`, or as it is now.

        `asked_for` is how many candidates were wanted, where that is known. Raises NotFoundError.
        """
        data = zlib.compress(msgspec.json.encode(result), 1)
        with self._shelves.named(result.collection) as (db, key):
            (present,) = db.execute("SELECT revision FROM collections WHERE key = ?", (key,)).fetchone()
            info = _info(result, revision or str(present), asked_for)
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
        return tuple(_readable(rows))

    def newest(self, collection: str) -> dict[str, RunInfo]:
        """Return the newest run of each question that was ever asked in the collection."""
        rows = self._db.read(_NEWEST, collection)
        return {info.query: info for info in _readable(rows)}

    def get(self, run_id: str) -> Run:
        """Return a recorded run, whole. Raises NotFoundError; LibraryError where it cannot be read."""
        rows = self._db.read(f"{_WHOLE} WHERE r.id = ?", run_id)
        if not rows:
            raise NotFoundError(
                "There is no such recorded run. It was dropped, or belongs to another library."
            )
        try:
            return Run(
                _read(rows[0][:3]),
                msgspec.json.decode(zlib.decompress(rows[0][3]), type=SearchResult),
            )
        except _DAMAGE as exc:
            raise LibraryError("This recorded run cannot be read. Ask its question again.") from exc

    def orders(self, run_ids: Iterable[str]) -> dict[str, Orders]:
        """Return the rankings of those of the runs that are there and can be read, by id.

        They are remembered, so that measuring a collection again reads none twice.
        """
        found: dict[str, Orders] = {}
        for run_id in run_ids:
            orders = self._orders.get(run_id) or self._read_orders(run_id)
            if orders:
                found[run_id] = orders
        with self._remembering:
            self._orders.update(found)
            while len(self._orders) > _MOST_ORDERS:
                self._orders.popitem(last=False)
        return found

    def _read_orders(self, run_id: str) -> Orders | None:
        rows = self._db.read("SELECT result FROM runs WHERE id = ?", run_id)
        if not rows:
            return None
        try:
            read = msgspec.json.decode(zlib.decompress(rows[0][0]), type=_Ranked)
        except _DAMAGE:
            return None
        by_reranker = sorted(read.reranked, key=lambda hit: hit.reranker_rank or hit.rank)
        return Orders(
            tuple(hit.passage.chunk_id for hit in read.retrieved),
            tuple(hit.retrieved_rank for hit in by_reranker),
            tuple(hit.retrieved_rank for hit in read.reranked),
            read.ordering or Ordering(),
            tuple((stage.stage, stage.seconds) for stage in read.stages),
        )

    def keep(self, run_id: str, *, kept: bool = True) -> None:
        """Never drop the run to make room for newer ones; or, with `kept` false, do so again."""
        with self._db.transaction() as db:
            db.execute("UPDATE runs SET kept = ? WHERE id = ?", (int(kept), run_id))

    def delete(self, run_id: str) -> None:
        """Forget a recorded run."""
        with self._db.transaction() as db:
            db.execute("DELETE FROM runs WHERE id = ?", (run_id,))
        self._orders.pop(run_id, None)


@dataclass(frozen=True, slots=True)
class _Named:
    chunk_id: str


@dataclass(frozen=True, slots=True)
class _Found:
    passage: _Named


@dataclass(frozen=True, slots=True)
class _Reranked:
    rank: int
    retrieved_rank: int
    reranker_rank: int | None = None


@dataclass(frozen=True, slots=True)
class _Timed:
    stage: str
    seconds: float


@dataclass(frozen=True, slots=True)
class _Ranked:
    """What `orders` needs of a SearchResult: read alone, it takes a quarter of the time."""

    retrieved: tuple[_Found, ...]
    reranked: tuple[_Reranked, ...]
    stages: tuple[_Timed, ...]
    ordering: Ordering | None = None


def _info(result: SearchResult, revision: str, asked_for: int) -> RunInfo:
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
        retriever=result.retriever,
        rule=result.ordering.rule if result.ordering else "reranker",
        asked_for=asked_for,
    )


def _readable(rows: Iterable[Row]) -> Iterator[RunInfo]:
    """Yield what the rows say; a damaged one is left out, so that it costs no other."""
    for row in rows:
        with suppress(*_DAMAGE):
            yield _read(row)


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
