"""`rerank`: score passages for one question, without a library."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from rag.cli.common import add_json, as_json, is_remote, settings_for
from rag.errors import InputFileError
from rag.question import checked_query
from rag.records import Hit, Passage, RerankedHit
from rag.scorers import scorer
from rag.timing import Stopwatch
from rag.wording import question_cut


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--query", required=True, metavar="Q")
    parser.add_argument("--reranker", metavar="ID", help="a model of the catalogue, or remote")
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help='JSON lines {"id", "text"}; default: standard input',
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print one JSON line per passage, best first."""
    query = checked_query(args.query)
    ids, hits = _read(args.file)
    settings = settings_for(args)
    with closing(scorer(settings, remote=is_remote(args))) as reranker:
        reranked = reranker.rerank(query, hits, watch=Stopwatch())
        for line in _unread(reranker.query_tokens_unread(query), reranked):
            print(line, file=sys.stderr)
        for hit in reranked:
            passage_id = ids[hit.retrieved_rank - 1]
            line = as_json({"id": passage_id, "logit": hit.logit, "score": hit.score, "rank": hit.rank})
            print(line, flush=True)  # before a large model's memory is given back
    return 0


def _unread(query_tokens: int, hits: Sequence[RerankedHit]) -> Iterator[str]:
    """Yield a line for each kind of text that the model did not read whole."""
    if query_tokens:
        yield question_cut("reranker", query_tokens)
    if passages := sum(hit.is_cut for hit in hits):
        yield f"Passages too long for the reranker, of which it read only the start: {passages}."


def _read(file: Path | None) -> tuple[list[object], list[Hit]]:
    """Return the passages' ids, and the passages as hits in the order of the input."""
    if file is None:
        return _parse("standard input", sys.stdin)
    try:
        with file.open(encoding="utf-8-sig") as lines:
            return _parse(str(file), lines)
    except (OSError, UnicodeDecodeError) as exc:
        raise InputFileError(file, f"cannot be read as UTF-8 text: {exc}.") from exc


def _parse(source: str, lines: Iterable[str]) -> tuple[list[object], list[Hit]]:
    ids: list[object] = []
    hits: list[Hit] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        passage_id, text = _fields(source, number, line)
        ids.append(passage_id)
        passage = Passage(str(passage_id), str(passage_id), source, text, 0, len(text))
        hits.append(Hit(len(hits) + 1, passage, cosine=None))
    return ids, hits


def _fields(source: str, number: int, line: str) -> tuple[object, str]:
    expected = 'expected a JSON object such as {"id": "a1", "text": "A passage."}'
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise InputFileError(source, f"{expected}, found no JSON: {exc}.", line=number) from exc
    if not (isinstance(fields, dict) and "id" in fields and isinstance(fields.get("text"), str)):
        raise InputFileError(source, f"{expected}, found {line.strip()[:80]!r}.", line=number)
    # JSON can spell half a surrogate pair, which no tokenizer takes.
    return fields["id"], fields["text"].encode("utf-8", "replace").decode()
