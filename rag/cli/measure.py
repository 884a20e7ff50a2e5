"""`eval` of a collection: ask its judged questions, measure both stages, hold them against a baseline."""

import argparse
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path

from rag.amounts import counted, milliseconds
from rag.cli.bars import Bars
from rag.cli.common import as_json, is_remote
from rag.config import RERANKER_NONE, RerankerChoice, Settings
from rag.errors import InputFileError, LibraryError, NotFoundError, QueryError
from rag.evaluation.asking import ask_all
from rag.evaluation.collection import measure, placed, questions
from rag.evaluation.gate import Baseline, Margins, Verdict, baseline_of, compare, read_baseline, save_baseline
from rag.evaluation.measures import WHY, CollectionMeasure, LanguageMeasure, answered
from rag.evidence import Setup
from rag.language_names import language_name
from rag.metrics import MetricMeans, has_relevant
from rag.samples import SAMPLE_COLLECTION, bring_judgments
from rag.service import Service, build
from rag.store import Store

_MARKS = {True: "ok", False: "WORSE", None: "skipped"}
_WARM_UP = "What is this about?"  # asked before anything is timed, and not recorded


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Declare the options that a collection takes."""
    parser.add_argument(
        "--judge", metavar="NAME", help="by the judgments of this one; default: of all judges"
    )
    parser.add_argument(
        "--save-baseline",
        type=_new_file,
        metavar="FILE",
        help="keep the measures for later; beside --baseline, only where they are not worse",
    )
    parser.add_argument(
        "--baseline",
        type=_baseline,
        metavar="FILE",
        help="exit with 1 where the measures are worse than these by more than a margin",
    )
    parser.add_argument(
        "--margin-ndcg", type=_difference, metavar="X", help="how much lower nDCG@10 may be (0.01)"
    )
    parser.add_argument(
        "--margin-p95", type=_share, metavar="X%", help="how much longer the p95 latency may be (20%%)"
    )


def collections(settings: Settings) -> tuple[str, ...]:
    """Return the names of the collections, none where there is no library, or none that can be read."""
    path = settings.home / "library.db"
    if path.exists():
        with suppress(LibraryError), closing(Store(path)) as store:
            return store.collections()
    return ()


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Measure, with a progress bar on standard error, and print; return 1 where the gate is shut."""
    margins = _margins(args)
    if args.reranker == RERANKER_NONE:
        raise QueryError("A collection is measured with a reranker: leave --reranker none out, or name one.")
    known = collections(settings)
    if args.target not in known:
        raise NotFoundError(
            f"{args.target!r}: expected a folder with corpus.jsonl, queries.jsonl, qrels.tsv, or the name of "
            f"a collection. Collections: {', '.join(known) or 'none yet'}."
        )
    service = build(settings)
    try:
        measured = _measured(service, args)
    finally:
        service.close()
    now = baseline_of(measured, threads=settings.threads)
    verdict = compare(args.baseline, now, margins) if args.baseline else None
    saved = args.save_baseline if verdict is None or verdict.passed else None
    if saved:
        save_baseline(saved, now)
    print(as_json(_fields(measured, verdict)) if args.json else "\n".join(_lines(measured, verdict, saved)))
    return 0 if verdict is None or verdict.passed else 1


def _measured(service: Service, args: argparse.Namespace) -> CollectionMeasure:
    collection = args.target
    queries = _judged_questions(service, collection, args.judge)
    depth = service.settings.retrieve_k
    reranker: RerankerChoice = "remote" if is_remote(args) else "local"
    # Index, models and memory are ready then, and it is known who scores.
    first = service.pipeline.search(_WARM_UP, collection=collection, retrieve_k=depth, reranker=reranker)
    if first.reranker is None:
        raise RuntimeError(f"the {reranker} reranker was asked, and no name came back")
    with Bars() as bars:
        ask_all(
            service.pipeline,
            service.library,
            collection,
            queries,
            depth=depth,
            reranker=reranker,
            fresh=True,
            progress=lambda done, total: bars.update("questions", done, total),
        )
    setup = Setup(first.reranker, service.settings.retriever, service.settings.order)
    measured = measure(service.library, collection, judge=args.judge, setup=setup, depth=depth)
    if not measured.questions:
        why = next(one.why for one in measured.unmeasured if one.query in queries)
        raise LibraryError(f"Nothing could be measured. {WHY[why]} Try again.")
    return measured


def _judged_questions(service: Service, collection: str, judge: str | None) -> list[str]:
    library = service.library
    if collection == SAMPLE_COLLECTION:
        bring_judgments(library)
    judges = library.store.judgments.judges(collection)
    if judge is not None and judge not in judges:
        names = ", ".join(map(repr, judges)) or "none yet"
        raise QueryError(f"Nobody called {judge!r} has judged in {collection!r}. Judges: {names}.")
    grades = placed(library, collection, judge).grades
    judged = [one.text for one in questions(library, collection) if has_relevant(grades.get(one.text, {}))]
    if not judged:
        raise LibraryError(
            f"No question of {collection!r} has a passage that is judged relevant, so there is nothing to "
            "measure. Judge some on the Judge page, or import judgments."
        )
    return judged


def _fields(measured: CollectionMeasure, verdict: Verdict | None) -> dict[str, object]:
    """Return what is measured as the fields of `--json`, the means under the names that tables have."""
    return (
        _by_name(measured, "retrieved", "reranked", "by_reranker", "retrieved_if_good", "reranked_if_good")
        | {"reranker": asdict(measured.reranker)}
        | {"languages": [_by_name(one, "retrieved", "reranked", "by_reranker") for one in measured.languages]}
        | {"gate": verdict and asdict(verdict) | {"passed": verdict.passed}}
    )


