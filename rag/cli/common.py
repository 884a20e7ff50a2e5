"""What the commands share."""

import argparse
import json
from dataclasses import replace

from rag.config import DEFAULT_COLLECTION, MAX_RETRIEVE_K, RERANKER_NONE, RERANKER_REMOTE, Settings


def add_json(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the option `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def add_collection(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the option `--collection`."""
    parser.add_argument("--collection", default=DEFAULT_COLLECTION, metavar="C", help="default: %(default)s")


def add_stages(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options that choose both stages."""
    parser.add_argument("--retriever", choices=("dense",), default="dense", help="default: %(default)s")
    parser.add_argument("--reranker", metavar="ID", help="a model of the catalogue, remote, or none")
    parser.add_argument(
        "--retrieve-k", type=depth, metavar="N", help="how many candidates to rerank (RAG_RETRIEVE_K, 30)"
    )


def depth(text: str) -> int:
    """Return `text` as a number of hits."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_RETRIEVE_K):
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 1 to {MAX_RETRIEVE_K}, found {text!r}"
        )
    return int(text)


def settings_for(args: argparse.Namespace) -> Settings:
    """Return the environment's settings with what the command line says in their place."""
    settings = Settings.from_env()
    if getattr(args, "reranker", None) not in (None, RERANKER_NONE, RERANKER_REMOTE):
        settings = replace(settings, reranker=args.reranker)
    if getattr(args, "retrieve_k", None):
        settings = replace(settings, retrieve_k=args.retrieve_k)
    if getattr(args, "top_k", None):
        settings = replace(settings, top_k=args.top_k)
    return settings


def is_remote(args: argparse.Namespace) -> bool:
    """Return whether the command line names the remote reranker."""
    return bool(args.reranker == RERANKER_REMOTE)


def as_json(value: object) -> str:
    """Return `value` as one line of JSON, every character readable."""
    return json.dumps(value, ensure_ascii=False)
