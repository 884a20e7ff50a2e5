"""What the commands share."""

import argparse
import json
from dataclasses import replace
from typing import get_args

from rag.config import (
    DEFAULT_COLLECTION,
    MAX_RETRIEVE_K,
    RERANKER_NONE,
    RERANKER_REMOTE,
    OrderChoice,
    RetrieverChoice,
    Settings,
)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the option `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def add_collection(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the option `--collection`."""
    parser.add_argument("--collection", default=DEFAULT_COLLECTION, metavar="C", help="default: %(default)s")


def add_stages(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options that choose both stages."""
    parser.add_argument(
        "--retriever",
        choices=get_args(RetrieverChoice),
        help="find candidates by vectors, by words, or by both (RAG_RETRIEVER, auto: by both where the "
        "embedder does not read the question's language)",
    )
    parser.add_argument("--reranker", metavar="ID", help="a model of the catalogue, remote, or none")
    parser.add_argument(
        "--order",
        choices=get_args(OrderChoice),
        help="the final order: what the rules say, or always the reranker's own (RAG_ORDER, auto)",
    )
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
    if getattr(args, "retriever", None):
        settings = replace(settings, retriever=args.retriever)
    if getattr(args, "order", None):
        settings = replace(settings, order=args.order)
    return settings


def is_remote(args: argparse.Namespace) -> bool:
    """Return whether the command line names the remote reranker."""
    return bool(args.reranker == RERANKER_REMOTE)


def as_json(value: object) -> str:
    """Return `value` as one line of JSON, every character readable."""
    return json.dumps(value, ensure_ascii=False)
