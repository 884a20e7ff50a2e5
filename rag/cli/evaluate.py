"""`eval`: measure both stages over a BEIR folder, or over a collection with its own judgments."""

import argparse
import sys
from contextlib import closing, nullcontext
from pathlib import Path
from typing import cast

from rag.amounts import milliseconds
from rag.cli import measure
from rag.cli.bars import Bars
from rag.cli.common import add_json, add_stages, depth, is_remote, settings_for
from rag.config import RERANKER_NONE, Settings
from rag.embed import Embedder
from rag.errors import QueryError
from rag.evaluation.evaluate import evaluate, state_name
from rag.evaluation.summary import EvalOptions, EvalReport, report_json
from rag.models.load import load
from rag.outcomes import Retriever
from rag.scorers import scorer

# What only one of the two takes, by the name that argparse gives it.
_OF_A_FOLDER = ("run", "chunk", "limit", "out")
_OF_A_COLLECTION = ("judge", "save_baseline", "baseline", "margin_ndcg", "margin_p95")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "target",
        metavar="DIR_OR_COLLECTION",
        help="a folder with corpus.jsonl, queries.jsonl and qrels.tsv, or the name of a collection",
    )
    parser.add_argument(
        "--collection", action="store_true", help="it is a collection, even where a folder is called so"
    )
    add_stages(parser)
    of_folder = parser.add_argument_group("a folder")
    of_folder.add_argument(
        "--run",
        type=Path,
        metavar="FILE.trec",
        help="rerank this run, whole unless --retrieve-k is given, instead of retrieving",
    )
    of_folder.add_argument(
        "--chunk", action="store_true", help="split documents; each counts at its best chunk"
    )
    of_folder.add_argument("--limit", type=depth, metavar="N", help="only the first N judged queries")
    of_folder.add_argument(
        "--out", type=Path, metavar="DIR", help="runs, metrics and state; default: a folder in RAG_HOME/eval"
    )
    measure.add_arguments(parser.add_argument_group("a collection"))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate, with a progress bar on standard error, and print the metrics of both stages."""
    settings = settings_for(args)
    folder = Path(args.target)
    is_folder = not args.collection and _is_folder(folder)
    _refuse(args, _OF_A_COLLECTION if is_folder else _OF_A_FOLDER, is_folder=is_folder)
    if not is_folder:
        return measure.run(args, settings)
    if args.target in measure.collections(settings):
        print(
            f"{args.target!r} is a folder and a collection: this measures the folder. Add --collection to "
            "measure the collection.",
            file=sys.stderr,
        )
    return _run_folder(args, folder, settings)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name longer than any folder's
        return False


def _refuse(args: argparse.Namespace, names: tuple[str, ...], *, is_folder: bool) -> None:
    for name in names:
        if getattr(args, name) not in (None, False):
            option, other = f"--{name.replace('_', '-')}", "a collection" if is_folder else "a folder"
            is_one = "is a folder" if is_folder else "is no folder"
            hint = " Add --collection if it is one, too." if is_folder else ""
            raise QueryError(f"{option} is for {other}, and {args.target!r} {is_one} here.{hint}")


def _run_folder(args: argparse.Namespace, folder: Path, settings: Settings) -> int:
    # Only the command line cuts a run: the environment's depth is meant for retrieving.
    retrieve_k = args.retrieve_k if args.run else settings.retrieve_k
    options = EvalOptions(
        retrieve_k,
        args.chunk,
        args.run,
        args.limit,
        retriever=_retriever(args),
        fusion=settings.fusion,
        order=settings.order,
    )
    embedder = _embedder(settings) if options.needs_embedder else None
    reranker = None if args.reranker == RERANKER_NONE else scorer(settings, remote=is_remote(args))
    out = args.out or settings.home / "eval" / state_name(
        folder, options=options, embedder=embedder, reranker=reranker
    )
    with Bars() as bars, closing(reranker) if reranker else nullcontext():
        report = evaluate(
            folder,
            options=options,
            embedder=embedder,
            reranker=reranker,
            out=out,
            progress=bars.update,
        )
    print(report_json(report) if args.json else "\n".join([*_lines(report), f"Written to {out}"]))
    return 0


def _retriever(args: argparse.Namespace) -> Retriever:
    """Return the retriever that the command line names; the environment's is for questions, not for this."""
    if args.retriever and args.run:
        raise QueryError("--run brings the candidates: leave --retriever out.")
    match args.retriever:
        case None:
            return "dense"
        case "auto":
            raise QueryError("A folder is measured with a named retriever: dense, lexical or hybrid.")
        case named:
            return cast(Retriever, named)


def _embedder(settings: Settings) -> Embedder:
    model = load(settings.embedder, "embed", cache=settings.model_cache, threads=settings.threads)
    return Embedder(model)


def _lines(report: EvalReport) -> list[str]:
    columns = {
        "retrieved": report.retrieved,
        "reranked": report.reranked,
        "by reranker": report.by_reranker,
    }
    means = {head: column.by_name for head, column in columns.items() if column}
    lines = [f"{'':12}" + "".join(f"{head:>12}" for head in means)]
    for name in means["retrieved"]:
        lines.append(f"{name:12}" + "".join(f"{column[name]:12.4f}" for column in means.values()))
    queries, corpus = report.queries, report.corpus
    lines += [
        "",
        *_how(report),
        f"{queries.measured:,} queries ({queries.resumed:,} of them ranked in an earlier run, "
        f"{queries.left_out:,} without a relevant document left out)",
        f"{corpus.documents:,} documents, {corpus.passages:,} passages ({corpus.resumed:,} of them embedded "
        f"in an earlier run, {corpus.truncated:,} longer than the embedder's window)",
        f"{queries.pairs:,} pairs reranked, {queries.truncated_pairs:,} longer than the reranker's window",
        *report.notices,
    ]
    lines += [f"{stage.stage:13} {milliseconds(stage.seconds):>13}" for stage in report.stages]
    return [*lines, f"{'this run':13} {milliseconds(report.seconds):>13}"]


def _how(report: EvalReport) -> list[str]:
    """Return what found the candidates, and where any is fused, what the final order is."""
    found = {
        "run": "Candidates as the run lists them",
        "dense": "Candidates found by vectors",
        "lexical": "Candidates found by words",
        "hybrid": "Candidates found by vectors and by words, their ranks fused",
    }
    lines = [f"{found[report.options.found_by]}."]
    if report.by_reranker:
        fused = sum(n for rule, n in report.rules.items() if rule != "reranker")
        lines.append(
            f"For {fused:,} of {report.queries.measured:,} queries the order in which candidates were found "
            "counts beside the reranker's, whose own order is the last column."
        )
    return lines
