"""Keep what an evaluation has finished on disk, in a form that a kill at any moment cannot spoil.

Two files are only ever appended to: the vectors of the embedded passages, and a line of JSON for each
finished query. What a kill left half written at their ends is dropped and worked out again. The index of the
passages' words is written whole or not at all, and one more file, written first, names the inputs that the
work belongs to.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import InputFileError
from rag.outcomes import OrderRule
from rag.trec import Ranked, write_whole

_FINGERPRINT = "inputs.json"
_VECTORS = "vectors.rows"
_QUERIES = "queries.jsonl"
_WORDS = "words.bm25"
_BLOCK_ROWS = 4096
_RANKINGS = ("retrieved", "reranked", "by_reranker")  # of a finished query


def claim(folder: Path, inputs: Mapping[str, str]) -> None:
    """Make `folder` the place of the work on `inputs`: the name of each to its value or its sha256.

    Raises InputFileError saying which inputs differ when the folder holds work on others.
    """
    path = folder / _FINGERPRINT
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            if not (isinstance(stored, dict) and all(isinstance(value, str) for value in stored.values())):
                raise _damaged(path)
            _refuse_others(folder, stored, inputs)
            return
        for left_over in (_VECTORS, _QUERIES, _WORDS):
            (folder / left_over).unlink(missing_ok=True)
        write_whole(path, json.dumps(dict(inputs), indent=2) + "\n")
    except OSError as exc:
        message = f"cannot keep an evaluation's state ({exc.strerror}). Choose another --out."
        raise InputFileError(folder, message) from exc
    except ValueError as exc:
        raise _damaged(path) from exc


class VectorRows:
    """The unit vectors of the first passages, in passage order.

    Each row carries its number, so a row that is torn or out of place is known for one, and only those
    before it are kept.
    """

    def __init__(self, folder: Path, dim: int) -> None:
        self._path = folder / _VECTORS
        self._row = np.dtype([("number", "<i8"), ("unread", "<i8"), ("vector", "<f4", (dim,))])
        self._path.touch()
        stored = self._stored()
        out_of_place = np.flatnonzero(stored["number"] != np.arange(len(stored)))
        self._length = int(out_of_place[0]) if len(out_of_place) else len(stored)
        os.truncate(self._path, self._length * self._row.itemsize)

    def __len__(self) -> int:
        return self._length

    def append(self, vectors: NDArray[np.float32], unread: NDArray[np.int64]) -> None:
        """Keep the next passages' `vectors` float32 [n, dim] and how many of their tokens were not read."""
        rows = np.empty(len(vectors), dtype=self._row)
        rows["number"] = np.arange(self._length, self._length + len(vectors))
        rows["unread"] = unread
        rows["vector"] = vectors
        with self._path.open("ab") as file:
            file.write(rows.tobytes())
        self._length += len(vectors)

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield passage numbers and vectors, in blocks that spare the memory of having them all at once."""
        stored = self._stored()[: self._length]
        for start in range(0, self._length, _BLOCK_ROWS):
            block = stored[start : start + _BLOCK_ROWS]
            numbers = np.arange(start, start + len(block))
            if not np.array_equal(block["number"], numbers):
                message = "another evaluation wrote here at the same time. Run this one again, alone."
                raise InputFileError(self._path, message)
            yield numbers, block["vector"].copy()

    def truncated(self) -> int:
        """Return how many passages the embedder could not read whole."""
        return int(np.count_nonzero(self._stored()["unread"]))

    def _stored(self) -> NDArray[np.void]:
        rows = self._path.stat().st_size // self._row.itemsize
        if not rows:  # an empty file cannot be mapped
            return np.empty(0, dtype=self._row)
        return np.memmap(self._path, dtype=self._row, mode="r", shape=(rows,))


def words_file(folder: Path) -> Path:
    """Return where the index of the passages' words is kept."""
    return folder / _WORDS


@dataclass(frozen=True, slots=True)
class FinishedQuery:
    """Both rankings of one query; of its `pairs`, the reranker read `truncated_pairs` only in part.

    `reranked` is the final order, which came about by `rule`. Where that is not the reranker's own,
    `by_reranker` is.
    """

    query_id: str
    retrieved: tuple[Ranked, ...]
    reranked: tuple[Ranked, ...]
    pairs: int
    truncated_pairs: int
    rule: OrderRule = "reranker"
    by_reranker: tuple[Ranked, ...] = ()

    @property
    def by_reranker_alone(self) -> tuple[Ranked, ...]:
        """The reranker's own order, whatever the final one is."""
        return self.reranked if self.rule == "reranker" else self.by_reranker


class QueryLines:
    """The finished queries, a line each; `finished` holds them by query id."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _QUERIES
        self._path.touch()
        whole = self._path.read_bytes().rpartition(b"\n")
        # A kill can tear only the last line: the one that has no end.
        os.truncate(self._path, len(whole[0]) + len(whole[1]))
        self.finished = {query.query_id: query for query in map(self._read, whole[0].splitlines())}

    def append(self, query: FinishedQuery) -> None:
        """Keep `query`."""
        rankings = {
            name: [[one.document_id, one.score] for one in getattr(query, name)] for name in _RANKINGS
        }
        line = {
            "query_id": query.query_id,
            **rankings,
            "pairs": query.pairs,
            "truncated_pairs": query.truncated_pairs,
            "rule": query.rule,
        }
        with self._path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(line) + "\n")
        self.finished[query.query_id] = query

    def _read(self, line: bytes) -> FinishedQuery:
        try:
            fields: dict[str, Any] = json.loads(line)
            for ranking in _RANKINGS:
                fields[ranking] = tuple(Ranked(*pair) for pair in fields[ranking])
            return FinishedQuery(**fields)
        except (ValueError, TypeError, KeyError) as exc:
            raise _damaged(self._path) from exc


def _refuse_others(folder: Path, stored: Mapping[str, str], inputs: Mapping[str, str]) -> None:
    names = [*inputs, *(name for name in stored if name not in inputs)]
    differing = [
        f"{name} was {_short(stored.get(name))} and is {_short(inputs.get(name))}"
        for name in names
        if stored.get(name) != inputs.get(name)
    ]
    if differing:
        message = (
            f"holds an evaluation of other inputs: {'; '.join(differing)}. "
            "Choose another --out, or delete this folder to start afresh."
        )
        raise InputFileError(folder, message)


def _short(value: str | None) -> str:
    return "not named" if value is None else re.sub(r"([0-9a-f]{12})[0-9a-f]{52}", r"\1…", value)


def _damaged(path: Path) -> InputFileError:
    return InputFileError(path, f"is damaged. Delete {path.parent} to start this evaluation afresh.")
