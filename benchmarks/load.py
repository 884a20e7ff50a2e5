"""Twenty clients at once, on the page and on the HTTP routes: errors, health, memory, throughput.

`python -m benchmarks.load 10` takes ten seconds of it instead of sixty.
"""

import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from statistics import median, quantiles

from benchmarks.common import RETRIEVE_K, Limit, MeasureError, Section, progress, run, sample_home, spread
from benchmarks.load_clients import (
    COHERE,
    HEALTH_EVERY_S,
    LEAST,
    MOST,
    PAGE,
    PER_VISIT,
    QUERY,
    TEI,
    Client,
    Load,
    under_load,
)
from benchmarks.questions import Bare, Question, Questions, retrieved, scored_bare, tokens_fed
from benchmarks.server import reranklens
from rag.config import usable_cores

SECONDS = 60.0
HEALTH_MS = 250
GROWTH_MB = 15
SHARE = 0.9  # of the bare loop's throughput
_CLIENTS = {PAGE: 4, QUERY: 8, COHERE: 6, TEI: 2}
_N_CLIENTS = sum(_CLIENTS.values())
_KNOWN = 2  # questions of each client that the bare loop scores, too


def measure(seconds: float = SECONDS) -> Section:
    """Return what twenty clients found in `seconds`, and the same scoring without a server around it."""
    questions = Questions()
    clients = [Client(kind, questions, _KNOWN) for kind, number in _CLIENTS.items() for _ in range(number)]
    with sample_home() as home:
        sample = retrieved(home, [question for client in clients for question in client.known])
        progress("load: the bare loop, before")
        bare = [scored_bare(sample)]
        progress(f"load: {_N_CLIENTS} clients for {seconds:.0f} s")
        with reranklens(home) as server:
            load = asyncio.run(under_load(server, clients, seconds))
        progress("load: the bare loop, after")
        bare.append(scored_bare(sample))
        if len(load.answers) < 2:
            raise MeasureError(f"There were no answers to measure. Problems: {load.problems[:3]}")
        asked = retrieved(home, [answer.question for answer in load.answers])
    return _section(load, asked, bare, seconds)


def _section(load: Load, asked: Sequence[Question], bare: Sequence[Bare], seconds: float) -> Section:
    rows = [
        *(_row(kind, load) for kind in _CLIENTS),
        ["opening the page", "", str(len(load.opened_s)), "", _spread_s(load.opened_s)],
        ["GET /healthz", "1", str(len(load.health_s)), "", _spread_s(load.health_s, digits=3)],
    ]
    return Section(
        title=f"{_N_CLIENTS} clients at once",
        workload=(
            f"One server for {seconds:.0f} s, with every setting at its default. Each client asks the next "
            f"question when it has the answer to the last: {RETRIEVE_K} candidates on the page and through "
            f"/api/query, {LEAST} to {MOST} passages through the rerank routes; no query "
            f"comes twice. A visitor of the page loads all its files, asks {PER_VISIT} questions and makes "
            f"room for the next one. Health is asked every {HEALTH_EVERY_S * 1000:.0f} ms. The bare loop "
            f"scores the first {_KNOWN} questions of each client, one call after the other, on "
            f"{usable_cores()} workers in a process of its own, before and after."
        ),
        columns=["", "clients", "answers", "503", "time of one"],
        rows=rows,
        limits=[_errors(load), _health(load), _memory(load), _throughput(load, asked, bare)],
        notes=_notes(load, bare),
    )


def _row(kind: str, load: Load) -> list[str]:
    times = [answer.seconds for answer in load.answers if answer.kind == kind]
    return [kind, str(_CLIENTS[kind]), str(len(times)), str(load.refusals[kind]), _spread_s(times)]


def _spread_s(seconds: Sequence[float], digits: int = 1) -> str:
    return spread(seconds, "s", digits=digits) if seconds else ""


def _errors(load: Load) -> Limit:
    found = (
        f"{len(load.answers)} answers, {load.refusals.total()} times 503, {len(load.problems)} other problems"
    )
    first = f", the first: {load.problems[0]}" if load.problems else ""
    return Limit("no error but 503 to whoever finds the queue full", found + first, not load.problems)


def _health(load: Load) -> Limit:
    p99 = quantiles(load.health_s, n=100)[98] * 1000
    found = f"{p99:.0f} ms, median {median(load.health_s) * 1000:.0f} ms of {len(load.health_s)}"
    return Limit(
        f"health answers within {HEALTH_MS} ms, 99 times in a hundred",
        f"{found}, the slowest {max(load.health_s) * 1000:.0f} ms",
        p99 < HEALTH_MS,
    )


def _memory(load: Load) -> Limit:
    third = max(1, len(load.memory_mb) // 3)
    first, last = median(load.memory_mb[:third]), median(load.memory_mb[-third:])
    return Limit(
        f"memory is flat: at most {GROWTH_MB} MB more in the last third than in the first",
        f"{last - first:+.0f} MB, from {first:.0f} to {last:.0f} MB; {max(load.memory_mb):.0f} MB at most",
        last - first <= GROWTH_MB,
    )


def _throughput(load: Load, asked: Sequence[Question], bare: Sequence[Bare]) -> Limit:
    # From the first answer to the last one: what was begun and not finished counts on neither side.
    span_s = load.answers[-1].at - load.answers[0].at
    tokens, pairs = sum(tokens_fed(asked[1:])), sum(len(question.passages) for question in asked[1:])
    share = tokens / span_s / (sum(b.tokens for b in bare) / sum(b.seconds for b in bare))
    return Limit(
        f"scores at least {SHARE:.0%} of what the bare loop does in the same time",
        f"{share:.0%}: {tokens / span_s:,.0f} tokens a second, in {pairs:,} pairs",
        share >= SHARE,
    )


def _notes(load: Load, bare: Sequence[Bare]) -> list[str]:
    before, after = (f"{b.tokens_per_s:,.0f}" for b in bare)
    return [
        f"The bare loop: {before} tokens a second before the load and {after} after it, "
        f"in the same {bare[0].pairs:,} pairs.",
        f"Scores that were known before: {sum(answer.cached for answer in load.answers)}.",
        f"The clients run on the same machine, and took {load.own_cores:.2f} of its {usable_cores()} cores "
        f"from the server, which had {load.server_cores:.2f}.",
    ]


if __name__ == "__main__":
    sys.exit(run(partial(measure, *map(float, sys.argv[1:]))))
