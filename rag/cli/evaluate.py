"""`eval`: measure both stages over a BEIR folder."""

import argparse
from contextlib import closing, nullcontext
from pathlib import Path

from tqdm import tqdm

from rag.amounts import milliseconds
from rag.cli.common import add_json, add_stages, depth, is_remote, settings_for
from rag.config import RERANKER_NONE, Settings
from rag.embed import Embedder
from rag.errors import InputFileError
from rag.evaluation.evaluate import evaluate, state_name
from rag.evaluation.summary import EvalOptions, EvalReport, report_json
from rag.models.load import load
from rag.scorers import scorer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="corpus.jsonl, queries.jsonl, qrels.tsv")
    add_stages(parser)
    parser.add_argument(
        "--run",
        type=Path,
        metavar="FILE.trec",
        help="rerank this run, whole unless --retrieve-k is given, instead of retrieving",
    )
    parser.add_argument("--chunk", action="store_true", help="split documents; each counts at its best chunk")
    parser.add_argument("--limit", type=depth, metavar="N", help="only the first N judged queries")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="runs, metrics and state; default: a folder in RAG_HOME/eval"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate, with a progress bar on standard error, and print the metrics of both stages."""
    settings = settings_for(args)
    if not args.folder.is_dir():
        raise InputFileError(args.folder, "expected a folder with corpus.jsonl, queries.jsonl, qrels.tsv.")
    # Only the command line cuts a run: the environment's depth is meant for retrieving.
    retrieve_k = args.retrieve_k if args.run else settings.retrieve_k
    options = EvalOptions(retrieve_k, args.chunk, args.run, args.limit)
    embedder = _embedder(settings) if options.needs_embedder else None
    reranker = None if args.reranker == RERANKER_NONE else scorer(settings, remote=is_remote(args))
    out = args.out or settings.home / "eval" / state_name(
        args.folder, options=options, embedder=embedder, reranker=reranker
    )
    with _Bars() as bars, closing(reranker) if reranker else nullcontext():
        report = evaluate(
            args.folder,
            options=options,
            embedder=embedder,
            reranker=reranker,
            out=out,
            progress=bars.update,
        )
    print(report_json(report) if args.json else "\n".join([*_lines(report), f"Written to {out}"]))
    return 0


def _embedder(settings: Settings) -> Embedder:
    model = load(settings.embedder, "embed", cache=settings.model_cache, threads=settings.threads)
    return Embedder(model)


class _Bars:
    """One progress bar after the other, on standard error."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def __enter__(self) -> "_Bars":
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done in `stage`."""
        if self._bar is None or self._bar.desc != stage:
            self.__exit__()
            # What an earlier run did is no speed of this one.
            self._bar = tqdm(desc=stage, total=total, initial=done)
        self._bar.update(done - self._bar.n)


def _lines(report: EvalReport) -> list[str]:
    columns = [report.retrieved.by_name]
    heads = ["retrieved"]
    if report.reranked:
        columns.append(report.reranked.by_name)
        heads.append("reranked")
    lines = [f"{'':12}" + "".join(f"{head:>12}" for head in heads)]
    for name in columns[0]:
        lines.append(f"{name:12}" + "".join(f"{column[name]:12.4f}" for column in columns))
    queries, corpus = report.queries, report.corpus
    lines += [
        "",
        f"{queries.measured:,} queries ({queries.resumed:,} of them ranked in an earlier run, "
        f"{queries.left_out:,} without a relevant document left out)",
        f"{corpus.documents:,} documents, {corpus.passages:,} passages embedded ({corpus.resumed:,} of them "
        f"in an earlier run, {corpus.truncated:,} longer than the embedder's window)",
        f"{queries.pairs:,} pairs reranked, {queries.truncated_pairs:,} longer than the reranker's window",
        *report.notices,
    ]
    lines += [f"{stage.stage:13} {milliseconds(stage.seconds):>13}" for stage in report.stages]
    return [*lines, f"{'this run':13} {milliseconds(report.seconds):>13}"]
