"""Read and write TREC files: runs (what a system ranked) and qrels (what people judged)."""

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.errors import InputFileError

_HEADER_WORDS = frozenset({"score", "grade", "label", "rel", "relevance"})


@dataclass(frozen=True, slots=True)
class Ranked:
    """A document as a run ranks it: higher scores come first."""

    document_id: str
    score: float


@dataclass(frozen=True, slots=True)
class QrelRow:
    """One judgment of a qrels file, and the number of its line."""

    line: int
    query: str
    document: str
    grade: int


Run = Mapping[str, Sequence[Ranked]]


def read_run(path: Path) -> dict[str, tuple[Ranked, ...]]:
    """Return the run in `path`: query id to documents, by falling score, ties by the file's rank.

    Lines read `qid Q0 docid rank score tag`. Raises InputFileError naming the line that does not.
    """
    rows: dict[str, dict[str, tuple[float, int]]] = {}
    for number, line in numbered_lines(path):
        query, document, rank, score = _run_fields(path, number, line)
        documents = rows.setdefault(query, {})
        if document in documents:
            raise InputFileError(
                path, f"document {document!r} is ranked twice for query {query!r}.", line=number
            )
        documents[document] = (-score, rank)
    return {
        query: tuple(
            Ranked(name, -documents[name][0]) for name in sorted(documents, key=documents.__getitem__)
        )
        for query, documents in rows.items()
    }


def write_run(path: Path, run: Run, *, tag: str) -> None:
    """Write `run` to `path`, all or nothing, as `run_text` has it."""
    write_whole(path, run_text(run, tag=tag))


def run_text(run: Run, *, tag: str) -> str:
    """Return `run` as a TREC file, so that any scorer reads back the order given here.

    Scorers sort by score and not by rank, trec_eval in single precision, and each breaks ties its own
    way. A score that is not below the one before it is therefore written one single-precision step below
    that one; every other score is written exactly.
    """
    lines = [
        f"{query} Q0 {ranked.document_id} {rank} {score!r} {tag}\n"
        for query, documents in run.items()
        for rank, (ranked, score) in enumerate(zip(documents, _falling(documents), strict=True), 1)
    ]
    return "".join(lines)


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Return the judgments in `path`: query id to document id to grade.

    Lines are as `qrel_rows` reads them. Raises InputFileError naming the line that is not.
    """
    qrels: dict[str, dict[str, int]] = {}
    for row in qrel_rows(path, numbered_lines(path)):
        if qrels.setdefault(row.query, {}).setdefault(row.document, row.grade) != row.grade:
            raise twice_graded(path, row)
    return qrels


def qrel_rows(path: str | Path, lines: Iterable[tuple[int, str]]) -> Iterator[QrelRow]:
    """Yield the judgments in the numbered `lines` of `path`, in order.

    Lines read `query-id, corpus-id, score`, tab-separated, with or without that header, or as TREC has
    them, `qid 0 docid grade`. Raises InputFileError naming the line that does neither.
    """
    for number, line in lines:
        fields = line.split("\t") if "\t" in line else line.split()
        if number == 1 and fields[-1].strip().lower() in _HEADER_WORDS:
            continue
        yield QrelRow(number, *_qrel_fields(path, number, fields))


def twice_graded(path: str | Path, row: QrelRow) -> InputFileError:
    """Return the error for a judgment that another one of the same file contradicts."""
    message = f"document {row.document!r} has two different grades for query {row.query!r}."
    return InputFileError(path, message, line=row.line)


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file that are not blank, with their numbers, without their ends.

    A byte order mark is dropped. Raises InputFileError where the file cannot be read as UTF-8.
    """
    try:
        with path.open("rb") as file:
            yield from decoded_lines(path, file)
    except OSError as exc:
        raise InputFileError(path, f"cannot be read ({exc.strerror or exc}).") from exc


def decoded_lines(path: str | Path, raw_lines: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Yield the raw lines of `path` as `numbered_lines` does. Raises InputFileError for one not in UTF-8."""
    for number, raw in enumerate(raw_lines, 1):
        try:
            # Decoded line by line, so that the message can name the line.
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n")
        except UnicodeDecodeError as exc:
            message = f"expected UTF-8 text, found the byte 0x{exc.object[exc.start]:02x}."
            raise InputFileError(path, message, line=number) from exc
        if line.strip():
            yield number, line


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8 so that a reader sees the old file or all of the new one."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)  # noqa: PTH105 (Path.replace is the same call; the name here says atomic)


def _falling(documents: Sequence[Ranked]) -> Iterator[float]:
    """Yield the scores, each strictly below the one before it in single precision."""
    before = np.float32(np.inf)
    for ranked in documents:
        single = np.float32(ranked.score)
        if single < before:
            yield ranked.score
        else:
            single = np.nextafter(before, np.float32(-np.inf))
            yield float(single)
        before = single


def _run_fields(path: Path, number: int, line: str) -> tuple[str, str, int, float]:
    fields = line.split()
    if len(fields) != 6:
        message = f"expected six fields, 'qid Q0 docid rank score tag', found {len(fields)}."
        raise InputFileError(path, message, line=number)
    query, _, document, rank, score, _ = fields
    try:
        values = int(rank), float(score)
    except ValueError:
        message = f"expected a whole rank and a score, found {rank!r} and {score!r}."
        raise InputFileError(path, message, line=number) from None
    if not math.isfinite(values[1]):
        raise InputFileError(path, f"expected a finite score, found {score!r}.", line=number)
    return query, document, *values


def _qrel_fields(path: str | Path, number: int, fields: Sequence[str]) -> tuple[str, str, int]:
    if len(fields) not in (3, 4):
        message = f"expected 'query-id, corpus-id, score' or 'qid 0 docid grade', found {len(fields)} fields."
        raise InputFileError(path, message, line=number)
    query, *_, document, grade = (field.strip() for field in fields)
    try:
        return query, document, int(grade)
    except ValueError:
        raise InputFileError(
            path, f"expected a whole number as grade, found {grade!r:.40}.", line=number
        ) from None
