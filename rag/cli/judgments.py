"""`judgments`: hand a collection's judgments and runs to other programs, and take judgments over."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rag.cli.common import add_json, as_json, settings_for
from rag.cli.report import written
from rag.errors import InputFileError
from rag.library import Library
from rag.report import exports, imports
from rag.service import open_embedders, open_library

_Export = Callable[[Library, str, str | None], str]


def _run(stage: exports.Stage) -> _Export:
    return lambda library, collection, _judge: exports.runs_trec(library, collection, stage)


# Each format: what writes it, and how its files are called.
_FORMATS: Mapping[str, tuple[_Export, str]] = {
    "qrels": (exports.qrels_trec, "{}.qrels"),
    "csv": (exports.judgments_csv, "{}.csv"),
    "triples": (exports.triples_jsonl, "{}.triples.jsonl"),
    "questions": (exports.questions_jsonl, "{}.queries.jsonl"),
    "retrieved": (_run("retrieved"), "{}.retrieved.trec"),
    "reranked": (_run("reranked"), "{}.reranked.trec"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    export = actions.add_parser("export", help="write judgments, recorded runs or questions to a file")
    export.add_argument("collection", metavar="COLLECTION")
    export.add_argument("--format", choices=tuple(_FORMATS), default="qrels", help="default: %(default)s")
    export.add_argument("-o", "--out", type=Path, metavar="FILE", help="default: named as the collection is")
    export.add_argument("--judge", metavar="NAME", help="only this judge's; default: everybody's")
    take = actions.add_parser("import", help="take judgments over: qrels, or a CSV file as exported")
    take.add_argument("collection", metavar="COLLECTION")
    take.add_argument("file", type=Path, metavar="FILE")
    take.add_argument(
        "--judge",
        metavar="NAME",
        help=f"whose they are; default: {imports.IMPORTED}, or whom the CSV file names",
    )
    for action in (export, take):
        add_json(action)


def run(args: argparse.Namespace) -> int:
    """Do what was asked for, and print what came of it."""
    settings = settings_for(args)
    library = open_library(settings, open_embedders(settings))
    try:
        answer, said = (_export if args.action == "export" else _import)(library, args)
    finally:
        library.close()
    print(as_json(answer) if args.json else said)
    return 0


def _export(library: Library, args: argparse.Namespace) -> tuple[dict[str, object], str]:
    export, name = _FORMATS[args.format]
    out = args.out or Path(name.format(args.collection.replace("/", "_")))
    text = export(library, args.collection, args.judge)
    written(out, text)
    n_lines = text.count("\n")
    return {"file": str(out), "format": args.format, "lines": n_lines}, f"{out}: {n_lines:,} lines."


def _import(library: Library, args: argparse.Namespace) -> tuple[dict[str, object], str]:
    path: Path = args.file
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise InputFileError(path, f"it cannot be read: {exc.strerror or exc}.") from exc
    take = partial(imports.judgments_csv, judge=args.judge)
    if path.suffix.lower() != ".csv":
        take = partial(imports.qrels, judge=args.judge or imports.IMPORTED)
    imported = take(library, args.collection, data, path=str(path))
    return asdict(imported), imported.message
