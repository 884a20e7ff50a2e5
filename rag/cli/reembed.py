"""`reembed`: give a collection another embedder."""

import argparse
from dataclasses import asdict

from tqdm import tqdm

from rag.cli.common import add_collection, add_json, as_json, settings_for
from rag.library.reembed import reembed
from rag.service import open_embedders, open_library


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("embedder", metavar="ID", help="an embedder of the catalogue or the model cache")
    add_collection(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Re-embed the collection, with a progress bar on standard error, and print what became of it."""
    settings = settings_for(args)
    library = open_library(settings, open_embedders(settings))
    try:
        with tqdm(desc="re-embed", unit=" chunks") as bar:

            def show(done: int, total: int) -> None:
                if bar.total is None:
                    bar.initial = bar.n = done  # what an earlier run did is no speed of this one
                bar.total = total
                bar.update(done - bar.n)

            outcome = reembed(library, args.collection, args.embedder, show)
    finally:
        library.close()
    print(as_json({"collection": args.collection, **asdict(outcome)}) if args.json else outcome.message)
    return 0
