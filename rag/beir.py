"""Read a BEIR folder: a corpus, queries, and judgments of which document answers which query."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import InputFileError
from rag.trec import numbered_lines, read_qrels

CORPUS = "corpus.jsonl"
QUERIES = "queries.jsonl"
QRELS = ("qrels.tsv", "qrels/test.tsv")


@dataclass(frozen=True, slots=True)
class BeirFolder:
    """A data set, in the order of its files: id to passage text, id to query, query to its grades."""

    corpus: Mapping[str, str]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]


def read_beir(folder: Path) -> BeirFolder:
    """Return the data set in `folder`; a document's passage is its title, a blank and its text.

    Raises InputFileError naming the file and the line, or the files that a BEIR folder consists of.
    """
    corpus, queries, qrels = beir_files(folder)
    return BeirFolder(
        corpus=_by_id(corpus, optional="title"), queries=_by_id(queries), qrels=read_qrels(qrels)
    )


def beir_files(folder: Path) -> tuple[Path, Path, Path]:
    """Return the paths of the corpus, the queries and the judgments of `folder`.

    Raises InputFileError saying which files are missing.
    """
    qrels = next((folder / name for name in QRELS if (folder / name).is_file()), folder / QRELS[0])
    files = (folder / CORPUS, folder / QUERIES, qrels)
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        found = "it lacks " + ", ".join(missing) if folder.is_dir() else "there is no such folder"
        expected = f"{CORPUS}, {QUERIES} and {' or '.join(QRELS)}"
        raise InputFileError(folder, f"expected a BEIR folder with {expected}; {found}.")
    return files


def _by_id(path: Path, *, optional: str | None = None) -> dict[str, str]:
    texts: dict[str, str] = {}
    for number, entry in _objects(path):
        key = _text(path, number, entry, "_id")
        if not key or key.split() != [key]:
            # TREC files separate their fields by blanks.
            message = f'expected an id without blanks in "_id", found {key!r}.'
            raise InputFileError(path, message, line=number)
        if key in texts:
            raise InputFileError(path, f"the id {key!r} occurs for the second time.", line=number)
        head = _text(path, number, entry, optional) if optional and entry.get(optional) else ""
        texts[key] = f"{head} {_text(path, number, entry, 'text')}".strip()
    if not texts:
        raise InputFileError(path, "expected one JSON object a line, found nothing.")
    return texts


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in numbered_lines(path):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as exc:
            raise InputFileError(path, f"expected one JSON object, found {exc}.", line=number) from exc
        if not isinstance(entry, dict):
            message = f"expected a JSON object, found {type(entry).__name__}."
            raise InputFileError(path, message, line=number)
        yield number, entry


def _text(path: Path, number: int, entry: Mapping[str, Any], field: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str):
        found = f"{value!r:.40}" if field in entry else f"only {', '.join(entry) or 'nothing'}"
        raise InputFileError(path, f'expected text in "{field}", found {found}.', line=number)
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        # JSON can escape half a character, which no tokenizer and no file takes.
        raise InputFileError(path, f'"{field}" holds half a character ({exc}).', line=number) from exc
    return value
