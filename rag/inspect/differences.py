"""Say how much it matters which of two rerankers orders the candidates."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rag.amounts import counted
from rag.metrics import has_relevant, ndcg
from rag.stats.agreement import Agreement, agreement
from rag.stats.resample import FEWEST, Interval, bootstrap, wins

TOP = 10
MARGIN = 0.01  # of nDCG@10: a loss that is taken for none

# Two orders are nearly the same where at most one question in twenty has another first chunk, and of the
# top ten at most one in twenty is another.
_MOST_OTHERS = 0.05
_QUOTED_CHARS = 80

Level = Literal["same", "better", "worse", "open"]


@dataclass(frozen=True, slots=True)
class Difference:
    """How two rerankers differ on the candidates of one question.

    `ndcg` are nDCG@10 of the first and of the second one's order, None where nothing relevant is judged.
    """

    query: str
    agreement: Agreement
    same_first: bool
    same_top: bool
    largest_change: int
    ndcg: tuple[float, float] | None = None

    @property
    def ndcg_change(self) -> float | None:
        """What the second one gains over the first."""
        return self.ndcg[1] - self.ndcg[0] if self.ndcg else None


@dataclass(frozen=True, slots=True)
class Differences:
    """How the reranker `b` differs from `a`, question by question; both by the names that people read."""

    a: str
    b: str
    questions: tuple[Difference, ...]

    @property
    def ndcg_changes(self) -> tuple[float, ...]:
        """What `b` gains over `a`, for each judged question."""
        return tuple(change for each in self.questions if (change := each.ndcg_change) is not None)

    @property
    def other_first(self) -> int:
        """For how many questions another chunk is first."""
        return sum(not each.same_first for each in self.questions)

    @property
    def other_top(self) -> int:
        """For how many questions the top 10 holds other chunks, in whatever order."""
        return sum(not each.same_top for each in self.questions)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether `b` may take the place of `a`: `same` says that it may, `open` that it is not known.

    `because` are sentences with the figures that it rests on.
    """

    level: Level
    sentence: str
    because: tuple[str, ...]


def difference(
    query: str, a: Sequence[str], b: Sequence[str], grades: Mapping[str, int] | None = None
) -> Difference:
    """Return how the orders `a` and `b` of the same chunks differ, measured where `grades` allow it."""
    rank_in_b = {chunk: rank for rank, chunk in enumerate(b, 1)}
    changes = [abs(rank - rank_in_b[chunk]) for rank, chunk in enumerate(a, 1)]
    measured = grades is not None and has_relevant(grades)
    return Difference(
        query,
        agreement(a, b, k=TOP),
        same_first=a[:1] == b[:1],
        same_top=set(a[:TOP]) == set(b[:TOP]),
        largest_change=max(changes, default=0),
        ndcg=(ndcg(a, grades, TOP), ndcg(b, grades, TOP)) if grades and measured else None,
    )


def verdict(found: Differences) -> Verdict | None:
    """Return whether the second reranker may take the first one's place; None without a question.

    The judged questions decide where there are enough, the orders alone where there are not.
    """
    if not found.questions:
        return None
    interval = bootstrap(found.ndcg_changes)
    if interval and interval.n >= FEWEST:
        level, sentence = _by_judgments(found, interval)
    else:
        level, sentence = _by_order(found)
    return Verdict(level, sentence, (*_order_in_words(found), *_judged_in_words(found)))


def _by_judgments(found: Differences, interval: Interval) -> tuple[Level, str]:
    on = f"on {counted(interval.n, 'judged question')}"
    if wins(found.ndcg_changes).ties == interval.n:
        return "same", f"Yes: {on}, nDCG@10 is the same for both."
    if interval.low > 0:
        return "better", f"Yes: {found.b} gains nDCG@10 over {found.a} {on}, more than chance explains."
    if interval.low >= -MARGIN:
        return "same", f"Yes: {found.b} loses at most {MARGIN:g} of nDCG@10 against {found.a} (95%), {on}."
    if interval.high < 0:
        return "worse", f"No: {found.b} loses nDCG@10 against {found.a} {on}, more than chance explains."
    return (
        "open",
        f"Not shown: {on}, {found.b} may still lose up to {-interval.low:.3f} of nDCG@10 against {found.a}. "
        "Judge more questions.",
    )


def _by_order(found: Differences) -> tuple[Level, str]:
    n = len(found.questions)
    on = f"for {'the one question' if n == 1 else f'all {n} questions'}"
    if not found.other_first and not found.other_top:
        return "same", f"Yes: {on}, both put the same chunk first and the same ones into the top {TOP}."
    overlap = _mean(each.agreement.overlap for each in found.questions)
    if found.other_first <= _MOST_OTHERS * n and overlap >= 1 - _MOST_OTHERS:
        return (
            "same",
            f"Nearly: of {counted(n, 'question')}, hardly one has another chunk first, and hardly a chunk of "
            f"the top {TOP} is another.",
        )
    return (
        "open",
        f"They differ on {counted(n, 'question')}; which of the two is right, only judgments tell. "
        f"Judge {FEWEST} questions or more, or vote without seeing the names.",
    )


def _order_in_words(found: Differences) -> tuple[str, ...]:
    n = len(found.questions)
    # Of a single candidate there is but one order.
    taus = [1.0 if (tau := each.agreement.kendall_tau) is None else tau for each in found.questions]
    widest = max(found.questions, key=lambda each: each.largest_change)
    shared = _mean(each.agreement.overlap for each in found.questions)
    return (
        f"Top 1: another chunk for {found.other_first} of {counted(n, 'question')}."
        f"{_at_most(found.other_first, n)}",
        f"Top {TOP}: other chunks for {found.other_top} of {counted(n, 'question')}; "
        f"on average {shared:.1%} of them are the same.",
        f"Kendall tau: {_mean(taus):.3f} on average, {min(taus):.3f} at the least (1 is the same order).",
        f"Largest change of rank: {widest.largest_change}"
        + (f", for “{_quoted(widest.query)}”." if widest.largest_change else "."),
    )


def _at_most(others: int, n: int) -> str:
    """Return what a count of no `others` leaves open: with n questions alike, one in so many may differ."""
    if others:
        return ""
    # 95 % of samples of n would show one at least, were the true share as large.
    return f" Of all questions like these, up to {1 - 0.05 ** (1 / n):.0%} may differ (95%)."


def _judged_in_words(found: Differences) -> tuple[str, ...]:
    changes = found.ndcg_changes
    if not changes:
        return ("nDCG@10: no question is judged, so it is not known which order is better.",)
    first, second = zip(*(each.ndcg for each in found.questions if each.ndcg), strict=True)
    interval, counts = bootstrap(changes), wins(changes)
    sure = f" (95% interval {interval.low:+.3f} to {interval.high:+.3f})" if interval else ""
    return (
        f"nDCG@10 on {counted(len(changes), 'judged question')}: {_mean(first):.3f} and {_mean(second):.3f}, "
        f"a change of {_mean(changes):+.3f}{sure}; better {counts.wins}, same {counts.ties}, "
        f"worse {counts.losses}.{_at_most(counts.wins + counts.losses, len(changes))}",
    )


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return math.fsum(known) / len(known)


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _QUOTED_CHARS else f"{line[:_QUOTED_CHARS].rstrip()}…"