def _by_name(measured: CollectionMeasure | LanguageMeasure, *stages: str) -> dict[str, object]:
    """Return the fields of a measure, the means of its stages by the names that tables have."""
    means: dict[str, MetricMeans | None] = {stage: getattr(measured, stage) for stage in stages}
    return asdict(measured) | {stage: one and one.by_name for stage, one in means.items()}


def _lines(measured: CollectionMeasure, verdict: Verdict | None, saved: Path | None) -> list[str]:
    lines = [*_table(measured), "", *_counts(measured)]
    if verdict:
        lines += ["", *(f"{_MARKS[check.ok]:9}{check.sentence}" for check in verdict.checks), *verdict.notes]
    return [*lines, f"Baseline written to {saved}"] if saved else lines


def _table(measured: CollectionMeasure) -> list[str]:
    before, after = measured.retrieved.by_name, measured.reranked.by_name
    lines = [
        f"{'':12}{'retrieved':>10}{'reranked':>10}{'gain':>9}   {'95% interval':18}  won, tied, lost       p"
    ]
    for gain in measured.gains:
        near = f"{gain.interval.low:+.4f} to {gain.interval.high:+.4f}" if gain.interval else ""
        won = f"{gain.wins.wins:4}{gain.wins.ties:6}{gain.wins.losses:6}"
        numbers = f"{before[gain.name]:10.4f}{after[gain.name]:10.4f}{gain.mean:+9.4f}"
        lines.append(f"{gain.name:12}{numbers}   {near:18} {won}{_p(gain.p):>8}")
    own = measured.by_reranker
    alone = [f"nDCG@10 of the reranker's own order: {own.means.ndcg_at_10:.4f}"] if own else []
    good = [means.by_name["nDCG@10"] for means in (measured.retrieved_if_good, measured.reranked_if_good)]
    return [
        *lines,
        f"{'Judged@10':12}{before['Judged@10']:10.4f}{after['Judged@10']:10.4f}",
        f"nDCG@10 if every unjudged candidate were good: {good[0]:.4f} retrieved, {good[1]:.4f} reranked",
        *alone,
        *_languages(measured),
    ]


def _languages(measured: CollectionMeasure) -> list[str]:
    """Return nDCG@10 for each language of the questions, nothing where there is but one."""
    if len(measured.languages) < 2:
        return []
    lines = ["", f"{'nDCG@10':12}{'retrieved':>10}{'reranked':>10}{'gain':>9}   questions"]
    for one in measured.languages:
        name = "not sure" if one.language is None else language_name(one.language)
        before, after = one.retrieved.means.ndcg_at_10, one.reranked.means.ndcg_at_10
        own = one.by_reranker
        alone = f", {own.means.ndcg_at_10:.4f} by the reranker alone" if own else ""
        lines.append(
            f"{name[:11]:12}{before:10.4f}{after:10.4f}{after - before:+9.4f}   {one.reranked.queries}{alone}"
        )
    return lines


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _counts(measured: CollectionMeasure) -> list[str]:
    by = "all judges" if measured.judge is None else repr(measured.judge)
    lines = [
        f"{counted(len(measured.questions), 'question')} with {measured.depth} candidates, reranked by "
        f"{measured.reranker.id}. {answered(measured)}",
        f"{counted(measured.judgments, 'judgment')} of {by}: {measured.judgments_elsewhere:,} of them about "
        f'passages that are not here, {measured.cannot_judge:,} "cannot judge"',
    ]
    for why, sentence in WHY.items():
        if count := sum(one.why == why for one in measured.unmeasured):
            lines.append(f"Not measured: {counted(count, 'question')}. {sentence}")
    if late := measured.latency:
        lines.append(
            f"Latency: {milliseconds(late.p50_s)} at the median, {milliseconds(late.p95_s)} at p95, over "
            f"{counted(late.n, 'answer')}, every score computed"
        )
    return lines


def _margins(args: argparse.Namespace) -> Margins:
    given = {"ndcg": args.margin_ndcg, "p95": args.margin_p95}
    given = {name: margin for name, margin in given.items() if margin is not None}
    if given and not args.baseline:
        raise QueryError(
            f"--margin-{next(iter(given))} says how far from a baseline: name it with --baseline."
        )
    return Margins(**given)


def _baseline(text: str) -> Baseline:
    try:
        return read_baseline(Path(text))
    except InputFileError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _new_file(text: str) -> Path:
    path = Path(text)
    if not path.absolute().parent.is_dir() or path.is_dir():
        raise argparse.ArgumentTypeError(f"expected a file in a folder that is there, found {text!r}")
    return path


def _difference(text: str) -> float:
    return _number(text, "expected a difference of nDCG@10 from 0 to 1, such as 0.01", most=1)


def _share(text: str) -> float:
    # A number alone may be meant as a share: 0.2 as a fifth, not as a fifth of a per cent.
    return _number(text, "expected a percentage such as 20%", unit="%", most=100_000) / 100


def _number(text: str, expected: str, *, unit: str = "", most: float) -> float:
    try:
        number = float(text.removesuffix(unit)) if text.endswith(unit) else -1.0
    except ValueError:
        number = -1.0
    if not 0 <= number <= most:  # which no NaN passes either
        raise argparse.ArgumentTypeError(f"{expected}; found {text!r}")
    return number
