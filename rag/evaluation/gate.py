"""Compare a collection's measures with a saved baseline, and say what is worse by more than a margin."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import fsum
from pathlib import Path
from typing import Literal

import msgspec

from rag import __version__
from rag.amounts import counted, milliseconds
from rag.config import OrderChoice, RetrieverChoice
from rag.errors import InputFileError, QueryError
from rag.evaluation.measures import CollectionMeasure
from rag.records import ModelInfo
from rag.trec import write_whole

_ROUNDING = 1e-9  # no worse than this is no worse at all


@dataclass(frozen=True, slots=True)
class Baseline:
    """What later measures of a collection are compared with.

    `ndcg_at_10` is the reranked order's, by question. `p95_s` is over the answers whose scores were all
    computed, `timed` of them; None where there were none. `threads` is what the models ran with,
    `judgments` how many there were. `retriever` and `order` are the choices by which it was answered; a
    baseline that names none is of a time when there was one of each.
    """

    collection: str
    judge: str | None
    depth: int
    reranker: ModelInfo
    ndcg_at_10: dict[str, float]
    p95_s: float | None
    timed: int
    threads: int
    judgments: int
    retriever: RetrieverChoice = "dense"
    order: OrderChoice = "reranker"
    program: str = f"RerankLens {__version__}"
    saved_at: str = ""
    format: Literal["reranklens-baseline-1"] = "reranklens-baseline-1"


@dataclass(frozen=True, slots=True)
class Margins:
    """How much worse is not yet worse: `ndcg` as a difference, `p95` as a share of the baseline's."""

    ndcg: float = 0.01
    p95: float = 0.2


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: `ok` is None where there was nothing to compare, `sentence` says what was found."""

    name: str
    ok: bool | None
    was: float | None
    now: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison with a baseline found; `notes` say what makes the two less comparable."""

    checks: tuple[Check, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether nothing is worse by more than its margin."""
        return all(check.ok is not False for check in self.checks)


def baseline_of(measured: CollectionMeasure, *, threads: int) -> Baseline:
    """Return what was measured as a baseline for later."""
    return Baseline(
        collection=measured.collection,
        judge=measured.judge,
        depth=measured.depth,
        reranker=measured.reranker,
        ndcg_at_10={one.query: one.reranked.ndcg_at_10 for one in measured.questions},
        p95_s=measured.latency.p95_s if measured.latency else None,
        timed=measured.latency.n if measured.latency else 0,
        threads=threads,
        judgments=measured.judgments,
        retriever=measured.setup.retriever,
        order=measured.setup.order,
        saved_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def save_baseline(path: Path, baseline: Baseline) -> None:
    """Write `baseline` to `path`, all or nothing. Raises InputFileError."""
    try:
        write_whole(path, msgspec.json.format(msgspec.json.encode(baseline), indent=2).decode() + "\n")
    except OSError as exc:
        raise InputFileError(path, f"cannot be written ({exc.strerror}). Choose another file.") from exc


def read_baseline(path: Path) -> Baseline:
    """Return the baseline in `path`. Raises InputFileError where there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Baseline)
    except OSError as exc:
        raise InputFileError(path, f"cannot be read as a baseline ({exc.strerror}).") from exc
    except (ValueError, RecursionError) as exc:
        message = f"is not a baseline of this version ({exc}). Make one anew with --save-baseline."
        raise InputFileError(path, message) from exc


def compare(baseline: Baseline, now: Baseline, margins: Margins) -> Verdict:
    """Return whether `now` is worse than `baseline` by more than `margins`.

    nDCG@10 is compared over the questions that both measured; a question that is not measured any more
    is worse, too. Raises QueryError where they have no question in common, or were judged by others.
    """
    if baseline.judge != now.judge:
        raise QueryError(
            f"The baseline goes by the judgments of {_judge(baseline.judge)}, this measurement by those of "
            f"{_judge(now.judge)}. Name the same with --judge, or save a new baseline."
        )
    both = [query for query in baseline.ndcg_at_10 if query in now.ndcg_at_10]
    if not both:
        raise QueryError("The baseline and this measurement have no question in common. Save a new baseline.")
    checks = (_quality(baseline, now, both, margins.ndcg), _speed(baseline, now, margins.p95))
    lost = len(baseline.ndcg_at_10) - len(both)
    return Verdict((*checks, *_lost(lost)), tuple(_notes(baseline, now, both)))


def _quality(baseline: Baseline, now: Baseline, both: list[str], margin: float) -> Check:
    was, is_now = (fsum(one.ndcg_at_10[query] for query in both) / len(both) for one in (baseline, now))
    ok = is_now >= was - margin - _ROUNDING
    sentence = (
        f"nDCG@10 is {is_now:.4f}, it was {was:.4f} ({is_now - was:+.4f}, at most {margin:g} less allowed), "
        f"over {counted(len(both), 'question')}."
    )
    return Check("nDCG@10", ok, was, is_now, sentence)


def _speed(baseline: Baseline, now: Baseline, margin: float) -> Check:
    was, is_now = baseline.p95_s, now.p95_s
    if not was or is_now is None:
        return Check("p95", None, was, is_now, "The latency is not compared: one of the two was not timed.")
    ok = is_now <= was * (1 + margin) + _ROUNDING
    sentence = (
        f"p95 latency is {milliseconds(is_now)}, it was {milliseconds(was)} ({is_now / was - 1:+.1%}, at "
        f"most {margin * 100:g}% more allowed), over {counted(now.timed, 'answer')}."
    )
    return Check("p95", ok, was, is_now, sentence)


def _lost(questions: int) -> Iterator[Check]:
    if questions:
        sentence = (
            f"Measured for the baseline and not now: {counted(questions, 'question')}. If that is meant, "
            "save a new baseline."
        )
        yield Check("questions", False, None, None, sentence)


def _notes(baseline: Baseline, now: Baseline, both: list[str]) -> Iterator[str]:
    if new := len(now.ndcg_at_10) - len(both):
        yield f"Measured now and not for the baseline, so not compared: {counted(new, 'question')}."
    for what, was, is_now in (
        ("collection", baseline.collection, now.collection),
        ("reranker", _model(baseline.reranker), _model(now.reranker)),
        ("retriever", baseline.retriever, now.retriever),
        ("rule of the final order", baseline.order, now.order),
        ("number of candidates", baseline.depth, now.depth),
        ("number of threads", baseline.threads, now.threads),
        ("number of judgments", baseline.judgments, now.judgments),
        ("version", baseline.program, now.program),
    ):
        if was != is_now:
            yield f"The {what} was {was} and is {is_now}."


def _model(model: ModelInfo) -> str:
    return f"{model.id} ({model.sha256[:12] or model.backend})"


def _judge(name: str | None) -> str:
    return "all judges" if name is None else f"{name!r}"
