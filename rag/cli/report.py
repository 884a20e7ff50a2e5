"""`report`: write what a collection's questions were answered, and what was measured, as one HTML file."""

import argparse
from pathlib import Path

from rag.cli.common import add_json, as_json, depth, settings_for
from rag.errors import LibraryError
from rag.report.html import build
from rag.service import open_embedders, open_library
from rag.trec import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("collection", metavar="COLLECTION")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE.html", help="default: COLLECTION.html")
    parser.add_argument("--judge", metavar="NAME", help="only this judge's judgments; default: everybody's")
    parser.add_argument("--top-k", type=depth, metavar="N", help="passages in each list (RAG_TOP_K, 10)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Write the report of the recorded runs, and print where it is. Nothing is asked or scored."""
    settings = settings_for(args)
    out = args.out or Path(f"{args.collection.replace('/', '_')}.html")
    library = open_library(settings, open_embedders(settings))
    try:
        page = build(library, args.collection, judge=args.judge, top_k=settings.top_k)
    finally:
        library.close()
    n_bytes = written(out, page)
    print(as_json({"report": str(out), "bytes": n_bytes}) if args.json else f"{out}: {n_bytes / 1e6:.1f} MB.")
    return 0


def written(path: Path, text: str) -> int:
    """Write `text` to `path`, all or nothing, and return how many bytes it has. Raises LibraryError."""
    try:
        write_whole(path, text)
    except OSError as exc:
        raise LibraryError(
            f"{path} cannot be written: {exc.strerror or exc}. Make room there, or choose another place."
        ) from exc
    return path.stat().st_size
