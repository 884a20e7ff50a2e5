"""`search`: one question, both stages, every time."""

import argparse

from msgspec import to_builtins

from rag.amounts import milliseconds
from rag.api.schemas import search_body
from rag.cli.common import add_collection, add_json, add_stages, as_json, depth, settings_for
from rag.config import reranker_choice
from rag.records import Hit, RerankedHit, SearchResult
from rag.service import build
from rag.wording import place, stage_counts, stage_marks, summary

_TEXT_CHARS = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("query", metavar="QUERY")
    add_collection(parser)
    add_stages(parser)
    parser.add_argument("--top-k", type=depth, metavar="N", help="hits to print (RAG_TOP_K, 10)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Ask the question and print both rankings."""
    settings = settings_for(args)
    service = build(settings)
    try:
        result = service.pipeline.search(
            args.query,
            collection=args.collection,
            retrieve_k=settings.retrieve_k,
            reranker=reranker_choice(args.reranker),
        )
    finally:
        service.close()
    if args.json:
        print(as_json(to_builtins(search_body(result, top_k=settings.top_k))))
    else:
        print("\n".join(_lines(result, settings.top_k)))
    return 0


def _lines(result: SearchResult, top_k: int) -> list[str]:
    lines = [summary(result, top_k), *result.notices, "", "Retrieved (rank, cosine)"]
    lines += [f"{hit.rank:4}  {hit.cosine or 0:7.4f}  {_excerpt(hit)}" for hit in result.retrieved[:top_k]]
    if result.reranked:
        by = "logit" if result.reranked[0].logit is not None else "relevance"
        who = result.reranker.id if result.reranker else ""
        lines += ["", f"Reranked by {who} (rank, rank before, {by})"]
        lines += [
            f"{hit.rank:4}  {hit.retrieved_rank:4}  {hit.order:8.3f}  {_excerpt(hit)}"
            for hit in result.reranked[:top_k]
        ]
    lines.append("")
    for stage in result.stages:
        notes = ", ".join(filter(None, [stage_counts(stage), *stage_marks(stage)]))
        lines.append(f"{stage.stage:10} {milliseconds(stage.seconds):>10}  {notes}".rstrip())
    return [*lines, f"{'total':10} {milliseconds(result.total_s):>10}"]


def _excerpt(hit: Hit | RerankedHit) -> str:
    passage = hit.passage
    where = f", {place(passage.kind, passage.page)}" if passage.page is not None else ""
    if hit.duplicate_of is not None:
        same = "same text" if hit.similarity == 1 else f"nearly the same ({hit.similarity:.3f})"
        return f"{passage.document}{where}: {same} as rank {hit.duplicate_of}"
    text = " ".join(passage.text.split())
    cut = "…" if len(text) > _TEXT_CHARS else ""
    return f"{passage.document}{where}: {text[:_TEXT_CHARS]}{cut}"
